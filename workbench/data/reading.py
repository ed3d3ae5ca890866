"""How your own data is read: class names, image size, and the split into parts."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from workbench.core.errors import WorkbenchError
from workbench.core.params import Params, make
from workbench.data.class_names import is_order, read_class_names, read_renaming
from workbench.data.resizing import BILINEAR, STRETCH, Fit, Interpolation


def _size(value: Any) -> Any:
    """64, "64" or "48x64" -> (H, W)."""
    if isinstance(value, str):
        parts = value.lower().replace("×", "x").split("x")
        if not all(part.strip().isdecimal() for part in parts) or len(parts) > 2:
            raise WorkbenchError(f"`image_size` must be N or HxW in pixels, such as 64 or 48x64. Got {value!r}.")
        value = [int(part) for part in parts]
    if isinstance(value, int) and not isinstance(value, bool):
        value = [value]
    return tuple(value) * 2 if isinstance(value, list | tuple) and len(value) == 1 else value


def _names(value: Any) -> Any:
    return value if value is None else read_class_names(value)


def _interpolation(value: Any) -> Any:
    return "lanczos3" if value == "lanczos" else value  # as Pillow calls it


Side = Annotated[int, Field(ge=1, le=4096)]


class Reading(Params):
    """How data is read, where its source does not determine it.

    Attributes:
        class_names: K names in the order of the model's classes: a list, "cat,dog", or a .txt or .json file of them.
        model_names: class names of a model; a folder's classes are put in this order if it has only these.
        renaming: names to be shown for those of a folder's classes, by these; also given as `class_names`, as a dict or
            a .json file of an object.
        image_size: (H, W) that the images of a folder are resized to; N is (N, N). Default: their most common size.
        channels: 1 for grey, 3 for colour. Default: as the images of the folder.
        fit: what is done about files of other proportions: "stretch" them, as Keras' readers do by default; "pad" with
            black (`pad_to_aspect_ratio`), or "crop" to the middle (`crop_to_aspect_ratio`).
        interpolation: how they are resized: one of Keras' names, without antialiasing, as Keras does it, or
            "antialias".
        seed: seed for the order of a folder's images and for splitting it.
        test_share: share of each class of a folder that becomes the test part, if it has no test folder.
        metadata: path of a table of what else is known of each image, with a column of file names, or the columns part
            and index; a folder may bring its own, metadata.csv.
        follow_links: whether links that lead out of a folder are followed, and files of a table out of its folder read.
        validation_share: share at the end of the training part that becomes the validation part, if there is none.
    """

    class_names: Annotated[tuple[str, ...] | None, BeforeValidator(_names)] = None
    model_names: tuple[str, ...] | None = None
    renaming: dict[str, str] = Field(default_factory=dict)
    image_size: Annotated[tuple[Side, Side] | None, BeforeValidator(_size)] = None
    channels: Literal[1, 3] | None = None
    fit: Fit = STRETCH
    interpolation: Annotated[Interpolation, BeforeValidator(_interpolation)] = BILINEAR
    seed: int = Field(0, ge=0, lt=2**32)
    test_share: float = Field(0.2, ge=0, lt=1)
    follow_links: bool = False
    metadata: str | None = None
    validation_share: float = Field(0.1, ge=0, lt=1)

    @classmethod
    def of(cls, values: dict[str, Any]) -> Reading:
        """Build it from what was given; None leaves a setting as it is.

        Raises:
            WorkbenchError: if a name is unknown or a value does not fit, in one sentence.
        """
        # Read here, since `make` splits every text at its commas.
        own = {"class_names": read_class_names, "image_size": _size}
        given = {name: value for name, value in values.items() if value is not None}
        if renaming := read_renaming(given.get("class_names", ())):
            given["renaming"] = renaming
            names = [renaming[key] for key in sorted(renaming, key=int)] if is_order(renaming) else None
            given = {**given, "class_names": names} if names else {k: v for k, v in given.items() if k != "class_names"}
        return make(cls, {name: own[name](value) if name in own else value for name, value in given.items()})

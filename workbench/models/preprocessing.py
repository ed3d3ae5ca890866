"""Preprocessing conventions: how an image in [0, 1] is scaled for a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.core.errors import WorkbenchError, unknown

AUTO, FIND = "auto", "find"
"""Determined from the model's own layers, and from its accuracy: two names that stand for one of the others."""
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the red, green and blue channel in [0, 1], as in keras.applications' "torch" mode."""
CAFFE_MEAN = (103.939, 116.779, 123.68)
"""Of blue, green and red in [0, 255], as in its "caffe" mode."""


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """One convention: `images · scale + offset`, the channels turned round before that where it says so.

    It takes numpy arrays and tensors alike, `(B, H, W, C)` in [0, 1], and keeps their dtype; inside a compiled function
    gradients pass through it, so that they are always by the pixels in [0, 1].

    Attributes:
        name: as `--preprocessing` takes it.
        words: for a sentence "... if the images are <words>".
        scale, offset: one number, or one a channel as it is given (blue first where the channels are turned round).
        bgr: whether blue comes first.
    """

    name: str
    words: str
    scale: tuple[float, ...] = (1.0,)
    offset: tuple[float, ...] = (0.0,)
    bgr: bool = False

    def change(self, images: Any) -> Any:
        """Images in [0, 1] to what the network is given."""
        images = images[..., ::-1] if self.bgr else images
        images = images if self.scale == (1.0,) else images * _as(self.scale, images)
        return images if self.offset == (0.0,) else images + _as(self.offset, images)

    def undo(self, given: Any) -> Any:
        """What the network is given to images in [0, 1]."""
        given = given if self.offset == (0.0,) else given - _as(self.offset, given)
        given = given if self.scale == (1.0,) else given / _as(self.scale, given)
        return given[..., ::-1] if self.bgr else given

    def fits(self, channels: int) -> bool:
        """Whether images of so many channels can be given in this way."""
        return len(self.scale) == len(self.offset) == 1 or channels == 3


def _as(values: tuple[float, ...], like: Any) -> Any:
    """Return a number, or one for each channel, in the dtype of an array or a tensor."""
    if len(values) == 1:
        return values[0]
    return np.asarray(values, getattr(like.dtype, "as_numpy_dtype", like.dtype))


UNIT = Preprocessing(name="unit", words="scaled to 0…1")
PIXELS = Preprocessing(name="pixels", words="given as pixels of 0…255", scale=(255.0,))
_ALL = (
    UNIT,
    Preprocessing(name="signed", words="scaled to −1…1", scale=(2.0,), offset=(-1.0,)),
    PIXELS,
    Preprocessing(
        name="imagenet-torch",
        words="normalised by ImageNet's mean and deviation",
        scale=tuple(1 / d for d in IMAGENET_DEVIATION),
        offset=tuple(-m / d for m, d in zip(IMAGENET_MEAN, IMAGENET_DEVIATION, strict=True)),
    ),
    Preprocessing(
        name="imagenet-caffe",
        words="given as blue, green, red in 0…255 less ImageNet's mean",
        scale=(255.0,) * 3,
        offset=tuple(-mean for mean in CAFFE_MEAN),
        bgr=True,
    ),
)
CONVENTIONS = {each.name: each for each in _ALL}
"""Every convention by its name."""
NAMES = (AUTO, *CONVENTIONS)


def preprocessing(name: str, channels: int) -> Preprocessing:
    """Return the convention of this name.

    Raises:
        WorkbenchError: if there is none, or it is for colour and the images are not.
    """
    if name not in CONVENTIONS:
        raise unknown("preprocessing", name, (*NAMES, FIND))
    found = CONVENTIONS[name]
    if not found.fits(channels):
        raise WorkbenchError(
            f"The preprocessing {name!r} is for colour images, (N, H, W, 3). These have {channels} channel"
            f"{'s' if channels > 1 else ''}: choose one of "
            f"{', '.join(each.name for each in _ALL if each.fits(channels))}."
        )
    return found


WRONG = "If that is wrong, every number here is: --preprocessing pixels|signed|…"
UNREADABLE = "it cannot be read off the model"
ASSUMED = f"The pixels' scale is assumed to be 0…1: {UNREADABLE}. {WRONG}"
"""What is said where nothing shows the scale, and nobody has measured it."""


@dataclass(frozen=True, kw_only=True)
class InputScale:
    """What a model is given for an image, and how that is known.

    Attributes:
        name: of the preprocessing, as it is asked for; "auto" where the model shows it, or [0, 1] is assumed.
        given: of what the model is given.
        found: how it was measured; empty where it was not.
        assumed: what is assumed about it, a sentence; empty where it is known.
        doubt: what labelled images say against what the model shows, a sentence; empty where they do not.
    """

    name: str = AUTO
    given: str = UNIT.name
    found: str = ""
    assumed: str = ""
    doubt: str = ""

    @property
    def words(self) -> str:
        """Say in a few words what a caption has to say; nothing where the model shows it."""
        if self.assumed:
            return f"{self.given}, assumed"
        if self.doubt:
            return f"{self.given}, in doubt"
        return f"{self.given}, measured" if self.found else ""

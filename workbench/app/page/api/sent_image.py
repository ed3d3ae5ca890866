"""The image of a call from outside: one of the dataset by name or row, a file's content, or the pixels themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from workbench.app.page.own_image import bytes_of
from workbench.app.page.subject import Subject
from workbench.app.page.subjects import of_dataset, of_user
from workbench.core.errors import WorkbenchError
from workbench.core.image_names import exact_image
from workbench.core.types import Array
from workbench.data.image_file import read_image
from workbench.data.resizing import Fit, Interpolation

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk

FORMS = "a data URI of an image file, the name or row of an image of the dataset, or H × W × C whole numbers 0…255"

LONGEST = 4_096
"""Letters of a name; what is longer is a file's content."""


def subject_of(
    desk: Desk,
    image: object,
    *,
    invert: bool = False,
    fit: Fit | None = None,
    interpolation: Interpolation | None = None,
) -> tuple[Subject, list[str]]:
    """Return what is asked about, and one phrase for each thing that was done to it; the model is there.

    Args:
        desk: who has the model and the dataset.
        image: in one of the four forms.
        invert: turn light into dark; not for an image of the dataset.
        fit: how a file is fitted to the model's size; as the dataset's own files, if not given.
        interpolation: how it is resized; likewise.

    Raises:
        WorkbenchError: if it is none of these, too large, damaged, or of another size than the model takes.
    """
    names = desk.session.dataset.names
    if isinstance(image, str) and len(image) <= LONGEST and (row := exact_image(names, image)) is not None:
        image = row
    if isinstance(image, str) and image.isascii() and image.isdigit() and len(image) < 10:
        image = int(image)
    if isinstance(image, int) and not isinstance(image, bool):
        if invert:
            raise WorkbenchError("`invert` applies to your own images, not to images of the dataset.")
        desk.session.dataset.rows([image])  # says which rows there are
        return of_dataset(desk, image), []
    shape = desk.session.dataset.image_shape
    if isinstance(image, str):
        usual = desk.session.dataset.fit
        how = {"fit": fit or usual[0], "interpolation": interpolation or usual[1]}
        pixels, words = read_image(content_of(image), shape, invert=invert, **how)  # type: ignore[arg-type]
    elif isinstance(image, Sequence):
        pixels, words = _pixels_of(image, shape), ["inverted"] if invert else []
        pixels = 255 - pixels if invert else pixels
    else:
        raise WorkbenchError(f"`image` must be {FORMS}. Got {type(image).__name__}.")
    key = hashlib.sha256(pixels.tobytes()).hexdigest()[:16]
    return of_user(desk, key, np.asarray(pixels, np.uint8)), list(words)


def content_of(text: str) -> bytes:
    """Return the content of a data URI, or of bare base64; an address is not fetched.

    Raises:
        WorkbenchError: if it is neither, or has more than 16 MB.
    """
    head, _, tail = text.partition(",") if text.startswith("data:") else ("", "", text)
    if head and not head.endswith(";base64"):
        raise WorkbenchError("A data URI must be in base64: data:image/png;base64,…")
    return bytes_of("".join(tail.split()), f"`image` must be {FORMS}. Got text that is neither; URLs are not fetched.")


def _pixels_of(image: Sequence[object], shape: tuple[int, int, int]) -> Array:
    try:
        pixels = np.asarray(image)
    except ValueError:  # of unequal lengths
        pixels = np.empty(0, object)
    if pixels.dtype.kind not in "iu" or pixels.shape not in (shape, shape[:2] if shape[2] == 1 else shape):
        got = "no whole numbers" if pixels.dtype.kind not in "iu" else " × ".join(map(str, pixels.shape))
        raise WorkbenchError(
            f"The pixels of `image` must be {' × '.join(map(str, shape))} whole numbers 0…255. Got {got}."
        )
    if pixels.min() < 0 or pixels.max() > 255:
        raise WorkbenchError(f"The pixels of `image` must lie in 0…255. Got {pixels.min()}…{pixels.max()}.")
    return pixels.astype(np.uint8).reshape(shape)

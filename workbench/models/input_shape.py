"""The image shape that a model takes: with or without channel axis, or flat, of fixed or open size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.errors import WorkbenchError

if TYPE_CHECKING:
    import keras

COLOURS = (1, 3)
"""Sizes that an axis has which is the channels' one."""


def fit_input(
    model: keras.Model, image_shape: tuple[int, int, int] | None
) -> tuple[tuple[int, int, int], tuple[int, ...]]:
    """Find (H, W, C) of the images, and the shape in which the model wants one.

    Raises:
        WorkbenchError: if it takes no image of this shape, or leaves its size open and none is given.
    """
    if not getattr(model, "built", False):
        raise WorkbenchError("The model has not been built: give it an Input layer, or call it once on an image.")
    try:
        wanted = model.input_shape
    except (AttributeError, ValueError):
        wanted = None if image_shape is None else (None, *image_shape)
    if wanted is None or isinstance(wanted, list | dict) or len(wanted) not in (2, 3, 4):
        hint = " Give `image_shape=(H, W, C)`, if it takes images." if wanted is None else ""
        raise WorkbenchError(f"The model must have one image input, (N, H, W, C). Its input is {wanted}.{hint}")
    size = tuple(wanted[1:])
    first = channels_first(size)
    if image_shape is None:
        full = (*size, 1) if len(size) == 2 else (*size[1:], size[0]) if first else size
        if len(full) != 3 or None in full:
            raise WorkbenchError(
                f"The model's input {wanted} does not fix the image size: give `image_shape=(H, W, C)`."
            )
        return full, size
    if len(size) == 3:
        known = size if not first else (*size[1:], size[0])
        fits = all(w is None or w == g for w, g in zip(known, image_shape, strict=True))
    elif len(size) == 2:
        fits = image_shape[2] == 1 and all(w is None or w == g for w, g in zip(size, image_shape, strict=False))
    else:
        fits = size[0] == int(np.prod(image_shape))
    if not fits:
        order = "channels first (C, H, W)" if first else "(H, W, C)"
        other = " (H, W, C)" if first else ""
        raise WorkbenchError(f"The model takes images of shape {size} {order}. The data has {image_shape}{other}.")
    return image_shape, _as_taken(image_shape, size)


def channels_first(size: Sequence[int | None]) -> bool:
    """Whether an input is (C, H, W): the first of three axes has the size of colours, and the last one has not."""
    return len(size) == 3 and size[0] in COLOURS and size[2] not in COLOURS


def _as_taken(image_shape: tuple[int, int, int], size: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of one image as the model takes it: with channel axis, last or first, without, or flat."""
    if channels_first(size):
        return (image_shape[2], *image_shape[:2])
    return {3: image_shape, 2: image_shape[:2]}.get(len(size), size)

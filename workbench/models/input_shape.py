"""The image shape that a model takes: with or without channel axis, or flat, of fixed or open size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.errors import WorkbenchError
from workbench.core.memory import free_memory
from workbench.core.types import Array

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


def trial_images(image_shape: tuple[int, int, int], input_shape: tuple[int, ...]) -> Array:
    """Make the noise that a model is first run on, `(n, H, W, C)` float32 in [0, 1].

    They are as many images as no other size is, so that they are known again wherever a layer puts that axis.

    Raises:
        WorkbenchError: if there is not the memory for them.
    """
    count = next(n for n in (5, 7, 11, 13, 17, 19, 23) if n not in (*image_shape, *input_shape))
    size, free = 12 * count * math.prod(image_shape), free_memory()
    if free is not None and size > free:
        raise WorkbenchError(
            f"The model takes images of shape {image_shape}: {count} need {size / 2**30:,.0f} GB of memory, "
            f"and {free / 2**30:.1f} GB are free."
        )
    return np.random.default_rng(0).random((count, *image_shape), np.float32)

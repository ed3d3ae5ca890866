"""Images moved, turned and scaled: affine maps of their pixels, and the same ways back."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.core.types import Array


def shifts(down: Array, right: Array) -> Array:
    """Return the maps that move each picture by so many pixels: `(B, 2, 3)`, as `resample` takes them."""
    maps = np.tile(np.eye(2, 3), (len(down), 1, 1))
    maps[:, 0, 2], maps[:, 1, 2] = -np.asarray(down), -np.asarray(right)
    return maps


def turns(degrees: Array) -> Array:
    """Return the maps that turn each picture anticlockwise about its middle: `(B, 2, 3)`."""
    angle = np.deg2rad(np.asarray(degrees, np.float64))
    maps = np.zeros((len(angle), 2, 3))
    maps[:, 0, 0] = maps[:, 1, 1] = np.cos(angle)
    maps[:, 0, 1], maps[:, 1, 0] = np.sin(angle), -np.sin(angle)
    return maps


def zooms(factors: Array) -> Array:
    """Return the maps that make each picture so many times larger, its middle where it was: `(B, 2, 3)`."""
    return np.eye(2, 3)[None] / np.asarray(factors, np.float64)[:, None, None]


def inverse(maps: Array) -> Array:
    """Return the inverse of each of `(B, 2, 3)` maps."""
    back = np.linalg.inv(maps[:, :, :2])
    return np.concatenate([back, -back @ maps[:, :, 2:]], axis=2)


def sources(maps: Array, height: int, width: int) -> Array:
    """Return for each pixel of the result where in the picture it comes from: `(B, H, W, 2)` row and column.

    Args:
        maps: `(B, 2, 3)`: row and column, counted from the middle, and a constant 1, to the place they come from.
        height: of the picture, in pixels.
        width: of the picture, in pixels.
    """
    middle = np.array([(height - 1) / 2, (width - 1) / 2])
    grid = np.moveaxis(np.mgrid[:height, :width], 0, -1) - middle  # (H, W, 2)
    return np.einsum("bij,hwj->bhwi", maps[:, :, :2], grid) + maps[:, None, None, :, 2] + middle


def inside(maps: Array, height: int, width: int) -> Array:
    """Return which pixels of the result come from within the picture: `(B, H, W)` bool."""
    places, ends = sources(maps, height, width), np.array([height - 1, width - 1])
    return np.asarray(((places >= -1e-6) & (places <= ends + 1e-6)).all(axis=-1))


def resample(
    images: Array, maps: Array, colours: Array | None = None, filled: Array | None = None, *, order: int = 3
) -> Array:
    """Move the pixels of each image, with a spline through them.

    Straight lines between the pixels (order 1) would smooth fine texture away: a model that hangs on it then seems to
    fail at the movement, and fails less where the movement is larger.

    Args:
        images: `(B, H, W, C)` float.
        maps: `(B, 2, 3)`, see `sources`.
        colours: `(B, C)`, what lies around each picture.
        filled: `(B,)` bool, which pictures have that colour around them; the others go on as their border is, and
            so do all without `colours`.
        order: of the spline; 3 is cubic, and overshoots a little at edges.

    Returns:
        `(B, H, W, C)` float of the images' precision.
    """
    from scipy.ndimage import affine_transform

    moved = np.empty_like(images)
    middle = np.array([(images.shape[1] - 1) / 2, (images.shape[2] - 1) / 2])
    for n, (image, turn) in enumerate(zip(images, maps, strict=True)):
        matrix, offset = turn[:, :2], turn[:, 2] + middle - turn[:, :2] @ middle
        for channel in range(images.shape[3]):
            around: dict[str, Any] = {"mode": "nearest"}
            if colours is not None and filled is not None and filled[n]:
                around = {"mode": "grid-constant", "cval": float(colours[n, channel])}
            affine_transform(image[..., channel], matrix, offset, output=moved[n, ..., channel], order=order, **around)
    return moved

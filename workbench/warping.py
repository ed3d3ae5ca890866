"""Images moved, turned and scaled: affine maps of their pixels, and the same ways back."""

from __future__ import annotations

import numpy as np

from workbench.contracts import Array


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
    """Return the way back of each of `(B, 2, 3)` maps."""
    back = np.linalg.inv(maps[:, :, :2])
    return np.concatenate([back, -back @ maps[:, :, 2:]], axis=2)


def sources(maps: Array, height: int, width: int) -> Array:
    """Say for each pixel of the result where in the picture it comes from: `(B, H, W, 2)` row and column.

    Args:
        maps: `(B, 2, 3)`: row and column, counted from the middle, and a constant 1, to the place they come from.
        height: of the picture, in pixels.
        width: of the picture, in pixels.
    """
    middle = np.array([(height - 1) / 2, (width - 1) / 2])
    grid = np.moveaxis(np.mgrid[:height, :width], 0, -1) - middle  # (H, W, 2)
    return np.einsum("bij,hwj->bhwi", maps[:, :, :2], grid) + maps[:, None, None, :, 2] + middle


def inside(maps: Array, height: int, width: int) -> Array:
    """Say which pixels of the result come from within the picture: `(B, H, W)` bool."""
    places, ends = sources(maps, height, width), np.array([height - 1, width - 1])
    return np.asarray(((places >= -1e-6) & (places <= ends + 1e-6)).all(axis=-1))


def resample(images: Array, maps: Array, colours: Array | None = None, filled: Array | None = None) -> Array:
    """Move the pixels of each image, with bilinear weights between them.

    Args:
        images: `(B, H, W, C)` float.
        maps: `(B, 2, 3)`, see `sources`.
        colours: `(B, C)`, what lies around each picture.
        filled: `(B,)` bool, which pictures have that colour around them; the others go on as their border is, and
            so do all without `colours`.

    Returns:
        `(B, H, W, C)` float of the images' precision.
    """
    count, height, width, channels = images.shape
    plain = np.zeros(count, bool) if filled is None or colours is None else filled
    around = np.zeros((count, channels)) if colours is None else np.where(plain[:, None], colours, 0.0)
    places = sources(maps, height, width)
    places = np.where(plain[:, None, None, None], places, np.clip(places, 0, (height - 1, width - 1)))
    low = np.floor(places + 1e-9).astype(np.int64)  # a whole pixel is not missed by a rounding
    share = np.clip(places - low, 0, 1)
    offset = images - around[:, None, None].astype(images.dtype)
    each = np.arange(count)[:, None, None]
    moved = np.zeros(images.shape, images.dtype)
    for down in (0, 1):
        for right in (0, 1):
            row, column = low[..., 0] + down, low[..., 1] + right
            weight = np.abs(1 - down - share[..., 0]) * np.abs(1 - right - share[..., 1])
            weight *= (row >= 0) & (row < height) & (column >= 0) & (column < width)
            taken = offset[each, np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)]
            moved += weight[..., None].astype(images.dtype) * taken
    return np.asarray(moved + around[:, None, None].astype(images.dtype))

"""Images made small, by the means of blocks, and grey ones in colour."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np

from workbench.core.dataset import Dataset
from workbench.core.progress import report
from workbench.core.types import Array
from workbench.data.lazy_images import portions


def block_means(images: Array, side: int) -> Array:
    """Shrink `(…, H, W, C)` pictures to at most `side` pixels by averaging whole blocks; small ones stay.

    Returns:
        float64 of bytes, and the precision of floats; what is left over at the right and below is cut off.
    """
    height, width = images.shape[-3:-1]
    step = -(-max(height, width) // side)
    if step <= 1:
        return np.asarray(images)
    h, w = max(height // step, 1), max(width // step, 1)
    cut = images[..., : h * min(step, height), : w * min(step, width), :]
    blocks = cut.reshape(*images.shape[:-3], h, cut.shape[-3] // h, w, cut.shape[-2] // w, images.shape[-1])
    return np.asarray(blocks.mean(axis=(-4, -2)))


def small(images: Array, side: int = 96) -> Array:
    """Shrink `(…, H, W, C)` uint8 pictures to at most `side` pixels by `block_means`: uint8."""
    means = block_means(images, side)
    return means if means.dtype == np.uint8 else means.round().astype(np.uint8)


def thumbnails_of(dataset: Dataset, rows: Sequence[int] | Array, side: int = 96) -> Array:
    """Read some images and shrink them by `small`; a crossed box stands for each where there are none.

    Returns:
        `(n, h, w, C)` uint8.
    """
    if dataset.has_images:
        return small(np.asarray(dataset.images[rows]), side)
    return np.repeat(picture_of(dataset, 0)[None], len(rows), axis=0)


def picture_of(dataset: Dataset, row: int) -> Array:
    """Return an image as `(H, W, C)` uint8; a grey box with its diagonals where there are no images."""
    if dataset.has_images:
        return np.asarray(dataset.images[row])
    height, width, channels = dataset.image_shape
    places = np.arange(min(height, width))
    box = np.full((height, width, channels), 240, np.uint8)
    box[places, places] = box[places, places[::-1]] = 205
    box[[0, -1]] = box[:, [0, -1]] = 205
    return box


def comparable(images: Array) -> Array:
    """Shrink `(B, H, W, C)` uint8 pictures so far that their pixels can be compared one by one: uint8."""
    side = 32 if images.shape[-1] == 1 else 20  # about a thousand values in either case
    return small(images, side)


def cell_means(images: Array, most: int) -> Array:
    """Shrink `(B, H, W, C)` pictures to at most `most` × `most` cells of about one size, nothing cut off: float64."""
    means = np.asarray(images, np.float64)
    for axis in (1, 2):  # sums, not products: these would wait for several threads, which so few numbers do not need
        edges = _edges(means.shape[axis], most)
        sums = np.add.reduceat(means, edges[:-1], axis=axis)
        means = sums / np.diff(edges).reshape((-1, 1, 1) if axis == 1 else (-1, 1))
    return means


def cells(side: int, most: int) -> Array:
    """Average `side` places over at most `most` cells of about one size: `(cells, side)` float64, rows add up to 1."""
    edges = _edges(side, most)
    places = np.arange(side)
    inside = (places >= edges[:-1, None]) & (places < edges[1:, None])
    return inside / inside.sum(axis=1, keepdims=True)


def _edges(side: int, most: int) -> Array:
    return np.linspace(0, side, min(side, most) + 1).round().astype(np.int64)


def pixel_rows(images: Any, shrink: Callable[[Array], Array]) -> Array:
    """Read `(N, H, W, C)` images a part at a time, and make each a row: `(N, d)`, the values of its `shrink`.

    Args:
        images: an array or what slices like one.
        shrink: of `(B, H, W, C)` images.
    """
    made: Array | None = None  # at once as large as it will be: of a million images there is no room for it twice
    for part in list(portions(images)) or [slice(0, 0)]:
        some = shrink(np.asarray(images[part]))
        if made is None:
            made = np.empty((len(images), int(np.prod(some.shape[1:]))), some.dtype)
        made[part] = some.reshape(len(some), made.shape[1])
        report("Reading images", part.stop, len(images))
    return cast("Array", made)


def different_images(dataset: Dataset, rows: Array, most: int = 64) -> int:
    """Count how many of the first `most` of some images differ from each other; all of them where there are none."""
    some = rows[:most]
    if not dataset.has_images or not len(some):
        return len(some)
    return len(np.unique(np.asarray(dataset.images[some]).reshape(len(some), -1), axis=0))


def as_rgb(image: Array) -> Array:
    """`(H, W, 1 or 3)` uint8 to `(H, W, 3)`."""
    return np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else image

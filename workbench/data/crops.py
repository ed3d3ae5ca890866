"""Squares cut out of images around a place of a feature map."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workbench.core.types import Array
from workbench.data.thumbnails import small

WINDOW = 1.5
"""Width of a crop, in places of the feature map, at least."""
LEAST = 0.35
"""The same, as a share of the image."""


def crop_around(picture: Array, place: Sequence[int], grid: Sequence[int]) -> Array:
    """Cut a square around a place of a feature map out of an image; all crops of images of one size are alike.

    Args:
        picture: `(H, W, C)` uint8.
        place: row and column.
        grid: height and width of the feature map, which lies over the whole image.

    Returns:
        `(s, s, C)` uint8, made small.
    """
    size = picture.shape[:2]
    width = min(round(max(LEAST * min(size), WINDOW * max(n / m for n, m in zip(size, grid, strict=True)))), *size)
    starts = [
        int(np.clip((at + 0.5) * n / m - width / 2, 0, n - width)) for at, n, m in zip(place, size, grid, strict=True)
    ]
    return small(picture[starts[0] : starts[0] + width, starts[1] : starts[1] + width])

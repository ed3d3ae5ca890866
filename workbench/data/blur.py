"""Gaussian blur as a matrix, so that it is the same in numpy and inside a compiled function."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from workbench.core.types import Array

SHARE = 0.1
"""Default standard deviation, in sides of the image: 2.8 pixels of 28."""


@lru_cache(64)
def blur_matrix(side: int, sigma: float) -> Array:
    """Weights of a Gaussian blur along one side of an image.

    Args:
        side: pixels, n.
        sigma: standard deviation in pixels; 0 for no blur.

    Returns:
        `(n, n)` float64, rows add up to 1: at the border the weights inside are made larger, so that a flat image
        stays flat.
    """
    places = np.arange(side)
    if sigma <= 0:
        return np.eye(side)
    weights = np.exp(-0.5 * ((places[:, None] - places[None]) / sigma) ** 2)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def blur_images(images: Array, sigma: float) -> Array:
    """Blur `(…, H, W, C)` images in numpy."""
    height, width = images.shape[-3:-1]
    rows, columns = blur_matrix(height, sigma), blur_matrix(width, sigma)
    return np.einsum("Hh,...hwc,Ww->...HWc", rows, images, columns, optimize=True)

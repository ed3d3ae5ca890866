"""The simplest classifier of images: a linear one on the principal components of their pixels, in closed form."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.core.dataset import Dataset
from workbench.core.pixels import as_floats
from workbench.core.types import Array
from workbench.data.lazy_images import Some
from workbench.data.thumbnails import pixel_rows, small

SIDE, COMPONENTS = 32, 60
"""Pixels a side that images are shrunk to, and principal components, at most."""


def small_pixels(data: Dataset, rows: Array) -> Array:
    """Return the images at `rows` as `(n, D)` float32 in [0, 1], shrunk to at most 32 pixels a side."""
    return pixel_rows(Some(data, rows), lambda part: as_floats(small(part, SIDE)))


def linear_classifier(pixels: Array, labels: Array, *, seed: int = 0) -> Any:
    """Fit a linear discriminant analysis of the principal components; an object with `predict`.

    Its covariance is shrunk as Ledoit & Wolf 2004, doi:10.1016/S0047-259X(03)00096-4, have it.

    Args:
        pixels: `(n, D)` float32.
        labels: `(n,)` int, of at least two classes with two images each.
        seed: of the randomised decomposition.
    """
    from sklearn.decomposition import PCA
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.pipeline import make_pipeline

    shown = min(COMPONENTS, *pixels.shape)
    model = make_pipeline(
        PCA(shown, svd_solver="randomized", iterated_power=2, random_state=seed),
        LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
    )
    return model.fit(pixels, labels)


def enough_of_each(labels: Array) -> Array:
    """Return `(n,)` bool, which images are of a class of which there are at least two: one image has no spread."""
    return np.asarray((np.bincount(labels) > 1)[labels])

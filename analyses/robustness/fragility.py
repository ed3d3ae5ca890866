"""What a change of the images costs a model: accuracy, corruption error, and the smallest change that flips each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from workbench.core.pixels import as_floats
from workbench.core.types import Array
from workbench.data.thumbnails import cell_means, pixel_rows

SIDE = 16
"""Pixels a side to which images are shrunk for the reference."""
NEVER = 0
"""Severity of an image that no severity flips."""


def corruption_error(errors: Array, reference: Array) -> Array:
    """Errors over all severities as a share of those of a reference: `(F,)`, 1 where both fail alike.

    Source: Hendrycks & Dietterich 2019, arXiv:1903.12261, section 4.2: CE = Σ_s E_s / Σ_s E_s^ref; with the errors on
    clean images taken off both, the relative CE.

    Args:
        errors: `(F, S)` share of wrong predictions, or what of it is beyond the clean images'.
        reference: the same of the reference.

    Returns:
        `(F,)` float64, NaN where the reference makes no error.
    """
    above, below = (np.asarray(each, np.float64).sum(axis=1) for each in (errors, reference))
    return np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below > 1e-12)


def flips(predicted: Array, clean: Array, severities: Array) -> tuple[Array, Array]:
    """Find the smallest severity at which each image's prediction is another than on the image as it is.

    Args:
        predicted: `(F, S, N)` int, classes predicted for the changed images, the smallest severity first.
        clean: `(N,)` int, classes predicted for the images as they are.
        severities: `(S,)` int, ascending.

    Returns:
        `(F, N)` int64 severity, `NEVER` where none flips it; and `(F, N)` int64 the class that it flips to there, its
        own where none does.
    """
    other = predicted != clean
    first, ever = other.argmax(axis=1), other.any(axis=1)
    to = np.take_along_axis(predicted, first[:, None], axis=1)[:, 0]
    return np.where(ever, np.asarray(severities)[first], NEVER), np.where(ever, to, clean)


def pixel_reference(images: Any, labels: Array) -> Callable[[Array], Array] | None:
    """Fit the simplest classifier that there is, to compare with: ridge regression on at most 16×16 pixels.

    Args:
        images: `(n, H, W, C)` float in [0, 1], images it learns from; or uint8, an array or what slices like one.
        labels: `(n,)` int.

    Returns:
        Images to the classes it predicts, `(B, H, W, C)` to `(B,)`; None where there is but one class to learn.
    """
    if len(np.unique(labels)) < 2:
        return None
    from sklearn.linear_model import RidgeClassifier

    ridge = RidgeClassifier(alpha=max(len(images) / 100, 1.0)).fit(_pixels(images), labels)
    return lambda batch: np.asarray(ridge.predict(_pixels(batch)))


def _pixels(images: Any) -> Array:
    """Mean colours of at most 16×16 cells, `(n, D)` float64."""
    return pixel_rows(images, lambda part: cell_means(as_floats(part), SIDE))

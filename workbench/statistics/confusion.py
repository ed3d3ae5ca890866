"""Counts and rates of a confusion matrix."""

from __future__ import annotations

import numpy as np

from workbench.core.types import Array


def confusion_counts(labels: Array, predicted: Array, classes: int) -> Array:
    """Count images by true and predicted class.

    Args:
        labels: `(N,)` int, true classes in [0, K).
        predicted: `(N,)` int, predicted classes in [0, K).
        classes: K.

    Returns:
        `(K, K)` int64; rows true, columns predicted.
    """
    return np.bincount(labels * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def recall(counts: Array) -> Array:
    """Share of each true class that was recognised: `(K,)` float64, NaN for a class without images."""
    return _ratio(counts.diagonal(), counts.sum(axis=1))


def precision(counts: Array) -> Array:
    """Share of each predicted class that is right: `(K,)` float64, NaN for a class never predicted."""
    return _ratio(counts.diagonal(), counts.sum(axis=0))


def f1(counts: Array) -> Array:
    """Harmonic mean of precision and recall, `2 TP / (true + predicted)`: `(K,)` float64, NaN for an absent class."""
    return _ratio(2 * counts.diagonal(), counts.sum(axis=1) + counts.sum(axis=0))


def _ratio(part: Array, whole: Array) -> Array:
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)

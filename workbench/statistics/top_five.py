"""How often the label is among the five classes with the largest scores."""

from __future__ import annotations

import numpy as np

from workbench.core.estimate import Estimate
from workbench.core.predictions import Predictions
from workbench.core.types import Array
from workbench.statistics.rates import rate

TOP = 5
LEAST_CLASSES = 20
"""Classes from which it is told: of fewer, five guesses hold the label in more than a quarter of the cases."""
AT_ONCE = 4096
"""Images whose scores are compared at once."""


def label_rank(predictions: Predictions) -> Array:
    """Return how many classes come before the label: `(N,)` int64, 0 where it is predicted.

    Of equal scores the smaller class comes first, as in `Predictions.predicted`.
    """
    found = np.empty(len(predictions), np.int64)
    for start in range(0, len(predictions), AT_ONCE):
        logits, labels = predictions.logits[start : start + AT_ONCE], predictions.labels[start : start + AT_ONCE, None]
        own = np.take_along_axis(logits, labels, axis=1)
        before = np.arange(logits.shape[1]) < labels
        found[start : start + AT_ONCE] = ((logits > own) | ((logits == own) & before)).sum(axis=1)
    return found


def top_five(predictions: Predictions) -> Estimate | None:
    """Return the top-5 accuracy with its 95 % Wilson interval; None where there are too few classes for it."""
    if not len(predictions) or predictions.logits.shape[1] < LEAST_CLASSES:
        return None
    return rate(int((label_rank(predictions) < TOP).sum()), len(predictions))

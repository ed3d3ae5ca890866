"""What is asked of the probabilities of many images, in one pass over them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.core.probabilities import Scores, portions
from workbench.core.types import Array


@dataclass(frozen=True, eq=False, kw_only=True)
class Confidences:
    """Of the probabilities of N images in K classes.

    Attributes:
        classes: K.
        predicted: `(N,)` int64, the most probable class.
        most: `(N,)` float64, its probability.
        own: `(N,)` float64, that of the label.
        doubt: `(N,)` float64, how unsure each prediction is: all that is not its own, summed up; it does not saturate.
    """

    classes: int
    predicted: Array
    most: Array
    own: Array
    doubt: Array


def confidences(said: Scores, labels: Array) -> Confidences:
    """Look at `(N, K)` probabilities of images with `(N,)` labels."""
    count, classes = said.shape
    predicted, (most, own, doubt) = np.empty(count, np.int64), np.empty((3, count))
    for part in portions(count, classes):
        some, rows = np.array(said[part], np.float64), np.arange(part.stop - part.start)
        chosen = some.argmax(axis=1)
        predicted[part], most[part], own[part] = chosen, some[rows, chosen], some[rows, labels[part]]
        some[rows, chosen] = 0.0
        doubt[part] = some.sum(axis=1)
    return Confidences(classes=classes, predicted=predicted, most=most, own=own, doubt=doubt)

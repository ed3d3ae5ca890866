"""Whether groups that are found from some errors hold others."""

from __future__ import annotations

import numpy as np

from workbench.core.estimate import Estimate
from workbench.core.predictions import Predictions
from workbench.statistics.class_order import confusion_groups
from workbench.statistics.confusion import confusion_counts
from workbench.statistics.rates import ENOUGH, rate


def found_in_half(predictions: Predictions, classes: int) -> tuple[Estimate, float] | None:
    """Find groups from the errors of one half of each class, and see which errors of the other half stay in them.

    Args:
        predictions: of N images; every second one of a class is in the one half.
        classes: K.

    Returns:
        The share that stays, with its 95 % Wilson interval, and the share that would if each error went to the other
        classes as often as errors in general do; None where either half has fewer than `ENOUGH` errors.
    """
    order = np.argsort(predictions.labels, kind="stable")
    half = np.zeros(len(predictions), bool)
    half[order[::2]] = True
    wrong = ~predictions.correct
    learned, rest = wrong & half, wrong & ~half
    if min(int(learned.sum()), int(rest.sum())) < ENOUGH:
        return None
    groups = confusion_groups(confusion_counts(predictions.labels[half], predictions.predicted[half], classes))
    labels, taken = predictions.labels[rest], predictions.predicted[rest]
    stay = int((groups[labels] == groups[taken]).sum())
    into = np.bincount(taken, minlength=classes)
    by_group = np.bincount(groups, into)
    others = np.maximum(into.sum() - into, 1)
    return rate(stay, len(labels)), float(((by_group[groups] - into) / others)[labels].mean())

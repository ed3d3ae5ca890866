"""How far errors go in a tree of classes."""

from __future__ import annotations

import numpy as np

from workbench.core.class_tree import ClassTree
from workbench.core.estimate import Estimate
from workbench.core.types import Array
from workbench.statistics.bootstrap import RESAMPLES, of_equal
from workbench.statistics.rates import ENOUGH, rate


def group_accuracy(tree: ClassTree, labels: Array, predicted: Array, level: int = 1) -> Estimate:
    """Return the share of at least one image that is put into the group of its label, with its 95 % Wilson interval.

    Args:
        tree: of the K classes.
        labels: `(N,)` int.
        predicted: `(N,)` int.
        level: 1 for the coarsest groups; a class that lies above its level is a group of its own.
    """
    groups = tree.at_level(level)
    return rate(int((groups[labels] == groups[predicted]).sum()), len(labels))


def error_distance(tree: ClassTree, labels: Array, predicted: Array) -> Estimate | None:
    """Return the mean distance of the errors in a tree; None where there is no error.

    The 95 % interval is that of the percentile bootstrap over the errors, from `ENOUGH` of them on; of errors that are
    all equally far, see `of_equal`.

    Source: Bertinetto et al. 2020, arXiv:1912.09393, section 4.1: the hierarchical distance of a mistake.

    Args:
        tree: of the K classes.
        labels: `(N,)` int.
        predicted: `(N,)` int.
    """
    wrong = labels != predicted
    count = int(wrong.sum())
    if not count:
        return None
    how_many = np.bincount(tree.distance(labels[wrong], predicted[wrong]))
    far = np.arange(len(how_many))
    mean = float(how_many @ far) / count
    if count < ENOUGH:
        return Estimate(mean)
    if (how_many > 0).sum() == 1:
        return Estimate(mean, *of_equal(mean, count, (1.0, float(tree.heights[tree.root]))).tolist())
    drawn = np.random.default_rng(0).multinomial(count, how_many / count, RESAMPLES)  # the same as drawing errors
    low, high = np.percentile(drawn @ far / count, (2.5, 97.5))
    return Estimate(mean, min(float(low), mean), max(float(high), mean))


def distance_by_chance(tree: ClassTree, labels: Array, predicted: Array) -> float:
    """Return the mean distance that the errors would have, had each gone to any other class; NaN of no errors."""
    wrong = labels != predicted
    of, every = np.bincount(labels[wrong], minlength=tree.classes), np.arange(tree.classes)
    sums = np.array([tree.distance(np.full(tree.classes, c), every).sum() if of[c] else 0 for c in range(tree.classes)])
    return float(of @ sums / (of.sum() * (tree.classes - 1))) if of.sum() else float("nan")

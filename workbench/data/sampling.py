"""Which images to look at: evenly spaced, balanced over the classes, worst first."""

from __future__ import annotations

import numpy as np

from workbench.core.image_set import ImageSet
from workbench.core.predictions import Predictions
from workbench.core.types import Array


def evenly(count: int, most: int) -> Array:
    """Return at most `most` of the rows 0 … `count` - 1, evenly spaced, in ascending order."""
    return np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(np.int64))


def balanced_rows(labels: Array, count: int, seed: int) -> Array:
    """Choose up to `count` rows, each class in turn in a seeded order, and sort them by class.

    Args:
        labels: `(N,)` int.
        count: rows wanted.
        seed: of the order within each class, and of the order in which classes get a turn.
    """
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    turn = np.concatenate([np.arange(size) for size in np.bincount(labels)])  # 0 for the first image of each class
    place = np.argsort(shuffled)[by_class]  # a class with one image more is not always the first
    chosen = by_class[np.lexsort((place, turn))[:count]]
    return np.asarray(chosen[np.lexsort((chosen, labels[chosen]))])


def errors_and_right(correct: Array, count: int) -> Array:
    """Choose errors and right predictions, half of each where there are enough, evenly spaced: sorted `(n,)` rows.

    Args:
        correct: `(N,)` bool, of all images.
        count: rows wanted.
    """
    wrong, right = np.flatnonzero(~correct), np.flatnonzero(correct)
    errors = min(len(wrong), max(count // 2, count - len(right)))
    parts = ((wrong, errors), (right, count - errors))
    return np.sort(np.concatenate([some[evenly(len(some), most)] for some, most in parts if most]))


def in_turn(correct: Array) -> Array:
    """Order `(n,)` images so that errors and right predictions come in turn, an error first: their places."""
    turn = np.zeros(len(correct), np.int64)
    for which in (correct, ~correct):
        turn[which] = np.arange(int(which.sum()))
    return np.lexsort((correct, turn))


def worst_first(predictions: Predictions, rows: Array) -> ImageSet:
    """Sort `rows` by loss, largest first, as the evidence of a finding."""
    return ImageSet(rows[np.argsort(-predictions.loss[rows], kind="stable")])


def surest_error(predictions: Predictions) -> int:
    """Row of the most confident error; of the least sure image where there is none."""
    if predictions.correct.all():
        return int(np.argmin(predictions.confidence))
    return int(np.argmax(np.where(predictions.correct, -1.0, predictions.confidence)))

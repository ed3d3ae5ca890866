"""Which images to look at: evenly spaced, balanced over the classes, worst first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from workbench.contracts import MOST_AT_ONCE, Array, Dataset, Predictions

MOST_EVIDENCE = 200
"""Rows that a finding names at most; nobody looks at more."""


def evenly(count: int, most: int) -> Array:
    """Return at most `most` of the rows 0 … `count` - 1, evenly spaced, in ascending order."""
    return np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(np.int64))


def balanced(labels: Array, count: int, seed: int) -> Array:
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


def worst_first(predictions: Predictions, rows: Array) -> tuple[int, ...]:
    """Sort `rows` by loss, largest first, as the evidence of a finding."""
    return tuple(rows[np.argsort(-predictions.loss[rows], kind="stable")][:MOST_EVIDENCE].tolist())


def surest_error(predictions: Predictions) -> int:
    """Row of the most confident error; of the least sure image where there is none."""
    if predictions.correct.all():
        return int(np.argmin(predictions.confidence))
    return int(np.argmax(np.where(predictions.correct, -1.0, predictions.confidence)))


def portions(images: Any, most: int = 2048) -> Iterator[slice]:
    """Cut images into slices of at most `most`, and of large images so few that 32 MB hold them as float32.

    Args:
        images: `(N, H, W, C)`, an array or what slices like one.
        most: images of a slice.
    """
    count, size = len(images), max(1, min(most, MOST_AT_ONCE // max(int(np.prod(images.shape[1:])), 1)))
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


class Some:
    """Some images of a dataset, read batch by batch: slices like an `(n, H, W, C)` array."""

    def __init__(self, dataset: Dataset, rows: Array) -> None:
        self._images, self._rows = dataset.images, rows
        self.shape, self.dtype = (len(rows), *dataset.images.shape[1:]), dataset.images.dtype

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, part: slice | Array) -> Array:
        return np.asarray(self._images[self._rows[part]])


class Joined:
    """Images of several sources one after the other, read when they are looked at; `Lazy`.

    Args:
        parts: `(n, H, W, C)` each, arrays or what slices like one.
        rows: `(N,)` int, which of them all; all in order, if not given.
    """

    def __init__(self, parts: Sequence[Any], rows: Array | None = None) -> None:
        self._parts, self._starts = parts, np.cumsum([0, *map(len, parts)])
        self._rows = np.arange(self._starts[-1]) if rows is None else rows
        self.shape, self.dtype = (len(self._rows), *parts[0].shape[1:]), parts[0].dtype

    def __len__(self) -> int:
        return len(self._rows)

    def select(self, rows: Array) -> Any:
        """Return some of them, none read yet."""
        return Joined(self._parts, self._rows[rows])

    def __getitem__(self, key: Any) -> Array:
        rows = np.atleast_1d(self._rows[key])
        found = np.empty((len(rows), *self.shape[1:]), self.dtype)
        for start, part in zip(self._starts, self._parts, strict=False):
            inside = (rows >= start) & (rows < start + len(part))
            if inside.any():
                found[inside] = part[rows[inside] - start]
        return found if np.ndim(self._rows[key]) else found[0]

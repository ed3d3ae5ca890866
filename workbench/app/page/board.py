"""Which images lie in which cell of the confusion matrix, and in which order."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np

from workbench.app.pictures import data_uri
from workbench.core.class_tree import ClassTree
from workbench.core.kept import Kept, bytes_held
from workbench.core.predictions import Predictions
from workbench.core.types import Array
from workbench.statistics.class_order import confusion_order
from workbench.statistics.confusion import confusion_counts

ROWS = 32 * 2**20
"""Bytes of rows of cells that are kept."""
SHOWN = 20
"""Classes up to which the matrix shows all of them."""
SPAN = 50
"""The largest cell over the middle one of those with errors, from which colours are logarithmic."""
SIDE, HEAT = 200, (249, 115, 22)
"""Pixels of the small picture along each side at most, and its colour."""


class Board:
    """Predictions, looked up by cell.

    Args:
        predictions: of N images.
        tree: gives the classes as a tree when it is first asked for; there is none without.

    Attributes:
        counts: `(K, K)` int64, rows true, columns predicted.
        errors: `(K, K)` int64, the same without the diagonal.
        probabilities, labels, predicted: as in `Predictions`.
    """

    def __init__(self, predictions: Predictions, tree: Callable[[], ClassTree | None] = lambda: None) -> None:
        self._tree = tree
        classes = predictions.logits.shape[1]
        self.probabilities = predictions.probabilities
        self.labels, self.predicted = predictions.labels, predictions.predicted
        self.confidence = predictions.confidence
        self.counts = confusion_counts(self.labels, self.predicted, classes)
        self.errors = self.counts.copy()
        np.fill_diagonal(self.errors, 0)
        self._small: dict[str, str] = {}
        self._rows: Kept[tuple[int, int, str], Array] = Kept(ROWS, bytes_held, most=256)

    @property
    def wrong(self) -> int:
        """How many images are misclassified."""
        return int(self.errors.sum())

    @cached_property
    def error_shares(self) -> Array:
        """`(K, K)` float64, errors as a share of the images of their true class."""
        return self.errors / np.maximum(self.counts.sum(axis=1, keepdims=True), 1)

    @cached_property
    def _most_errors(self) -> list[tuple[int, int]]:
        order = np.argsort(-self.errors, axis=None, kind="stable")[:32]
        cells = (np.unravel_index(int(place), self.errors.shape) for place in order)
        return [(int(true), int(predicted)) for true, predicted in cells if self.errors[true, predicted]]

    @cached_property
    def largest(self) -> tuple[int, int]:
        """The cell with the most errors; where nothing is wrong, that with the most images."""
        source = self.errors if self.wrong else self.counts
        true, predicted = np.unravel_index(int(source.argmax()), source.shape)
        return int(true), int(predicted)

    def largest_of(self, cells: str) -> tuple[int, int]:
        """Return the cell with the most errors as "counts" or as "shares" of its row."""
        return self._largest_share if cells == "shares" else self.largest

    @cached_property
    def _largest_share(self) -> tuple[int, int]:
        true, predicted = np.unravel_index(int(self.error_shares.argmax()), self.errors.shape)
        return int(true), int(predicted)

    def cell_of(self, row: int) -> tuple[int, int]:
        """Return (true, predicted) of one image."""
        return int(self.labels[row]), int(self.predicted[row])

    def top_cells(self, limit: int) -> list[tuple[int, int]]:
        """Return the (at most 32) cells with the most errors, largest first, none of them empty."""
        return self._most_errors[:limit]

    @cached_property
    def tree(self) -> ClassTree | None:
        """The classes as a tree, given or found; None where there is none."""
        return self._tree()

    def order_of(self, arrange: str) -> Array:
        """Return the classes, `(K,)`, as the data has them ("data"), by "errors", or by "confusions"."""
        if arrange == "confusions":
            return self._by_confusions
        if arrange == "errors":
            return np.argsort(-(self.errors.sum(axis=0) + self.errors.sum(axis=1)), kind="stable")
        return np.arange(len(self.counts))

    @cached_property
    def _by_confusions(self) -> Array:
        return confusion_order(self.counts)

    @cached_property
    def spans_magnitudes(self) -> bool:
        """Whether a few cells have so many errors that the others would have no colour on the usual scale."""
        some = self.errors[self.errors > 0]
        return bool(len(some)) and float(some.max()) >= SPAN * float(np.median(some))

    def small(self, arrange: str) -> str:
        """Return the errors of all classes in an order as a small picture, a data URI; neighbours may share a pixel."""
        if arrange not in self._small:
            order = self.order_of(arrange)
            errors = self.errors[np.ix_(order, order)]
            side = min(len(errors), SIDE)
            starts = np.arange(side) * len(errors) // side
            sums = np.add.reduceat(np.add.reduceat(errors, starts, axis=0), starts, axis=1)
            strength = np.log1p(sums) / max(float(np.log1p(sums.max())), 1e-9)
            painted = np.zeros((side, side, 4), np.uint8)
            painted[..., :3] = HEAT
            painted[..., 3] = np.where(sums > 0, np.rint(255 * (0.3 + 0.7 * strength)), 0)
            self._small[arrange] = data_uri(painted)
        return self._small[arrange]

    def rows(self, true: int, predicted: int, order: str = "sure") -> Array:
        """Return the rows of the dataset in a cell, a row, a column, or among all errors.

        Args:
            true: class, or a negative number for "all others".
            predicted: the same.
            order: "sure" for the most confident first, "unsure" for the least.
        """
        key = (true, predicted, order)
        known = self._rows.get(key)
        if known is not None:
            return known
        inside = (self.labels == true) if true >= 0 else np.ones(len(self.labels), bool)
        inside &= (self.predicted == predicted) if predicted >= 0 else True
        if true < 0 or predicted < 0:
            inside &= self.labels != self.predicted
        found = np.flatnonzero(inside)
        sign = -1 if order == "sure" else 1
        return self._rows.put(key, found[np.argsort(sign * self.confidence[found], kind="stable")])

    def place(self, row: int, true: int, predicted: int, order: str) -> int | None:
        """Return where an image stands in the order of its cell, or None if it is not in it."""
        found = np.flatnonzero(self.rows(true, predicted, order) == row)
        return int(found[0]) if len(found) else None

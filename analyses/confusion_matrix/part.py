"""Which classes of a large confusion matrix are drawn by name, and the whole of it in small."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from workbench.core.types import Array

PLACES = 240
"""Places of the whole matrix along each side; of more classes several share one."""
BLOCKS = 15
"""Blocks along each side of the whole matrix, each of which leads to its largest cell."""
SPAN = 50
"""The largest cell over the middle one of those with errors, from which colours are logarithmic."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """What is drawn of a matrix.

    Attributes:
        shown: classes that are drawn by name, in the order of the matrix.
        arrays: "counts" `(n, n)` and "of" `(n,)` of these; where others are left out also "others_predicted" and
            "others_true" `(n,)`, their images in the other columns and rows, and "whole" `(m, m)`, the errors of all
            classes in their order, m ≤ `PLACES`.
        largest: (true, predicted, images, of), of each block of the whole matrix with errors the largest cell; each
            block is told by "blocks" `(b, 2)`, row and column.
        spans_magnitudes: whether a linear scale would leave most cells without a colour.
    """

    shown: Array
    arrays: Mapping[str, Array]
    largest: list[tuple[int, int, int, int]]
    spans_magnitudes: bool


def part_of(counts: Array, order: Array, most: int, *, around: int | None = None) -> Part:
    """Choose what is drawn.

    Args:
        counts: `(K, K)` int, rows true, columns predicted.
        order: `(K,)` the classes in the order of the matrix.
        most: classes that are drawn by name.
        around: class whose neighbours in the order are drawn, and not the classes with the most errors.
    """
    of, errors = counts.sum(axis=1), counts - np.diag(counts.diagonal())
    place = np.argsort(order)
    if around is None:
        worst = np.argsort(-(errors.sum(axis=0) + errors.sum(axis=1)), kind="stable")[:most]
        shown = worst[np.argsort(place[worst], kind="stable")]
    else:
        first = int(np.clip(place[around] - most // 2, 0, max(len(order) - most, 0)))
        shown = order[first : first + most]
    drawn = counts[np.ix_(shown, shown)]
    arrays = {"counts": drawn, "of": of[shown]}
    cells = errors[np.ix_(shown, shown)]
    largest: list[tuple[int, int, int, int]] = []
    if len(shown) < len(counts):
        arrays["others_predicted"] = of[shown] - drawn.sum(axis=1)
        arrays["others_true"] = counts[:, shown].sum(axis=0) - drawn.sum(axis=0)
        arrays["whole"] = _in_small(errors[np.ix_(order, order)])
        arrays["blocks"], largest = _largest_of_blocks(errors, order, of)
        arrays["pieces"] = np.array(min(BLOCKS, len(order)))
    some = cells[cells > 0]
    return Part(
        shown=shown,
        arrays=arrays,
        largest=largest,
        spans_magnitudes=bool(len(some)) and float(some.max()) >= SPAN * float(np.median(some)),
    )


def _in_small(errors: Array) -> Array:
    """Sum the errors of neighbours, so that the matrix has at most `PLACES` places along each side."""
    if len(errors) <= PLACES:
        return errors
    starts = np.unique(np.arange(PLACES) * len(errors) // PLACES)
    return np.add.reduceat(np.add.reduceat(errors, starts, axis=0), starts, axis=1)


def _largest_of_blocks(errors: Array, order: Array, of: Array) -> tuple[Array, list[tuple[int, int, int, int]]]:
    blocks, found = [], []
    pieces = np.array_split(order, min(BLOCKS, len(order)))
    for row, rows in enumerate(pieces):
        for column, columns in enumerate(pieces):
            block = errors[np.ix_(rows, columns)]
            if not block.any():
                continue
            r, c = np.unravel_index(int(block.argmax()), block.shape)
            true, predicted = int(rows[r]), int(columns[c])
            blocks.append((row, column))
            found.append((true, predicted, int(errors[true, predicted]), int(of[true])))
    return np.array(blocks, np.int64).reshape(-1, 2), found

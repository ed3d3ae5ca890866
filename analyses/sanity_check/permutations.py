"""Are the labels of some classes exchanged? The assignment of labels to predictions that fits best."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.core.types import Array
from workbench.statistics.rates import wilson

MOSTLY, NOT_RARE = 0.6, 0.3
"""Lower bound of the share of a class's images that go to its new name and not to its own, and share of all of them."""


@dataclass(frozen=True)
class Permutation:
    """Classes whose labels are exchanged.

    Attributes:
        moves: (class as labelled, class as predicted), in the order of the first.
        gain: images that are right with the names exchanged, less those that are right now.
    """

    moves: tuple[tuple[int, int], ...]
    gain: int


def permutation(counts: Array) -> Permutation | None:
    """Find the exchange of classes that surely fits better than the labels as they are.

    The assignment with the most images on the diagonal is that of Kuhn 1955 (the Hungarian method). Of its cycles
    those are kept in which each class surely goes to its new name more often than to its own.

    Args:
        counts: `(K, K)` int, rows true, columns predicted.
    """
    from scipy.optimize import linear_sum_assignment

    _, assigned = linear_sum_assignment(counts, maximize=True)
    kept: list[tuple[int, int]] = []
    for cycle in _cycles(assigned):
        own, new = counts[cycle, cycle], counts[cycle, assigned[cycle]]
        sure = wilson(new, own + new)[0] > MOSTLY
        if len(cycle) > 1 and (sure & (new > NOT_RARE * counts[cycle].sum(axis=1))).all():
            kept += [(int(c), int(assigned[c])) for c in cycle]
    if not kept:
        return None
    kept.sort()
    gain = sum(int(counts[true, predicted]) - int(counts[true, true]) for true, predicted in kept)
    return Permutation(tuple(kept), gain)


def _cycles(assigned: Array) -> list[list[int]]:
    left, found = set(range(len(assigned))), []
    while left:
        cycle = [min(left)]
        while (following := int(assigned[cycle[-1]])) != cycle[0]:
            cycle.append(following)
        left -= set(cycle)
        found.append(cycle)
    return found

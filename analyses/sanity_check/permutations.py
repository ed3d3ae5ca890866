"""Are the labels of some classes swapped? The best assignment of labels to predictions."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.core.types import Array
from workbench.statistics.rates import wilson

MOSTLY = 0.6
"""Lower bound of the share predicted as the new class, of images predicted as the new or their own class."""
NOT_RARE = 0.3
"""Least share of all of the class's images that is predicted as the new class."""
WEAK = 0.25
"""Share of the classes of a long cycle that need not surely move: a class that the model hardly knows would break the
cycle of all. With 10 shifted classes and networks of 70 to 95 % one or two are such."""


@dataclass(frozen=True)
class Permutation:
    """Classes whose labels are swapped.

    Attributes:
        moves: (class as labelled, class as predicted), in the order of the first.
        gain: images that are correct with the labels swapped, minus those correct now.
    """

    moves: tuple[tuple[int, int], ...]
    gain: int


def permutation(counts: Array) -> Permutation | None:
    """Find the permutation of classes that surely fits better than the labels as they are.

    The assignment with the most images on the diagonal is that of Kuhn 1955 (the Hungarian method). Of its cycles
    those are kept in which each class is surely predicted as the new one more often than as itself; of four and more
    classes a quarter may be unsure, if the cycle as a whole is not.

    Args:
        counts: `(K, K)` int, rows true, columns predicted.
    """
    from scipy.optimize import linear_sum_assignment

    _, assigned = linear_sum_assignment(counts, maximize=True)
    kept: list[tuple[int, int]] = []
    for cycle in _cycles(assigned):
        own, new = counts[cycle, cycle], counts[cycle, assigned[cycle]]
        of = counts[cycle].sum(axis=1)
        sure = (wilson(new, own + new)[0] > MOSTLY) & (new > NOT_RARE * of)
        whole = wilson(new.sum(), (own + new).sum())[0] > MOSTLY and new.sum() > NOT_RARE * of.sum()
        if len(cycle) > 1 and whole and (~sure).sum() <= WEAK * len(cycle) and (new >= own).all():
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

"""Groups of images on which one of two models is better, found on one half of the images and confirmed on the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.estimate import Estimate, columns
from workbench.core.predictions import Predictions
from workbench.core.types import Array
from workbench.statistics.paired import mcnemar
from workbench.statistics.rates import ENOUGH
from workbench.statistics.significance import holm, paired_difference
from workbench.statistics.slicing import Group

if TYPE_CHECKING:
    import pandas as pd

LOOKS = 0.05
"""p-values on the first half from which a group is tested on the second."""
MOST = 20
"""Groups that are tested; of more, the surest of the first half, so that the correction leaves each a chance."""
SAME = 0.5
"""Groups of whose smaller one more than this share lies in the other are the same."""
SURE = 0.05
"""Adjusted p-value below which a group has moved."""


@dataclass(frozen=True, eq=False, kw_only=True)
class MovedGroup:
    """A group, measured on the half that it was not found on.

    Attributes:
        group: its members, and what it was found in.
        name: what the members have in common.
        tested: images of the confirming half.
        right: of them, those that the first and the second model recognise.
        fixed, broken: of them, those that only the second recognises, and only the first.
        rest: difference of the accuracy in the others of their classes.
        p: the larger of two p-values: that the group's accuracy is the same (exact McNemar), and that it changes as
            the rest does (difference of means).
        p_adjusted: Holm's, over all groups that were tested.
    """

    group: Group
    name: str
    tested: int
    right: tuple[int, int]
    fixed: int
    broken: int
    rest: float
    p: float
    p_adjusted: float = float("nan")

    @property
    def difference(self) -> Estimate:
        """Accuracy of the second model less that of the first, paired by image."""
        return paired_difference(self.fixed, self.broken, self.tested)

    @property
    def moved(self) -> bool:
        """Whether it changes surely, and surely in another way than the rest."""
        return self.p_adjusted < SURE


def moved_groups(
    both: tuple[Predictions, Predictions],
    groups: Iterable[Group],
    halves: tuple[Array, Array],
    name_of: Callable[[Group], str] = lambda group: group.rule,
) -> list[MovedGroup]:
    """Test the groups that seem to move on one half of the images on the other half, the surest first.

    A group counts that changes beyond chance, and otherwise than the rest of its classes: where one model is better
    everywhere, no group has moved. Groups have at least `ENOUGH` images in each half.

    Args:
        both: what either model says of the same N images.
        groups: found on the first of `halves` alone.
        halves: rows that groups were found on, and rows that confirm them.
        name_of: says what the members of a group have in common.
    """
    before, after = both
    change = after.correct.astype(np.int64) - before.correct
    find, confirm = halves
    seen = []
    for group in groups:
        inside = group.members[find], group.members[confirm]
        if min(int(each.sum()) for each in inside) < ENOUGH:
            continue
        chance, _ = _chance(change, before.labels, group.members, find)
        if chance < LOOKS:
            seen.append((chance, group))
    seen.sort(key=lambda each: each[0])
    kept = list[Group]()
    for _, group in seen:
        if len(kept) < MOST and all(_differ(group.members, other.members) for other in kept):
            kept.append(group)
    tested = [_measured(both, group, name_of(group), confirm) for group in kept]
    adjusted = holm(np.array([each.p for each in tested]))
    done = [replace(each, p_adjusted=float(p)) for each, p in zip(tested, adjusted, strict=True)]
    return sorted(done, key=lambda each: (each.p_adjusted, each.p))


def groups_table(found: list[MovedGroup]) -> pd.DataFrame:
    """One row a tested group, of the confirming half but for `images`, which counts both halves."""
    import pandas as pd

    names = (
        *("group", "found_in", "images", "tested", "accuracy_first", "accuracy_second"),
        *columns("difference", range(3)),
        *("rest", "fixed", "broken", "p", "p_adjusted", "moved"),
    )
    rows = [
        {
            "group": each.name,
            "found_in": each.group.source,
            "images": int(each.group.members.sum()),
            "tested": each.tested,
            "accuracy_first": each.right[0] / each.tested,
            "accuracy_second": each.right[1] / each.tested,
            **columns("difference", each.difference),
            "rest": each.rest,
            "fixed": each.fixed,
            "broken": each.broken,
            "p": each.p,
            "p_adjusted": each.p_adjusted,
            "moved": each.moved,
        }
        for each in found
    ]
    return pd.DataFrame(rows, columns=list(names)).astype({"moved": bool})


def _measured(both: tuple[Predictions, Predictions], group: Group, name: str, confirm: Array) -> MovedGroup:
    before, after = both
    change = after.correct.astype(np.int64) - before.correct
    inside = confirm[group.members[confirm]]
    chance, rest = _chance(change, before.labels, group.members, confirm)
    return MovedGroup(
        group=group,
        name=name,
        tested=len(inside),
        right=(int(before.correct[inside].sum()), int(after.correct[inside].sum())),
        fixed=int((change[inside] > 0).sum()),
        broken=int((change[inside] < 0).sum()),
        rest=rest,
        p=chance,
    )


def _chance(change: Array, labels: Array, members: Array, rows: Array) -> tuple[float, float]:
    """Return the p-value of a group on some rows, and how the others of its classes change; see `MovedGroup`."""
    from scipy.stats import norm

    own, moves = members[rows], change[rows]
    beside = ~own & np.isin(labels[rows], np.unique(labels[rows][own]))
    if beside.sum() < ENOUGH:  # a whole class: the others stand for what changes everywhere
        beside = ~own
    inside, outside = moves[own], moves[beside]
    exact = float(mcnemar((inside > 0).sum(), (inside < 0).sum()))
    if not len(outside):
        return 1.0, float("nan")
    rest = float(outside.mean())
    error = float(np.sqrt(inside.var() / len(inside) + outside.var() / len(outside)))
    apart = float(inside.mean()) - rest
    other = float(2 * norm.sf(abs(apart) / error)) if error > 0 else float(apart == 0)
    return max(exact, other), rest


def _differ(one: Array, other: Array) -> bool:
    return bool((one & other).sum() <= SAME * min(int(one.sum()), int(other.sum())))

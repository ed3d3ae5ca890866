"""How many blind spots were found, and how many of what was found is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workbench.core.types import Array

BELONGS = 0.8
"""Share of a group that must lie in a blind spot for it to belong there."""
COVERS = 0.8
"""Share of a blind spot that the groups that belong there must hold for it to be found."""


@dataclass(frozen=True, eq=False)
class Score:
    """What groups say of blind spots.

    Attributes:
        found: `(M,)` bool, which blind spots are found.
        false: `(G,)` bool, which groups belong to none, in their order.
        needed: how many of the first groups find as many blind spots as all of them do.
    """

    found: Array
    false: Array
    needed: int

    @property
    def discovery(self) -> float:
        """Share of the blind spots that is found."""
        return float(self.found.mean())

    @property
    def false_discovery(self) -> float:
        """Share of the needed groups that belong to none; NaN where nothing is found."""
        return float(self.false[: self.needed].mean()) if self.needed else float("nan")

    @property
    def false_share(self) -> float:
        """Share of all groups that belong to none; NaN where there is no group."""
        return float(self.false.mean()) if len(self.false) else float("nan")


def score(groups: Sequence[Array], spots: Array) -> Score:
    """Compare groups, the most important first, with blind spots.

    A group belongs to a blind spot if at least `BELONGS` of its images lie there. A blind spot is found if at least
    `COVERS` of its images lie in groups that belong to it. False discoveries are counted among the first groups that
    find as many blind spots as all do.

    Source: Plumb et al. 2022, arXiv:2207.04104, sec. 4 (blindspot precision and recall, DR and FDR).

    Args:
        groups: `(N,)` bool each.
        spots: `(M, N)` bool, M at least 1.
    """
    held = np.zeros(spots.shape, bool)
    found, false, needed = np.zeros(len(spots), bool), np.zeros(len(groups), bool), 0
    for place, group in enumerate(groups):
        belongs = (spots & group).sum(axis=1) >= BELONGS * max(int(group.sum()), 1)
        false[place] = not belongs.any()
        held |= belongs[:, None] & group
        now = (held & spots).sum(axis=1) >= COVERS * np.maximum(spots.sum(axis=1), 1)
        if now.sum() > found.sum():
            found, needed = now, place + 1
    return Score(found, false, needed)

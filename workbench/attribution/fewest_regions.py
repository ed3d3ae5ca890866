"""The fewest regions that do something, found by trying all sets by size, or by taking regions away one by one.

What a set does is told by a score, at least 0 where it does it. Nothing is assumed of the score: a set may do it of
which a larger one does not, so a smaller set is only excluded by being tried.

Source: sufficient input subsets, Carter et al. 2019, arXiv:1810.03805, algorithms 1 and 2, for taking away and adding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

from workbench.core.types import Array

Asked = Callable[[Array], Array]
"""`(S, d)` bool, which of d regions each set has, to `(S,)` float64 scores."""
MOST = 2**14
"""Sets that are tried to prove that there is no smaller one: all of 14 regions."""


@dataclass(frozen=True, kw_only=True)
class Fewest:
    """A set of regions that does it, and why no region of it can be spared.

    Attributes:
        regions: numbers of the regions, ascending; None where no set does it, or none was found.
        score: of the set, at least 0; NaN without one.
        without: score of the set without each of its regions, in their order; all below 0.
        at_least: how many regions are needed: all smaller sets were tried, and none does it.
        count: regions that there are, d.
        others: how many other sets of this size do it too; None where not all of them were tried.
    """

    regions: tuple[int, ...] | None
    score: float
    without: tuple[float, ...]
    at_least: int
    count: int
    others: int | None

    @property
    def proved(self) -> bool:
        """Whether no smaller set does it, or, where there is no set, none at all: each was tried."""
        return self.at_least > self.count if self.regions is None else len(self.regions) == self.at_least


def fewest(asked: Asked, count: int, most: int = MOST) -> Fewest:
    """Find the fewest regions that do it.

    All sets of each size are tried, the smallest size first, as long as no more than `most` are tried in all; of
    several of the smallest size the one with the largest score is taken. Where there are too many, two sets are found
    by `backward` and `forward`, made minimal, and the smaller one is taken, or that with the larger score.

    Args:
        asked: scores sets; at least 0 where a set does it.
        count: regions, d.
        most: sets that may be tried.
    """
    tried = 0
    for size in range(count + 1):
        if tried + comb(count, size) > most:
            break
        sets = sets_of(count, size)
        tried += len(sets)
        scores = asked(sets)
        if (scores >= 0).any():
            return _told(asked, sets[int(scores.argmax())], size, int((scores >= 0).sum()) - 1)
    else:
        return Fewest(regions=None, score=float("nan"), without=(), at_least=count + 1, count=count, others=None)
    ways = [way(asked, count) for way in (backward, forward)]
    found = [_told(asked, minimal(asked, each), size, None) for each in ways if each is not None]
    if not found:
        return Fewest(regions=None, score=float("nan"), without=(), at_least=size, count=count, others=None)
    return min(found, key=lambda each: (len(each.regions or ()), -each.score))


def sets_of(count: int, size: int) -> Array:
    """Return all sets of `size` of `count` regions: `(S, d)` bool."""
    members = np.array(list(combinations(range(count), size)), np.int64).reshape(comb(count, size), size)
    sets = np.zeros((len(members), count), bool)
    np.put_along_axis(sets, members, values=True, axis=1)
    return sets


def backward(asked: Asked, count: int) -> Array | None:
    """Take away one region after the other, each time the one that is missed the least; then add them from the last on.

    Source: arXiv:1810.03805, algorithms 1 (BackSelect) and 2 (FindSIS).

    Returns:
        `(d,)` bool, the first set that does it; None where none on this way does.
    """
    members = np.ones(count, bool)
    way = [members]
    for _ in range(count):
        smaller = _each_without(members)
        members = smaller[int(asked(smaller).argmax())]
        way.append(members)
    return next((each for each in reversed(way) if asked(each[None])[0] >= 0), None)


def forward(asked: Asked, count: int) -> Array | None:
    """Add one region after the other, each time the one that gains the most, until they do it: `(d,)` bool, or None."""
    members = np.zeros(count, bool)
    while asked(members[None])[0] < 0:
        if members.all():
            return None
        larger = members | np.eye(count, dtype=bool)[~members]
        members = larger[int(asked(larger).argmax())]
    return members


def minimal(asked: Asked, members: Array) -> Array:
    """Take regions away that can be spared, the one whose loss leaves the largest score first: `(d,)` bool.

    Args:
        asked: scores sets.
        members: `(d,)` bool, a set that does it.

    Returns:
        One of which no region can be taken away. Several at once perhaps can: that is what trying all sets is for.
    """
    while members.any():
        smaller = _each_without(members)
        scores = asked(smaller)
        if scores.max() < 0:
            break
        members = smaller[int(scores.argmax())]
    return members


def _each_without(members: Array) -> Array:
    """Return a set without each of its m regions in turn: `(m, d)` bool."""
    return np.asarray(members & ~np.eye(len(members), dtype=bool)[members])


def _told(asked: Asked, members: Array, at_least: int, others: int | None) -> Fewest:
    return Fewest(
        regions=tuple(np.flatnonzero(members).tolist()),
        score=float(asked(members[None])[0]),
        without=tuple(asked(_each_without(members)).tolist()) if members.any() else (),
        at_least=at_least,
        count=len(members),
        others=others,
    )

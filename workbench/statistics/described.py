"""What images of a group have in common, in words that hold for nearly all of them and for few others."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.types import Array
from workbench.core.wording import percent
from workbench.statistics.error_tree import Condition, in_words, matching_rows

if TYPE_CHECKING:
    import pandas as pd

CONDITIONS = 3
"""Properties that are named at most."""
LOSS = 0.15
"""Share of other images of a group, expected at most, that words leave out by all their conditions together.

Beyond the k-th of n images from an end lies one more with a chance of k / (n + 1), so a group of few images can have
fewer conditions, or none. On 50 worlds of `workbench truth --only slices` (seeds 100, 101 and 300) 70 % of 325 groups
had words, and they held for four fifths of a group's other images in 93 % of these. At 0.1 these were 55 % and 98 %, at
0.3 71 % and 78 %.
"""
ODD = 0.02
"""Share of a group that may lie beyond a bound: one odd image of many is to stretch no words."""
MARGIN = 0.5
"""How far a bound lies beyond the values of a group, in their standard deviations: others of the kind reach further."""
TELLS = 0.25
"""Share of the remaining other images that a condition excludes at least: otherwise it says nothing."""
OTHERS = 0.25
"""Share of all other images that words hold for at most: otherwise they tell the group from nothing."""
LEAST = 6
"""Images of a group that are described."""


@dataclass(frozen=True, eq=False)
class Description:
    """Words for a group.

    Attributes:
        words: "shirt, mean brightness above 0.4".
        holds: `(N,)` bool, the images that they are true of.
        inside: share of the group that they hold for.
        outside: share of the other images.
    """

    words: str
    holds: Array
    inside: float
    outside: float

    def __str__(self) -> str:
        return f"{self.words}: so are {percent(self.inside)} of them and {percent(self.outside)} of all others"


def describe(
    properties: pd.DataFrame, labels: Array, members: Array, names: tuple[str, ...], known: Array | None = None
) -> Description | None:
    """Find words for a group: its label, if nearly all have one, and what its properties keep within.

    One condition after the other is added, the one that excludes most of the other images that are still included,
    while that is a good part of them and so few of the group are lost that the words hold for images of it that were
    not looked at.

    Args:
        properties: N rows of `image_properties`.
        labels: `(N,)` int.
        members: `(N,)` bool.
        names: K class names.
        known: `(N,)` bool, the images that may be looked at; all, if not given.

    Returns:
        None for a small group, or where nothing tells it from the others.
    """
    known = np.ones(len(labels), bool) if known is None else known
    values = properties.to_numpy()
    own, others = members & known, ~members & known
    if own.sum() < LEAST or not others.any():
        return None
    holds, words, lost = np.ones(len(labels), bool), [], 0.0
    most = int(np.bincount(labels[own]).argmax())
    other_label = float((labels[own] != most).mean())
    if other_label <= LOSS / 2 and (labels[others] != most).mean() >= TELLS:
        holds, words, lost = labels == most, [names[most]], other_label
    conditions: tuple[Condition, ...] = ()
    tried = [(each, matching_rows((each,), values), loss) for each, loss in _conditions(values, own)]
    while len(conditions) < CONDITIONS and (holds & others).any():
        named = {each.column for each in conditions}
        usable = [each for each in tried if each[0].column not in named and lost + each[2] <= LOSS]
        excluded = [float((~inside)[holds & others].mean()) for _, inside, _ in usable]
        if max(excluded, default=0.0) < TELLS:
            break
        condition, inside, loss = usable[int(np.argmax(excluded))]
        conditions, holds, lost = (*conditions, condition), holds & inside, lost + loss
    if conditions:
        words.append(in_words(conditions, list(properties.columns), names))
    if not words or holds[others].mean() > OTHERS:
        return None
    return Description(", ".join(words), holds, float(holds[members].mean()), float(holds[~members].mean()))


def _conditions(values: Array, own: Array) -> list[tuple[Condition, float]]:
    """Conditions on one property that all of a group but the odd ones fulfil: at most, above, or between.

    Each with the share of other images of the group that is expected beyond its bounds, were they at the values
    themselves.
    """
    count = int(own.sum())
    odd = int(ODD * count)
    found, loss = [], (odd + 1) / (count + 1)
    for column in range(values.shape[1]):
        every = np.unique(values[:, column].astype(np.float32).astype(np.float64))
        inner = np.sort(values[own, column].astype(np.float32).astype(np.float64))
        low, high = inner[[odd, -1 - odd]] + MARGIN * float(inner.std()) * np.array([-1, 1])
        under, over = every[every < low], every[every > high]  # a bound lies between two values, as a tree's does
        lows = [-np.inf, *([float((under[-1] + low) / 2)] if len(under) else [])]
        highs = [np.inf, *([float((high + over[0]) / 2)] if len(over) else [])]
        each = [(Condition(column, *bounds), int(np.isfinite(bounds).sum()) * loss) for bounds in product(lows, highs)]
        found += each[1:]  # the first is without bounds
    return found

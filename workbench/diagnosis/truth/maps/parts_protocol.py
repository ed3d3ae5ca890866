"""How well maps weigh the parts of an image, whose worth is known since the image was drawn without each of them.

After the protocols of FunnyBirds (Hesse et al. 2023, arXiv:2308.06248, section 4): correctness by the single deletion
protocol, completeness by deletion, contrastivity by target sensitivity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.estimate import columns
from workbench.core.types import Array
from workbench.statistics.bootstrap import estimate

if TYPE_CHECKING:
    import pandas as pd

    from .known_world import KnownParts


@dataclass(frozen=True, eq=False, kw_only=True)
class PartScores:
    """How well each of N maps weighs the parts of its image.

    Attributes:
        correctness: `(N,)` in [-1, 1], rank correlation of what the map gives the parts and what they are worth.
        completeness: `(N,)` at most 1, drop of the score without the two parts that the map gives most, as a share of
            the largest drop that leaving out two parts can cause.
        contrastivity: `(N,)` bool, whether the part that another class has, against one that it lacks, weighs more in
            the map of that class than in the map of the image's own.
    """

    correctness: Array
    completeness: Array
    contrastivity: Array


def part_scores(parts: KnownParts, maps: Array, others: Array) -> PartScores:
    """Score maps by the parts of their images.

    Args:
        parts: of N images.
        maps: `(N, H, W)`, of the images' own class.
        others: `(N, H, W)`, by the same method, of `parts.other`.
    """
    from scipy.stats import spearmanr

    there = np.asarray(parts.places.any(axis=(2, 3)))
    rows = np.arange(len(maps))
    own, other = (np.einsum("nphw,nhw->np", parts.places, each.astype(np.float64)) for each in (maps, others))
    correctness, completeness = np.zeros(len(maps)), np.zeros(len(maps))
    for n in rows:
        given, worth, pairs = own[n, there[n]], parts.drops[n, there[n]], parts.pairs[n][np.ix_(there[n], there[n])]
        if np.ptp(given) > 0 and np.ptp(worth) > 0:
            correctness[n] = spearmanr(given, worth).statistic
        first, second = np.argsort(-given, kind="stable")[:2]
        completeness[n] = pairs[first, second] / pairs.max()
    leans = [each[rows, parts.has] - each[rows, parts.lacks] for each in (_scaled(other), _scaled(own))]
    return PartScores(correctness=correctness, completeness=completeness, contrastivity=leans[0] > leans[1])


def _scaled(given: Array) -> Array:
    """Divide what a map gives the parts by its magnitude, so that maps of two classes compare."""
    most = np.abs(given).max(axis=1, keepdims=True)
    return np.asarray(np.divide(given, most, out=np.zeros_like(given), where=most > 0))


def by_parts(found: Sequence[tuple[str, str, PartScores]]) -> pd.DataFrame:
    """One row a method, the most correct first, with 95 % intervals over the images.

    Args:
        found: method, library, and the scores of the maps of one network.
    """
    import pandas as pd

    rows = []
    for kind in dict.fromkeys((method, library) for method, library, _ in found):
        own = [scores for method, library, scores in found if (method, library) == kind]
        row: dict[str, object] = {
            "method": kind[0],
            "library": kind[1],
            "maps": sum(len(each.correctness) for each in own),
        }
        for name, low in (("correctness", -1.0), ("completeness", None), ("contrastivity", 0.0)):
            values = np.concatenate([getattr(each, name) for each in own]).astype(np.float64)
            row |= columns(name, estimate(values, within=None if low is None else (low, 1.0)))
        rows.append(row)
    table = pd.DataFrame(rows)
    return table.sort_values("correctness", ascending=False, ignore_index=True) if rows else table

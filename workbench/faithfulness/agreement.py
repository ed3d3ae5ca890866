"""How alike maps of the same image are, and how alike they would be by chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from workbench.core.attribution import Attribution
from workbench.core.progress import report
from workbench.core.types import Array
from workbench.data.sampling import evenly
from workbench.faithfulness.verdict import controls

DRAWS = 20
"""Random maps that each map is replaced by, to learn what such maps share."""
MOST_PIXELS = 4096
"""Pixels of an object on which maps are compared; of a larger one so many, evenly spaced."""


@dataclass(frozen=True, eq=False)
class Agreement:
    """What M maps of each of N images share, pair by pair; NaN where a map is flat.

    Attributes:
        spearman: `(N, M, M)` rank correlation on the object's pixels.
        overlap: `(N, M, M)` share of the top pixels of one that are top pixels of the other.
        chance: `(2, DRAWS, M, M)`, the same two, mean over the images, of random maps with the values and the
            smoothness of each map.
        own: `(2, N, M)`, the same two, of a map and the same method's with other random numbers; NaN where it draws
            none.
    """

    spearman: Array
    overlap: Array
    chance: Array
    own: Array

    @property
    def floor(self) -> Array:
        """`(2, 3, M, M)`: of both, mean over the draws and the two ends between which 95 % of random pairs lie."""
        mean, spread = self.chance.mean(axis=1), self.chance.std(axis=1, ddof=1)
        return np.stack([mean, mean - 1.96 * spread, mean + 1.96 * spread], axis=1)

    def ordered(self, order: Sequence[int]) -> Agreement:
        """Return the same with the maps in another order."""
        rows, columns = np.ix_(order, order)
        spearman, overlap, chance = (each[..., rows, columns] for each in (self.spearman, self.overlap, self.chance))
        return Agreement(spearman, overlap, chance, self.own[:, :, list(order)])


def compare(
    found: Sequence[Attribution],
    inside: Array,
    *,
    again: Mapping[int, Attribution] | None = None,
    magnitudes: bool = True,
    top: float = 0.1,
    seed: int = 0,
) -> Agreement:
    """Compare every two of M attributions of the same N images, on the object's pixels.

    Source: Krishna et al. 2022, arXiv:2202.01602, section 3 (feature agreement, rank correlation).

    Args:
        found: the M attributions.
        inside: `(N, H, W)` bool, the object's pixels.
        again: by its place in `found`, an attribution with other random numbers.
        magnitudes: compare how much each pixel matters, for the class or against it; else the values as they are.
        top: share of the object's pixels that are a map's top; equal values share what is left of it.
        seed: of the random maps.
    """
    count, images = len(found), len(inside)
    read = np.abs if magnitudes else np.asarray
    maps = [read(each.at_pixels()) for each in found]
    others = {m: read(each.at_pixels()) for m, each in (again or {}).items()}
    alike, own = np.full((2, images, count, count), np.nan), np.full((2, images, count), np.nan)
    total, known = np.zeros((2, DRAWS, count, count)), np.zeros((2, DRAWS, count, count))
    for n in range(images):
        places = np.flatnonzero(inside[n])
        if len(places) < 2:
            continue
        places = places[evenly(len(places), MOST_PIXELS)]
        alike[:, n] = pairwise(np.stack([each[n].ravel()[places] for each in maps]), top)
        for m, other in others.items():
            both = np.stack([each[n].ravel()[places] for each in (maps[m], other)])
            own[:, n, m] = pairwise(both, top)[:, 0, 1]
        drawn = [controls(each.values[n], DRAWS, (seed * images + n) * count + m) for m, each in enumerate(found)]
        pixels = [read(replace(each, values=some).at_pixels()) for each, some in zip(found, drawn, strict=True)]
        random = pairwise(np.stack([each.reshape(DRAWS, -1)[:, places] for each in pixels], axis=1), top)
        total += np.where(np.isfinite(random), random, 0)
        known += np.isfinite(random)
        report("Agreement of maps", n + 1, images)
    chance = np.divide(total, known, out=np.full(total.shape, np.nan), where=known > 0)
    return Agreement(alike[0], alike[1], chance, own)


def pairwise(maps: Array, top: float) -> Array:
    """Compare every two of `(…, M, P)` maps: `(2, …, M, M)` rank correlation and overlap of the top pixels.

    Args:
        maps: float, P pixels each.
        top: share of the pixels that are a map's top, at least one pixel.
    """
    return np.stack([_rank_products(maps), _shared_tops(maps, max(1, round(top * maps.shape[-1])))])


def _rank_products(maps: Array) -> Array:
    from scipy.stats import rankdata

    ranks = rankdata(maps, axis=-1)
    ranks -= ranks.mean(axis=-1, keepdims=True)
    size = np.linalg.norm(ranks, axis=-1, keepdims=True)
    unit = np.divide(ranks, size, out=np.full(ranks.shape, np.nan), where=size > 0)
    return np.asarray(unit @ np.swapaxes(unit, -1, -2))


def _shared_tops(maps: Array, size: int) -> Array:
    """Overlap that is expected where equal values are put in a random order."""
    least = np.partition(maps, -size, axis=-1)[..., -size, None]
    above, equal = maps > least, maps == least
    share = (size - above.sum(axis=-1, keepdims=True)) / equal.sum(axis=-1, keepdims=True)
    tops = above + share * equal
    tops = np.where(np.ptp(maps, axis=-1, keepdims=True) > 0, tops, np.nan)
    return np.asarray(tops @ np.swapaxes(tops, -1, -2) / size)


def consensus(maps: Array, inside: Array) -> tuple[Array, Array]:
    """Put each of `(M, N, H, W)` maps into ranks of 0 … 1 on the object's pixels; their mean and standard deviation.

    Returns:
        Two `(N, H, W)` float64 arrays, NaN outside of the object. A flat map has no ranks and is left out.
    """
    from scipy.stats import rankdata

    mean, spread = np.full((2, *inside.shape), np.nan)
    for n, where in enumerate(inside):
        own = maps[:, n, where]
        own = own[np.ptp(own, axis=1) > 0]
        if len(own):
            ranks = (rankdata(own, axis=1) - 1) / (own.shape[1] - 1)
            mean[n, where], spread[n, where] = ranks.mean(axis=0), ranks.std(axis=0)
    return mean, spread


def cluster_order(similarity: Array) -> list[int]:
    """Order the rows of an `(M, M)` similarity in [-1, 1] so that those alike stand together; NaN counts as 0."""
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    if len(similarity) < 3:
        return list(range(len(similarity)))
    distance = 1 - np.nan_to_num(similarity)
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(np.maximum(distance + distance.T, 0) / 2, checks=False), "average", optimal_ordering=True)
    return [int(place) for place in leaves_list(tree)]

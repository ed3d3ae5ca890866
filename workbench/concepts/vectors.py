"""Linear directions in feature space from one set of images to another, beside those of random sets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.core.types import Array

CELLS = 7
"""Rows and columns of a feature map that keep their places; of finer maps, means over cells are taken."""
RIDGE = 1.0
"""Penalty, as a multiple of the mean squared length of the centred features: many more numbers than images."""
FOLDS = 5
"""Parts of the images that are left out in turn."""


def cells_of(maps: Array, *, sums: bool = False) -> Array:
    """Average feature maps over at most `CELLS` × `CELLS` cells: `(n, h, w, F)` to `(n, g, g', F)` float32.

    Args:
        maps: of any size.
        sums: whether to add up instead, as gradients are: all places of a cell move together.
    """
    found: Array = maps.astype(np.float32)
    for axis in (1, 2):
        edges = _edges(found.shape[axis])
        shape = [-1 if n == axis else 1 for n in range(4)]
        added = np.add.reduceat(found, edges[:-1], axis=axis)
        found = added if sums else added / np.diff(edges).reshape(shape)
    return found


def spread(values: Array, shape: tuple[int, int]) -> Array:
    """Give each place of maps the value of its cell: `(…, g, g', F)` to `(…, h, w, F)`."""
    for axis, size in ((-3, shape[0]), (-2, shape[1])):
        values = np.repeat(values, np.diff(_edges(size)), axis=axis)
    return values


def _edges(size: int) -> Array:
    """Where cells begin and end along a side."""
    return np.linspace(0, size, min(size, CELLS) + 1).round().astype(np.int64)


@dataclass(frozen=True, eq=False, kw_only=True)
class Directions:
    """Concept activation vectors of several divisions of the same images: that asked about first, then random ones.

    The vector of a division is the unit normal of a linear classifier (ridge regression on ±1) of its two halves.
    Source: Kim et al. 2018, arXiv:1711.11279, section 3.2.

    Attributes:
        features: `(n, D)` float64, centred.
        weights: `(n, 1 + R)`, each vector as a sum of the features: v = featuresᵀ weights, of length 1.
        accuracy: `(1 + R)` share of left-out images on the right side of the hyperplane.
        step: `(1 + R)` how far left-out images of both halves lie apart along the vector.
        middle: mean coordinate along the first vector of the images outside of the set.
    """

    features: Array
    weights: Array
    accuracy: Array
    step: Array
    middle: float

    @property
    def vector(self) -> Array:
        """`(D,)` float64, the vector that was asked about."""
        return np.asarray(self.features.T @ self.weights[:, 0])

    def slopes(self, gradients: Array) -> Array:
        """Directional derivatives: `(m, D)` gradients to `(m, 1 + R)`, score per unit along each vector."""
        return np.asarray((gradients.astype(np.float64) @ self.features.T) @ self.weights)


def divisions(inside: Array, count: int, *, within: Array | None = None, seed: int = 0) -> Array:
    """Return a division of n images and `count` random ones of equal sizes: `(n, 1 + count)` bool.

    Args:
        inside: `(n,)` bool, the division asked about.
        count: random ones.
        within: `(n,)` int; random divisions have as many images inside of each of its values. None for one value.
        seed: for them.
    """
    chance = np.random.default_rng(seed)
    groups = np.zeros(len(inside), np.int64) if within is None else within
    drawn = np.empty((len(inside), count + 1), bool)
    drawn[:, 0] = inside
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        some = np.repeat(inside[rows][:, None], count, axis=1)
        drawn[rows, 1:] = chance.permuted(some, axis=0)
    return drawn


def directions(features: Array, members: Array, *, seed: int = 0) -> Directions:
    """Find the vector of each division.

    Args:
        features: `(n, D)` float.
        members: `(n, 1 + R)` bool, whether an image is inside, of each division; both sides must have some.
        seed: for leaving images out.
    """
    given = features.astype(np.float64)
    of = (
        np.random.default_rng(seed).permutation(len(given)) % FOLDS
    )  # whatever the divisions are: they stay exchangeable
    right, apart, told = (np.zeros(members.shape[1]) for _ in range(3))
    for fold in np.unique(of):
        out, kept = of == fold, of != fold
        middle = given[kept].mean(axis=0)
        known, asked = given[kept] - middle, given[out] - middle
        gram = known @ known.T
        weights, usable = _solve(gram, members[kept])
        places, own = asked @ known.T @ weights, gram @ weights  # coordinates along unit vectors
        inner, outer = _means(own, members[kept])
        limit = (inner + outer) / 2
        right += ((places > limit) == members[out]).sum(axis=0)
        inside, outside = _means(places, members[out])
        both = usable & np.isfinite(inside - outside)
        apart += np.where(both, inside - outside, 0)
        told += both
    centred = given - given.mean(axis=0)
    gram = centred @ centred.T
    weights, _ = _solve(gram, members)
    outside = ~members[:, 0]
    return Directions(
        features=centred,
        weights=weights,
        accuracy=right / len(given),
        step=apart / np.maximum(told, 1),
        middle=float((gram @ weights[:, 0])[outside].mean()),
    )


def _solve(gram: Array, members: Array) -> tuple[Array, Array]:
    """Ridge regression in the dual form, all divisions at once; of unit length. And which have two sides."""
    wanted = np.where(members, 1.0, -1.0)
    wanted -= wanted.mean(axis=0)
    penalty = RIDGE * max(float(np.trace(gram)) / len(gram), 1e-12)
    weights = np.linalg.solve(gram + penalty * np.eye(len(gram)), wanted)
    length = np.sqrt(np.maximum((weights * (gram @ weights)).sum(axis=0), 0))
    usable = length > 0
    return weights / np.where(usable, length, 1.0), usable


def _means(values: Array, members: Array) -> tuple[Array, Array]:
    """Mean of the values inside and outside, of each division; NaN where a side is empty."""
    inside, outside = members.sum(axis=0), (~members).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (values * members).sum(axis=0) / inside, (values * ~members).sum(axis=0) / outside


def chance_of(statistic: Array) -> float:
    """P-value of the first of `(1 + R)` values: share of all, itself among them, as far from the random ones' mean.

    Exact for a division that is itself random. Source: Phipson & Smyth 2010, doi:10.2202/1544-6115.1585.
    """
    middle = statistic[1:].mean()
    far = np.abs(statistic - middle)
    return float((1 + (far[1:] >= far[0] * (1 - 1e-9)).sum()) / len(statistic))

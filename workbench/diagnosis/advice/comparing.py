"""Maps of the same images compared two by two: how often one method's map is the better one.

A comparison counts by its sign alone, so that measures of any unit count alike: 1 for the better map, 1/2 for both
where they are as good, and a map without a number loses to one that has one.
"""

from __future__ import annotations

import numpy as np

from workbench.core.estimate import Estimate
from workbench.core.types import Array
from workbench.statistics.bootstrap import FEWEST, of_equal
from workbench.statistics.significance import mean_with_interval

EQUAL = 1e-6
"""Numbers that differ by no more are the same but for rounding."""


def won(one: Array, other: Array) -> Array:
    """Compare two arrays of one shape, larger is better: 1, 1/2 or 0 elementwise, float64; NaN loses to a number."""
    first, second = (np.where(np.isnan(each), -np.inf, each) for each in (one, other))
    with np.errstate(invalid="ignore"):  # both without a number: as good as each other
        apart = np.where(first == second, 0.0, first - second)
    return np.asarray(np.where(np.abs(apart) <= EQUAL, 0.5, apart > 0), np.float64)


def shares_won(values: Array) -> Array:
    """Compare each of K methods' maps with those of all others.

    Args:
        values: `(K, N)` float, one measure of K ≥ 2 methods' maps of N images, larger is better.

    Returns:
        `(K, N)` share of the other methods whose map of the image is worse.
    """
    count = len(values)
    total = np.zeros(values.shape)
    for k in range(count):
        total[k] = won(np.broadcast_to(values[k], values.shape), values).sum(axis=0) - 0.5
    return total / max(count - 1, 1)


def duel(one: Array, other: Array) -> Array:
    """Compare two methods' maps by several measures.

    Args:
        one: `(M, N)` float, M ≥ 1 measures of N images, larger is better.
        other: likewise.

    Returns:
        `(N,)` share of the measures by which `one` is better.
    """
    return np.asarray(won(one, other).mean(axis=0))


def share(values: Array) -> Estimate:
    """Mean of `(N,)` shares with its 95 % interval, Student's t over the images; of equal ones as `of_equal` has it."""
    found, count = mean_with_interval(values, within=(0.0, 1.0)), int(np.isfinite(values).sum())
    if found.interval is None and count >= FEWEST:
        return Estimate(found.value, *of_equal(found.value, count, (0.0, 1.0)).tolist(), unit="%")
    return Estimate(*found, unit="%")


def agreement(measure: Array, truth: Array) -> Array:
    """How often a measure picks the map of two that shows more of the true evidence.

    Args:
        measure: `(K, N)` float, of K ≥ 2 methods' maps of N images, larger is better.
        truth: `(K, N)` float, the share of each map that lies on the evidence.

    Returns:
        `(N,)` share of the pairs of maps of an image; NaN where no two differ in the truth.
    """
    one, other = np.triu_indices(len(truth), 1)
    right = won(truth[one], truth[other])
    known = right != 0.5
    said = won(measure[one], measure[other])
    hits = np.where(said == 0.5, 0.5, said == right) * known
    pairs = known.sum(axis=0)
    return np.asarray(np.divide(hits.sum(axis=0), pairs, out=np.full(pairs.shape, np.nan), where=pairs > 0))

"""Means over images with bootstrap intervals."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from workbench.core.estimate import Estimate
from workbench.core.types import Array

RESAMPLES = 2000
FEWEST = 5
"""Values of which an interval may be resampled: of fewer, it hardly ever holds what it should."""
ALIKE = 1e-6
"""Width, as a share of the largest value, from which values differ: of equal ones every resampling is the same."""


def estimates(values: Array, seed: int = 0, *, within: tuple[float, float] | None = None) -> Array:
    """Means over the first axis with their 95 % intervals, by resampling the images.

    The percentile bootstrap (Efron 1979). NaN values are left out; of fewer than `FEWEST` there is no interval, and of
    none no mean: NaN. Of equal values there is none either, unless they are known to lie within bounds (`of_equal`).

    Args:
        values: `(N, …)` float.
        seed: of the resampling.
        within: smallest and largest value that there can be; None where that is not known.

    Returns:
        `(3, …)` float64: mean, lower and upper end.
    """
    count = len(values)
    flat = np.asarray(values, np.float64).reshape(count, -1)
    known = np.isfinite(flat)
    filled = np.where(known, flat, 0.0)
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / max(count, 1)), RESAMPLES)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = filled.sum(axis=0) / known.sum(axis=0)
        means = (drawn @ filled) / (drawn @ known.astype(np.float64))  # (R, …)
    found = np.full((3, flat.shape[1]), np.nan)
    found[0] = mean
    count_known = known.sum(axis=0)
    enough = count_known >= FEWEST
    if enough.any():
        low, high = np.nanpercentile(means[:, enough], (2.5, 97.5), axis=0)
        found[1, enough], found[2, enough] = np.minimum(low, mean[enough]), np.maximum(high, mean[enough])
        alike = enough & ~(found[2] - found[1] > ALIKE * np.maximum(np.abs(mean), 1e-3))
        found[1:, alike] = np.nan
        if within is not None:
            found[1:, alike] = of_equal(mean[alike], count_known[alike], within)
    return found.reshape(3, *np.shape(values)[1:])


def of_equal(value: ArrayLike, count: ArrayLike, within: tuple[float, float]) -> Array:
    """Interval of the mean of values that are all alike, and lie within known bounds: `(2, …)`.

    Of n draws that are alike, the share of others is below 1 - 0.025^(1/n) (Clopper & Pearson 1934); those lie at the
    bounds at most.
    """
    value, others = np.asarray(value, np.float64), 1 - 0.025 ** (1 / np.maximum(count, 1))
    return np.stack([value - others * (value - within[0]), value + others * (within[1] - value)])


def estimate(values: Array, seed: int = 0, *, within: tuple[float, float] | None = None) -> Estimate:
    """Return the mean of `(N,)` values with its interval."""
    return Estimate(*estimates(values, seed, within=within).tolist())

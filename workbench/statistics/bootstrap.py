"""Means over images with bootstrap intervals."""

from __future__ import annotations

import numpy as np

from workbench.core.estimate import Estimate
from workbench.core.types import Array

RESAMPLES = 2000


def estimates(values: Array, seed: int = 0) -> Array:
    """Means over the first axis with their 95 % intervals, by resampling the images.

    The percentile bootstrap (Efron 1979). NaN values are left out; of fewer than two there is no interval, and of
    none no mean: NaN.

    Args:
        values: `(N, …)` float.
        seed: of the resampling.

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
    enough = known.sum(axis=0) >= 2
    if enough.any():
        low, high = np.nanpercentile(means[:, enough], (2.5, 97.5), axis=0)
        found[1, enough], found[2, enough] = np.minimum(low, mean[enough]), np.maximum(high, mean[enough])
    return found.reshape(3, *np.shape(values)[1:])


def estimate(values: Array, seed: int = 0) -> Estimate:
    """Return the mean of `(N,)` values with its interval."""
    return Estimate(*estimates(values, seed).tolist())

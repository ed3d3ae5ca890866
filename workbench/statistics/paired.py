"""Two answers to the same questions: exact tests, agreement, several seeds. Intervals of one are in `significance`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from workbench.core.estimate import Estimate
from workbench.core.types import Array


def mcnemar(won: ArrayLike, lost: ArrayLike) -> Array:
    """Two-sided p-value that images change from wrong to right as often as from right to wrong, elementwise.

    Source: McNemar 1947, doi:10.1007/BF02295996, with the exact binomial distribution of the images that change; 1
    where none does.

    Args:
        won: images that are wrong first and right then.
        lost: images that are right first and wrong then.
    """
    from scipy.special import bdtr

    won, lost = np.broadcast_arrays(np.asarray(won, np.float64), np.asarray(lost, np.float64))
    changed, fewer = won + lost, np.minimum(won, lost)
    return np.asarray(np.minimum(2 * bdtr(fewer, changed.astype(np.int64), 0.5), 1.0))


def kappa(counts: Array) -> Estimate:
    """Agreement of two raters beyond chance, with its 95 % interval; NaN where both always say the same one thing.

    Source: Cohen 1960, doi:10.1177/001316446002000104; the standard error of Fleiss, Cohen & Everitt 1969,
    doi:10.1037/h0028106, equation 13.

    Args:
        counts: `(K, K)` images that the first says are of the row's class and the second of the column's.
    """
    total = counts.sum()
    shares = counts / total
    first, second = shares.sum(axis=1), shares.sum(axis=0)
    observed, expected = float(np.trace(shares)), float(first @ second)
    if expected >= 1:
        return Estimate(float("nan"))
    value = (observed - expected) / (1 - expected)
    both = second[:, None] + first[None, :]  # of a cell (i, j): what the second says of i and the first of j
    own = np.diag(shares) * (1 - np.diag(both) * (1 - value)) ** 2
    others = shares * both**2
    np.fill_diagonal(others, 0)
    spread = own.sum() + (1 - value) ** 2 * others.sum() - (value - expected * (1 - value)) ** 2
    half = 1.959964 * float(np.sqrt(max(spread, 0) / total)) / (1 - expected)
    return Estimate(value) if half == 0 else Estimate(value, max(value - half, -1.0), min(value + half, 1.0))


def seeds_and_images(differences: Sequence[Array]) -> dict[str, float]:
    """Compare two ways to train over several seeds: is the difference beyond chance of seeds and of images both?

    Source: Student's t for the seeds, paired as both start from the same weights (Dietterich 1998,
    doi:10.1162/089976698300017197); the mean of the images' paired differences for the images, whose variance for one
    seed is that of McNemar 1947, doi:10.1007/BF02295996.

    Args:
        differences: for each seed, `(N,)` in {-1, 0, 1}: right in the second less right in the first.

    Returns:
        `difference`, the mean; the ends of its 95 % intervals over seeds, `seeds_low` and `seeds_high` (NaN for one
        seed), and over images, `images_low` and `images_high`; and `chance`, the larger of both p-values.
    """
    from scipy.stats import norm

    by_seed = [float(each.mean()) for each in differences]
    by_image = np.mean(differences, axis=0)
    mean = float(by_image.mean())
    error = float(by_image.std() / np.sqrt(len(by_image)))
    low, high, chance = t_interval(by_seed)
    of_images = float(2 * norm.sf(abs(mean) / error)) if error > 0 else float(mean == 0)
    reach = float(norm.isf(0.025)) * error
    return {
        "difference": mean,
        "seeds_low": max(low, -1.0),
        "seeds_high": min(high, 1.0),
        "images_low": mean - reach,
        "images_high": mean + reach,
        "chance": max(chance, of_images),
    }


def t_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the ends of a mean's 95 % interval, and the p-value that it is 0; NaN for a single value."""
    from scipy.stats import t

    count = len(values)
    if count < 2:
        return np.nan, np.nan, np.nan
    mean, error = float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(count))
    reach = float(t.isf(0.025, count - 1)) * error
    chance = float(2 * t.sf(abs(mean) / error, count - 1)) if error > 0 else float(mean == 0)
    return mean - reach, mean + reach, chance

"""Two answers to the same questions: exact tests and agreement. The interval of the difference is in `significance`."""

from __future__ import annotations

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

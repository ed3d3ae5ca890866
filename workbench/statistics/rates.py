"""Statistics of predictions: counts, rates and their intervals."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from workbench.core.estimate import Estimate
from workbench.core.finding import Severity
from workbench.core.types import Array

ENOUGH = 20
"""Images from which a difference is called a fault; of fewer, an accident of the choice cannot be told from it."""
FEWEST = 5
"""Images from which a difference is worth knowing at all; of fewer, what is seen is only said."""


def capped(severity: Severity, images: int) -> Severity:
    """Return the worst that so many images can show, at most `severity`.

    Args:
        severity: how bad it would be, if there were enough.
        images: those that the finding was measured on: of a class, if it is about a class.

    Returns:
        A fact below `FEWEST` images, at most mild below `ENOUGH`.
    """
    most = Severity.INFO if images < FEWEST else Severity.MILD if images < ENOUGH else Severity.CRITICAL
    return min(severity, most)


def wilson(hits: ArrayLike, trials: ArrayLike, *, confidence: float = 0.95) -> tuple[Array, Array]:
    """Interval of a rate `hits / trials`, elementwise; with no trials it is [0, 1].

    Source: Wilson 1927, equation as in scipy's `BinomTestResult.proportion_ci(method="wilson")`,
    written for arrays, since scipy's takes one rate at a time.

    Returns:
        Lower and upper bound, float64 in [0, 1], of the broadcast shape.
    """
    hits, trials = np.broadcast_arrays(np.asarray(hits, np.float64), np.asarray(trials, np.float64))
    z = NormalDist().inv_cdf(0.5 + confidence / 2)  # scipy's takes a quarter of a second to import
    count = np.maximum(trials, 1)  # of no trials nothing is kept below
    rate = hits / count
    centre = (rate + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z * np.sqrt(rate * (1 - rate) / count + z**2 / (4 * count**2)) / (1 + z**2 / count)
    empty = trials == 0
    return np.where(empty, 0.0, np.clip(centre - half, 0, 1)), np.where(empty, 1.0, np.clip(centre + half, 0, 1))


def difference(hits: int, trials: int, others: int, of: int) -> tuple[Estimate, float]:
    """Compare two independent rates, `hits / trials` less `others / of`.

    Source: Newcombe 1998, doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I, method 10, for the
    interval; Fisher's exact test for the p-value.

    Returns:
        The difference, and the two-sided p-value that both rates are the same.
    """
    from scipy.stats import fisher_exact

    (one, other), (low, high) = (hits / trials, others / of), wilson([hits, others], [trials, of])
    below = np.hypot(one - low[0], high[1] - other)
    above = np.hypot(high[0] - one, other - low[1])
    chance = fisher_exact([[hits, trials - hits], [others, of - others]])[1]
    gap = one - other
    return Estimate(gap, gap - float(below), gap + float(above), unit="%"), float(chance)


def odds_ratio(hits: int, trials: int, others: int, of: int) -> Estimate:
    """Compare the odds of two independent rates, those of `hits / trials` over those of `others / of`.

    Source: Woolf 1955, with half an image added to each of the four counts (Gart & Zweifel 1967,
    doi:10.1093/biomet/54.1-2.181), so that a count of 0 has an interval too.
    """
    cells = np.array([hits, trials - hits, others, of - others], np.float64) + 0.5
    ratio = cells[0] * cells[3] / (cells[1] * cells[2])
    spread = float(np.exp(1.959964 * np.sqrt((1 / cells).sum())))
    return Estimate(float(ratio), float(ratio) / spread, float(ratio) * spread)


def rate_ratio(hits: int, trials: int, others: int, of: int) -> Estimate:
    """Compare two independent rates, `hits / trials` over `others / of`.

    Source: Katz et al. 1978, doi:10.2307/2530610, with half an image added to each count (Walter 1975), so that a
    count of 0 has an interval too.
    """
    one, other = (hits + 0.5) / (trials + 0.5), (others + 0.5) / (of + 0.5)
    ratio = one / other
    variance = 1 / (hits + 0.5) - 1 / (trials + 0.5) + 1 / (others + 0.5) - 1 / (of + 0.5)
    spread = float(np.exp(1.959964 * np.sqrt(max(variance, 0.0))))
    return Estimate(ratio, ratio / spread, ratio * spread)


def rate(hits: int, trials: int) -> Estimate:
    """Return `hits` of `trials`, which must be at least 1, as a share with its 95 % Wilson interval."""
    low, high = wilson(hits, trials)
    return Estimate(hits / trials, round(float(low), 9), round(float(high), 9), unit="%")  # no -0.0 and no 1e-18

"""Which differences are beyond chance: adjusted p-values, paired differences, means with intervals."""

from __future__ import annotations

import numpy as np

from workbench.core.estimate import Estimate
from workbench.core.types import Array
from workbench.statistics.bootstrap import ALIKE


def mean_with_interval(values: Array, *, within: tuple[float, float] = (-np.inf, np.inf)) -> Estimate:
    """Mean of `(N,)` values with its 95 % interval (Student's t); NaN values are left out, and NaN if none is left.

    One value, or equal ones, have no spread, and so no interval.

    Args:
        values: numbers.
        within: smallest and largest value that there can be, where the interval ends.
    """
    from scipy.stats import t

    known = values[np.isfinite(values)]
    if len(known) == 0:
        return Estimate(float("nan"))
    mean = float(known.mean())
    if np.ptp(known) <= ALIKE * max(abs(mean), 1e-3):
        return Estimate(mean)
    half = float(t.ppf(0.975, len(known) - 1) * known.std(ddof=1) / np.sqrt(len(known)))
    return Estimate(mean, max(mean - half, within[0]), min(mean + half, within[1]))


DISCOVERIES = 0.05
"""Share of false discoveries, by Benjamini and Hochberg 1995."""


def discoveries(chances: Array, share: float = DISCOVERIES) -> Array:
    """Which of `(n,)` p-values hold, so that at most `share` of those that do are false: `(n,)` bool.

    Source: Benjamini & Hochberg 1995, doi:10.1111/j.2517-6161.1995.tb02031.x.
    """
    from scipy.stats import false_discovery_control

    return false_discovery_control(chances) <= share if len(chances) else np.zeros(0, bool)


def paired_difference(lost: int, won: int, trials: int, *, confidence: float = 0.95) -> Estimate:
    """Compare two rates of the same images: `(lost - won) / trials` with its interval.

    Source: Bonett & Price 2012, doi:10.3102/1076998611411915: Wald's interval with one image added to each of the
    two counts of images that changed, and two to the trials.

    Args:
        lost: images that are right before and wrong after.
        won: images that are wrong before and right after.
        trials: images in all, at least 1.
        confidence: of the interval.

    Returns:
        How much smaller the second rate is; the value itself always lies within its interval.
    """
    from scipy.special import ndtri

    value = (lost - won) / trials
    one, other = (lost + 1) / (trials + 2), (won + 1) / (trials + 2)
    half = float(ndtri(0.5 + confidence / 2)) * np.sqrt((one + other - (one - other) ** 2) / (trials + 2))
    low, high = max(one - other - half, -1.0), min(one - other + half, 1.0)
    return Estimate(value, min(float(low), value), max(float(high), value), unit="%")


def holm(chances: Array) -> Array:
    """Adjust `(T,)` p-values for having tested all of them (Holm 1979); NaN is no test, and stays."""
    adjusted = np.full(len(chances), np.nan)
    tested = np.flatnonzero(np.isfinite(chances))
    order = tested[np.argsort(chances[tested], kind="stable")]
    steps = chances[order] * (len(order) - np.arange(len(order)))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if len(order) else steps
    return adjusted

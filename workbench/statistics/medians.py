"""Medians with intervals that assume nothing of the distribution."""

from __future__ import annotations

import numpy as np

from workbench.core.estimate import Estimate
from workbench.core.types import Array


def median(values: Array) -> Estimate:
    """Return the median of `(n,)` values with its 95 % interval.

    The interval goes from the j-th smallest to the j-th largest value, j as large as the sign test allows, so it
    reaches 95 % for any distribution, of counts too. Fewer than 6 values have none, and neither have values between
    which it has no width. Source: Conover 1999, Practical Nonparametric Statistics, section 3.2.
    """
    from scipy.stats import binom

    ordered = np.sort(np.asarray(values, np.float64))
    middle, left_out = float(np.median(ordered)), int(binom.ppf(0.025, len(ordered), 0.5))  # P(B < left_out) < 0.025
    if left_out < 1:
        return Estimate(middle)
    low, high = float(ordered[left_out - 1]), float(ordered[-left_out])
    return Estimate(middle, low, high) if high > low else Estimate(middle)


def counted(found: Estimate) -> str:
    """Write the median of counts, of which at most a half stands behind the point, with its interval."""
    if found.interval is None:
        return f"{found.value:g}" if np.isfinite(found.value) else "more than all"
    return f"{found.value:g} (95 % interval {found.low:g} to {found.high:g})"

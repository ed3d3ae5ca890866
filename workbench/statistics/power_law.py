"""How an error falls with the number of examples: a power law, its intervals, and whether it holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.core.estimate import Estimate
from workbench.core.types import Array

FEWEST = 4
"""Sizes from which a law is fitted: of three, two numbers leave one that says how well it fits."""


@dataclass(frozen=True, kw_only=True)
class PowerLaw:
    """The error e(n) = a · n^-b, fitted to the logarithms.

    Source: Hestness et al. 2017, arXiv:1712.00409, section 3; least squares on logarithms, with Student's t for the
    interval of a new measurement, which includes how far the measured errors lie from the line.

    Attributes:
        exponent: b; positive where the error falls.
        scale: logarithm of a.
        centre, spread: mean of the logarithms of the sizes, and their sum of squares about it.
        residual: standard deviation about the line.
        sizes: how many were fitted.
    """

    exponent: float
    scale: float
    centre: float
    spread: float
    residual: float
    sizes: int

    def at(self, size: float) -> Estimate:
        """Return the error that would be measured with so many examples, with its 95 % interval; at most 1."""
        from scipy.stats import t

        x = float(np.log(size))
        middle = self.scale - self.exponent * x
        error = self.residual * float(np.sqrt(1 + 1 / self.sizes + (x - self.centre) ** 2 / self.spread))
        reach = float(t.isf(0.025, self.sizes - 2)) * error
        value, low, high = (min(float(np.exp(each)), 1.0) for each in (middle, middle - reach, middle + reach))
        return Estimate(value, low, high, unit="%")


def power_law(sizes: Array, errors: Array) -> PowerLaw | None:
    """Fit the law to errors that were measured with growing numbers of examples.

    Args:
        sizes: `(m,)` numbers of examples, each once.
        errors: `(m,)` float in (0, 1].

    Returns:
        None for fewer than three sizes.
    """
    if len(sizes) < FEWEST - 1:
        return None
    x, y = np.log(np.asarray(sizes, np.float64)), np.log(np.asarray(errors, np.float64))
    centre, spread = float(x.mean()), float(((x - x.mean()) ** 2).sum())
    exponent = -float(((x - centre) * y).sum() / spread)
    scale = float(y.mean()) + exponent * centre
    residual = float(np.sqrt(((y - scale + exponent * x) ** 2).sum() / (len(x) - 2)))
    return PowerLaw(exponent=exponent, scale=scale, centre=centre, spread=spread, residual=residual, sizes=len(x))


def expected_of_the_last(sizes: Array, errors: Array) -> Estimate | None:
    """Return the error that the smaller sizes promise of the largest one; None where there are too few.

    A law whose interval does not hold the error that was measured is not to be believed beyond it.
    """
    if len(sizes) < FEWEST:
        return None
    law = power_law(sizes[:-1], errors[:-1])
    return None if law is None else law.at(float(sizes[-1]))

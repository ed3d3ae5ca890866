"""Means over images with bootstrap intervals."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.core.types import Array

RESAMPLES = 2000

ENDS = ("", "_low", "_high")


@dataclass(frozen=True)
class Estimate:
    """A mean over images with its 95 % interval; prints as "0.21 (95 % interval 0.18 to 0.25)".

    Attributes:
        value: the mean; NaN where it is not defined.
        low, high: the interval; NaN where there are fewer than two images.
    """

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, row: Any, name: str) -> Estimate:
        """Read one from a table's row that has `columns` of this name."""
        return cls(*(float(row[f"{name}{end}"]) for end in ENDS))

    @property
    def interval(self) -> tuple[float, float] | None:
        """As a finding takes it: None where there is none."""
        return (float(self.low), float(self.high)) if math.isfinite(self.high - self.low) else None

    def __str__(self) -> str:
        if self.interval is None:
            return number(self.value)
        return f"{number(self.value)} (95 % interval {number(self.low)} to {number(self.high)})"


def number(value: float, decimals: int = 2) -> str:
    """Write a number with a true minus sign, and without one where it rounds to zero."""
    shown = f"{value:.{decimals}f}"
    return shown.removeprefix("-") if float(shown) == 0 else shown.replace("-", "−")


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


def columns(name: str, parts: Iterable[Any]) -> dict[str, Any]:
    """Name a mean and the two ends of its interval, as columns of a table: `name`, `name_low`, `name_high`."""
    return {f"{name}{end}": part for end, part in zip(ENDS, parts, strict=True)}


def estimate(values: Array, seed: int = 0) -> Estimate:
    """Return the mean of `(N,)` values with its interval."""
    return Estimate(*estimates(values, seed).tolist())

"""Several methods on the same images: which ones apply here, and what may be said of their numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from workbench.contracts import Array
from workbench.errors import WorkbenchError
from workbench.params import ChooseFrom

if TYPE_CHECKING:
    from workbench.explainers.base import Explainer
    from workbench.probe import Probe

MOST_COPIES = 256
"""Changed copies of each image up to which a method is fast enough to be asked unnamed."""
ENOUGH = 3
"""Methods, the control among them, below which slower ones are asked too."""
CONTROL = "random"
"""The method that knows nothing."""
RESAMPLES = 2000
ENDS = ("", "_low", "_high")
Methods = Annotated[
    tuple[str, ...],
    Field(description=f"methods to compare; all that look at no more than {MOST_COPIES} copies of an image, if none"),
    ChooseFrom("explainers"),
]


def methods_on(probe: Probe, names: Sequence[str], *, least: int = 1) -> tuple[dict[str, Explainer], dict[str, str]]:
    """Choose methods that apply to a model.

    Args:
        probe: the model.
        names: CLI names; if there is none, all that apply and are fast, the control among them. Where these are fewer
            than three of a model without gradients, the fastest of the others too.
        least: how many there must be.

    Returns:
        The methods by name, in the order given; and for each that is left out its title and why.

    Raises:
        WorkbenchError: if a name is unknown, a named method does not apply, or fewer than `least` are left.
    """
    from workbench.explainers import explainer, explainers

    chosen, left = {}, {}
    for name in dict.fromkeys(names) or explainers():
        kind = explainer(name)
        reason = kind.missing(probe)
        if reason is None:
            method = kind()
            if names or method.copies(probe) <= MOST_COPIES:
                chosen[name] = method
            else:
                left[kind.title] = f"it looks at {method.copies(probe):,} copies of an image; ask for it by name"
        elif names:
            raise WorkbenchError(reason)
        else:
            left[kind.title] = reason
    if not names and probe.inference_only and len(chosen) < ENOUGH:
        slow = {n: kind() for n, kind in explainers().items() if n not in chosen and kind.missing(probe) is None}
        for name in sorted(slow, key=lambda name: slow[name].copies(probe))[: ENOUGH - len(chosen)]:
            chosen[name] = slow[name]
            left.pop(slow[name].title)
    if len(chosen) < least:
        raise WorkbenchError(f"At least {least} methods are needed. Got {', '.join(chosen) or 'none'}.")
    return chosen, left


def left_out(reasons: Mapping[str, str]) -> str:
    """Say which methods are left out, for a figure; empty if none is."""
    return f"Left out unless named, as slow or not for this model: {', '.join(reasons)}." if reasons else ""


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


def holm(chances: Array) -> Array:
    """Adjust `(T,)` p-values for having tested all of them (Holm 1979); NaN is no test, and stays."""
    adjusted = np.full(len(chances), np.nan)
    tested = np.flatnonzero(np.isfinite(chances))
    order = tested[np.argsort(chances[tested], kind="stable")]
    steps = chances[order] * (len(order) - np.arange(len(order)))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if len(order) else steps
    return adjusted

"""A value with its 95 % interval."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal

from workbench.core.wording import apart, number, percent

ENDS = ("", "_low", "_high")
"""What the columns of a table that hold an estimate are called after its name."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """A value with its 95 % interval; prints as "0.21 (95 % interval 0.18 to 0.25)", a share in percent.

    Attributes:
        value: NaN where it is not defined.
        low, high: both ends of the interval; NaN where there is none.
        unit: "%" for a share in [0, 1], which is written in percent.
    """

    value: float
    low: float = math.nan
    high: float = math.nan
    _: KW_ONLY
    unit: Literal["", "%"] = ""

    @classmethod
    def of(cls, row: Any, name: str, unit: Literal["", "%"] = "") -> Estimate:
        """Read one from a table's row that has `columns` of this name."""
        return cls(*(float(row[f"{name}{end}"]) for end in ENDS), unit=unit)

    @property
    def interval(self) -> tuple[float, float] | None:
        """Both ends, or None where there is no interval."""
        return (float(self.low), float(self.high)) if math.isfinite(self.high - self.low) else None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Estimate) or self.unit != other.unit:
            return False
        return all(a == b or (a != a and b != b) for a, b in zip(self, other, strict=True))  # noqa: PLR0124 - NaN is NaN

    def __hash__(self) -> int:
        return hash((*(None if end != end else end for end in self), self.unit))  # noqa: PLR0124

    def __iter__(self) -> Iterator[float]:
        return iter((self.value, self.low, self.high))

    def __float__(self) -> float:
        return float(self.value)

    def __str__(self) -> str:
        write = percent if self.unit == "%" else number
        if self.interval is None:
            return write(self.value)
        shown, low, high = apart(write, self.value, *self.interval)
        if self.unit == "%":
            return f"{shown} (95 % interval {low.removesuffix(' %')}–{high})"
        return f"{shown} (95 % interval {low} to {high})"


def columns(name: str, parts: Iterable[Any]) -> dict[str, Any]:
    """Name a value and both ends of its interval, as columns of a table: `name`, `name_low`, `name_high`."""
    return {f"{name}{end}": part for end, part in zip(ENDS, parts, strict=True)}

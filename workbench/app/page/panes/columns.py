"""The columns of a table as people read them: headings in words, intervals as one column, few digits, all alike."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.types import Array
from workbench.core.wording import cell, p_value, significant

if TYPE_CHECKING:
    import pandas as pd

SPELLED = {
    "ece": "calibration error",
    "f1": "F1",
    "ks": "KS distance",
    "of": "out of",
    "come": "errors that came",
    "gone": "errors that went",
    "p_adjusted": "p (Holm)",
    "rest": "difference in the rest",
    "p_control": "p against control",
    "p_runner_up": "p against runner-up",
    "p_wrong_label": "probability of a wrong label",
    "probability": "probability of the label",
    "spearman": "rank correlation",
    "of the suggested": "probability of the suggested label",
    "better_in": "better in, measures",
    "known": "images",
    "where": "which images",
    "what": "measure",
    "val_accuracy": "validation accuracy",
    "val_loss": "validation loss",
    "who": "classifier",
    "one": "class",
    "other": "other",
}
"""Headings of columns whose names are short for something."""
OF_THINGS = frozenset({"epoch", "seed", "index", "channel", "filter", "cluster", "place", "rank", "image number"})
"""Columns of numbers of things: written as they are, without separators."""
P_VALUES = frozenset({"p", "p_adjusted", "p_control", "p_runner_up"})
"""Columns of p-values, written alike wherever they stand."""
MOST_DECIMALS = 4
SMALLEST = 1e-4
"""Numbers that are all smaller are written with a power of ten."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column as it is shown.

    Attributes:
        name: of the column in the table, by which it is sorted.
        heading: what stands above it.
        numeric: whether numbers stand in it, below each other by their last digits.
        write: gives the text of the row at a place.
        about: for an interval, the heading of what it is of; empty for any other.
    """

    name: str
    heading: str
    numeric: bool
    write: Callable[[int], str]
    about: str = ""


def heading_of(name: str) -> str:
    """Return what stands above a column: its name in words."""
    words = SPELLED.get(name, name.replace("_", " ").strip())
    return words[:1].upper() + words[1:]


def columns_of(frame: pd.DataFrame) -> tuple[list[Column], list[str]]:
    """Return the columns that are shown, and the headings of those that are not, since nothing stands in them.

    Columns of positions, which programs need, are left out; the ends of an interval stand in one column.
    """
    names = [str(name) for name in frame.columns]
    ends = _intervals(names)
    taken = {name for low, (high, _) in ends.items() for name in (low, high)}
    shown, empty = list[Column](), list[str]()
    for place, name in enumerate(names):
        if name in ends:
            high, value = ends[name]
            if value not in empty:
                shown.append(_interval(frame, name, high, heading_of(value)))
        elif name not in taken and not name.endswith("_index"):
            values = frame.iloc[:, place]
            if len(values) and values.isna().all():
                empty.append(name)
            else:
                shown.append(_column(name, values))
    return shown, [heading_of(name) for name in empty]


def _intervals(names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return, by the column of their lower ends, that of the upper ends and the one that they are of."""
    found = dict[str, tuple[str, str]]()
    for place, name in enumerate(names):
        stem, high = name.removesuffix("low"), f"{name.removesuffix('low')}high"
        if not (name == "low" or name.endswith("_low")) or high not in names or place == 0:
            continue
        of = stem.rstrip("_")
        found[name] = high, of if of in names else names[place - 1]
    return found


def _column(name: str, values: pd.Series[Any]) -> Column:
    numeric, given = values.dtype.kind in "iuf", values.tolist()
    if values.dtype.kind == "f":
        if name in P_VALUES:
            return Column(name=name, heading=heading_of(name), numeric=True, write=lambda row: p_value(given[row]))
        write = writer_of(values.to_numpy())
        return Column(name=name, heading=heading_of(name), numeric=True, write=lambda row: write(given[row]))
    apart = values.dtype.kind in "iu" and name not in OF_THINGS
    return Column(
        name=name, heading=heading_of(name), numeric=numeric, write=lambda row: cell(given[row], separators=apart)
    )


def _interval(frame: pd.DataFrame, low: str, high: str, about: str) -> Column:
    lower, upper = frame[low], frame[high]
    both = [side.to_numpy(np.float64, na_value=np.nan) for side in (lower, upper)]
    write = writer_of(np.concatenate(both))

    def written(row: int) -> str:
        ends = [write(side[row]) for side in both]
        return "–" if "–" in ends else f"{ends[0]} to {ends[1]}"

    return Column(name=low, heading="95 % interval", numeric=True, write=written, about=about)


def writer_of(values: Array) -> Callable[[float], str]:
    """Return what writes the numbers of a column with the same few decimals, so that they can be compared.

    Three significant digits of what is typical, and four of the largest at most; what would read as zero, and is not,
    is said to be less than the last digit.
    """
    known = np.abs(values[np.isfinite(values) & (values != 0)].astype(np.float64))
    if len(known) and known.max() < SMALLEST:
        return lambda value: "–" if math.isnan(value) else _power(float(value))
    decimals = 0
    if len(known) and not (known == np.rint(known)).all():
        typical, largest = (2 - math.floor(math.log10(each)) for each in (float(np.median(known)), float(known.max())))
        decimals = max(0, min(typical, largest + 1, MOST_DECIMALS))
    least = 10.0**-decimals

    def write(value: float) -> str:
        number = float(value)
        if math.isnan(number):
            return "–"
        if not math.isfinite(number):
            return "∞" if number > 0 else "−∞"
        if number and abs(number) < least / 2:
            return f"<{least:.{decimals}f}" if number > 0 else f"−<{least:.{decimals}f}"
        return f"{number + 0.0:,.{decimals}f}".replace("-", "−")

    return write


def _power(value: float) -> str:
    return significant(value, 2) if value else "0"

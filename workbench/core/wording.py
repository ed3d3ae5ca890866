"""How numbers, values and lists are written, so that findings, tables, page and files say them alike."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

MOST_DECIMALS = 4
"""Decimals with which both ends of a narrow interval are told apart."""
SMALLEST_P = 1e-4
"""Smaller p-values are only said to be smaller."""


def percent(share: float, decimals: int = 1) -> str:
    """Write a share in percent: one decimal, two near 0 and 1, where the first would hide the rest."""
    near = 0 < share < 0.0005 or 0.9995 < share < 1
    shown = f"{100 * share:.{max(decimals, 2) if near else decimals}f}"
    return f"{shown.partition('.')[0] if share in (0, 1) or shown in ('0.0', '100.0') else shown} %"


def apart(write: Callable[..., str], value: float, low: float, high: float) -> list[str]:
    """Write a value and both ends of its interval with as few decimals as tell the ends apart, at most four.

    Args:
        write: `percent` or `number`, which take decimals.
        value: what lies in the interval.
        low: its lower end.
        high: its upper end; equal ends are written as they are.
    """
    every = (value, low, high)
    plain = [write(each) for each in every]
    if plain[1] != plain[2] or low == high:
        return plain
    finer = [[write(each, decimals) for each in every] for decimals in range(2, MOST_DECIMALS + 1)]
    return next((each for each in finer if each[1] != each[2]), finer[-1])


def bare_percent(share: float, decimals: int = 0) -> str:
    """Write a share in percent without the sign; what is not exactly 0 or 1 never reads as if it were."""
    smallest = 10.0**-decimals
    if 0 < share <= smallest / 200:
        return f"<{smallest:.{decimals}f}"
    if 1 > share >= 1 - smallest / 200:
        return f">{100 - smallest:.{decimals}f}"
    return f"{100 * share:.{decimals}f}"


def probability(value: float, decimals: int = 0) -> str:
    """Write a probability in percent; a softmax is never certain, though its rounding may look so."""
    return bare_percent(min(max(value, 1e-12), 1 - 1e-12), decimals)


def number(value: float, decimals: int = 2) -> str:
    """Write a number with a true minus sign, and without one where it rounds to zero."""
    shown = f"{value:.{decimals}f}"
    return shown.removeprefix("-") if float(shown) == 0 else shown.replace("-", "−")


def significant(value: float, digits: int = 3) -> str:
    """Write a measured number with so many digits and a true minus sign."""
    return f"{value:.{digits}g}".replace("-", "−")


def points(value: float, low: float, high: float) -> str:
    """Write a difference of two shares with its interval: "3.1 points (95 % interval 2.6 to 3.6)"."""
    said, *ends = (significant(100 * each, 2) for each in (value, low, high))
    return f"{said} points (95 % interval {ends[0]} to {ends[1]})"


def p_value(p: float, *, named: bool = False) -> str:
    """Write a p-value with two digits, and four decimals at most, "0.023" or "<0.0001"; "–" where there is none.

    Args:
        p: in [0, 1], or NaN.
        named: whether "p = " stands before it.
    """
    written = f"{p:.4f}" if p < SMALLEST_P * 10 else significant(p, 2)
    shown = "–" if math.isnan(p) else written if p >= SMALLEST_P else f"<{SMALLEST_P:.4f}"
    return shown if not named else f"p < {shown[1:]}" if shown[0] == "<" else f"p = {shown}"


def cell(value: Any, *, separators: bool = False) -> str:
    """Write one value of a table, a parameter or a fact of a manifest.

    Args:
        value: a number, text, bool, None, or a list or mapping of these; NumPy's scalars and arrays too.
        separators: whether a large whole number gets its thousands marked, unless it is the number of a thing.
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, Mapping):
        value = [f"{name}: {cell(each, separators=separators)}" for name, each in value.items()]
    if isinstance(value, list | tuple):
        return ", ".join(cell(each, separators=separators) for each in value) or "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return significant(value, 4)
    return f"{value:,}" if separators and isinstance(value, int) else str(value)


def plural(count: int, noun: str) -> str:
    """Write a number with its noun: "1 image", "1,000 images", "2 classes", "2 copies", "2 analyses"."""
    if noun.endswith("sis"):
        many = noun[:-2] + "es"
    elif noun.endswith("y") and noun[-2:-1] not in tuple("aeiou"):
        many = noun[:-1] + "ies"
    else:
        many = noun + ("es" if noun.endswith(("s", "x")) else "s")
    return f"{count:,} {noun if count == 1 else many}"


def verb(count: int, many: str) -> str:
    """Write a verb as a count takes it: "are", "have" or "need" of many, "is", "has" or "needs" of one."""
    return {"are": "is", "have": "has", "were": "was", "do": "does"}.get(many, f"{many}s") if count == 1 else many


def join_names(names: Sequence[object], most: int = 5) -> str:
    """Join names to "A, B and C"; beyond `most` the rest is only counted."""
    words = [str(name) for name in names]
    if len(words) > most:
        words = [*words[: most - 1], plural(len(words) - most + 1, "other")]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else "none"

"""The cells of a column of text -> numbers, categories, dates, or yes and no."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.wording import join_names, plural

if TYPE_CHECKING:
    import pandas as pd

ABSENT = frozenset({"", "na", "n/a", "nan", "none", "null", "nat", "-", "–", "?"})
"""What stands for nothing, in any case."""
YES, NO = frozenset({"yes", "true", "y", "t"}), frozenset({"no", "false", "n", "f"})
WORDS = 3
"""Different words in a column of numbers, up to which they count as nothing; "unknown", say."""
MOSTLY = 0.95
"""Share of the values that are numbers from which on the rest are such words."""
EXACT = 2**53
"""Whole numbers beyond it are identifiers: a float would round them."""
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_CODE = re.compile(r"[+-]?0\d+")  # a postcode, 007: no number
_DATE = re.compile(r"\d{4}([-/:])\d{2}\1\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?")

_ZONE = re.compile(r"[T ].*(?:Z|[+-]\d{2}:?\d{2})$")


def typed(name: str, cells: Sequence[str]) -> tuple[pd.Series[Any], str]:
    """Find out what the values of a column are.

    Numbers become float64; yes and no (true and false) "boolean"; dates as ISO 8601 and EXIF write them, datetime64 in
    UTC where they say a zone; everything else a category. A day written as 3/4/2024 stays a category, since nobody
    knows which month it is in. What is missing is missing in each of them.

    Args:
        name: of the column, for the sentence.
        cells: its values as they stand in the file.

    Returns:
        The values; and a sentence about what was left out, or an empty text.
    """
    import pandas as pd

    texts = [cell.strip() for cell in cells]
    there = [text for text in texts if text.casefold() not in ABSENT]
    folded = {text.casefold() for text in there}
    if not there or folded <= YES | NO:
        known = {True: YES, False: NO}
        values = [next((truth for truth, words in known.items() if text.casefold() in words), None) for text in texts]
        return pd.Series(values, name=name, dtype="boolean" if there else "object"), ""
    numbers, words = _numbers(texts)
    if numbers is not None:
        left = plural(sum(words.values()), "value")
        said = f"{left} of {name!r} count as missing: {join_names(list(words))}" if words else ""
        return pd.Series(numbers, name=name), said
    if all(_DATE.fullmatch(text) for text in there):
        zoned = {bool(_ZONE.search(text)) for text in there}
        written = pd.Series([_iso(text) for text in texts], name=name)
        dates = pd.to_datetime(written, format="ISO8601", errors="coerce", utc=True)
        if int(dates.notna().sum()) == len(there) and len(zoned) == 1:  # else as written: some 31st of February, say
            return dates if zoned == {True} else dates.dt.tz_localize(None), ""
    kept = [text if text.casefold() not in ABSENT else None for text in texts]
    return pd.Series(pd.Categorical(kept, categories=sorted(set(there))), name=name), ""


def _numbers(texts: Sequence[str]) -> tuple[np.ndarray[Any, Any] | None, Counter[str]]:
    """Return the numbers of a column, NaN where there is none, and the words among them; None where it has others."""
    words: Counter[str] = Counter()
    values = np.full(len(texts), np.nan)
    for place, text in enumerate(texts):
        if text.casefold() in ABSENT:
            continue
        if _CODE.fullmatch(text):
            return None, words
        if not _NUMBER.fullmatch(text):
            words[text] += 1
            if len(words) > WORDS:
                return None, words
            continue
        value = float(text)
        if not np.isfinite(value) or (abs(value) > EXACT and text.lstrip("+-").isdecimal()):
            return None, words
        values[place] = value
    found = int((~np.isnan(values)).sum())
    mostly = found and found >= MOSTLY * (found + sum(words.values()))
    return (values if mostly else None), words


def _iso(text: str) -> str | None:
    """Write a date as ISO 8601 does; nothing where there is none."""
    if text.casefold() in ABSENT:
        return None
    return re.sub(r"[/:]", "-", text[:10]) + text[10:].replace(" ", "T").replace(",", ".")

"""A table as CSV that a spreadsheet takes for what it is."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pandas as pd


FORMULA = "=+-@\t\r\n＝＋－＠"
"""What a cell begins with that a spreadsheet takes for a formula; in East Asia also in its wide form."""


def as_csv(frame: pd.DataFrame, separator: str = ",") -> str:
    """Write a whole table; a text or heading that a spreadsheet would run as a formula gets an apostrophe."""
    safe, texts = frame.copy(), [*map(str, frame.columns)]
    for place in range(frame.shape[1]):
        if frame.iloc[:, place].dtype.kind not in "iufb":
            values = [_plain(value) for value in frame.iloc[:, place]]
            texts += [value for value in values if isinstance(value, str)]
            safe.isetitem(place, values)
    safe.columns = [_plain(name) for name in frame.columns]
    stream = io.StringIO()
    # Readers take a carriage return for the end of a line, and Python's writer quotes only what it ends lines with.
    returns = any("\r" in text for text in texts)
    quoting: Literal[0, 2] = csv.QUOTE_NONNUMERIC if returns else csv.QUOTE_MINIMAL
    safe.to_csv(stream, index=False, sep=separator, quoting=quoting)
    return stream.getvalue()


def _plain(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(tuple(FORMULA)) else value

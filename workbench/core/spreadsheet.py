"""A table as CSV that a spreadsheet takes for what it is."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def as_csv(frame: pd.DataFrame, separator: str = ",") -> str:
    """Write a whole table; a text that a spreadsheet would run as a formula gets an apostrophe."""
    safe = frame.copy()
    for place, column in enumerate(frame.columns):
        if frame.iloc[:, place].dtype.kind not in "iufb":
            safe[column] = [
                f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" else value
                for value in frame.iloc[:, place]
            ]
    stream = io.StringIO()
    safe.to_csv(stream, index=False, sep=separator)
    return stream.getvalue()

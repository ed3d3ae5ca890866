"""Texts as CSV that a spreadsheet takes for what they are: no cell is a formula, and each can be read again.

A text that a spreadsheet would run gets an apostrophe before it, which `as_written` takes away.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pandas as pd

SIGNS = frozenset("=+-@＝＋－＠")
"""What a formula begins with; in East Asia also in its wide form."""
BREAKS = ("\t", "\r", "\n")
"""What ends a cell where it is pasted, so that the next one begins: no text begins with it."""
UNSEEN = frozenset({"Cc", "Cf", "Mn", "Zs", "Zl", "Zp"})
"""Categories of characters that nobody sees: white space, control characters, joiners, marks of direction."""
BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and signs that are empty."""


def runs(text: str) -> bool:
    """Whether a spreadsheet may run a text as a formula, whatever that nobody sees stands before its sign."""
    if text.startswith(BREAKS):
        return True
    for letter in text:
        if letter in SIGNS:
            return True
        if letter not in BLANK and unicodedata.category(letter) not in UNSEEN:
            return False
    return False


def harmless(text: str) -> str:
    """Return a text that no spreadsheet runs, and that `as_written` turns back: with an apostrophe, if need be."""
    return f"'{text}" if runs(text.lstrip("'")) else text


def as_written(cell: str) -> str:
    """Return what a cell said before it was made harmless."""
    return cell[1:] if cell.startswith("'") and runs(cell.lstrip("'")) else cell


def as_csv(frame: pd.DataFrame, separator: str = ",") -> str:
    """Write a whole table; its texts and headings are made harmless, its numbers stay numbers."""
    safe, texts = frame.copy(), [*map(str, frame.columns)]
    for place in range(frame.shape[1]):
        if frame.iloc[:, place].dtype.kind not in "iufb":
            values = [_harmless(value) for value in frame.iloc[:, place]]
            texts += [value for value in values if isinstance(value, str)]
            safe.isetitem(place, values)
    safe.columns = [_harmless(name) for name in frame.columns]
    stream = io.StringIO()
    # Readers take a carriage return for the end of a line, and Python's writer quotes only what it ends lines with.
    returns = any("\r" in text for text in texts)
    quoting: Literal[0, 2] = csv.QUOTE_NONNUMERIC if returns else csv.QUOTE_MINIMAL
    safe.to_csv(stream, index=False, sep=separator, quoting=quoting)
    return stream.getvalue()


def texts_as_csv(lines: Iterable[Sequence[str]]) -> str:
    """Write lines of texts, each made harmless."""
    stream = io.StringIO()
    usual = csv.writer(stream, lineterminator="\n")
    quoting = csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for line in lines:
        cells = [harmless(text) for text in line]
        (quoting if any("\r" in cell for cell in cells) else usual).writerow(cells)
    return stream.getvalue()


def _harmless(value: object) -> object:
    return harmless(value) if isinstance(value, str) else value

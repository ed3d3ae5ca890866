"""A result's tables as HTML: the first rows, everything escaped."""

from __future__ import annotations

import io
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from workbench.ui.words import breakable, href, plain

if TYPE_CHECKING:
    import pandas as pd

ROWS = 50
IMAGES = ("row", "image")
"""Columns that hold rows of the dataset; each value becomes a link to that image."""


def tables_html(tables: Mapping[str, pd.DataFrame], key: str, images: int) -> str:
    """Build all tables of a result.

    Args:
        tables: by name.
        key: of the answer, for the download.
        images: N, so that only rows that exist become links.
    """
    return "".join(_table(name, frame, f"table/{key}/{place}.csv", images) for place, (name, frame) in enumerate(tables.items()))


def _table(name: str, frame: pd.DataFrame, address: str, images: int) -> str:
    columns = [str(column) for column in frame.columns]
    numeric = [frame.iloc[:, place].dtype.kind in "iuf" for place in range(len(columns))]
    head = "".join(
        f'<th scope="col"{" class=num" if number else ""}>{breakable(column.replace("_", " "))}</th>'
        for column, number in zip(columns, numeric, strict=True)
    )
    body = "".join(
        "<tr>" + "".join(
            f"<td{' class=num' if number else ''}>{_cell(column, value, images)}</td>"
            for column, number, value in zip(columns, numeric, row, strict=True)
        ) + "</tr>"
        for row in frame.head(ROWS).itertuples(index=False, name=None)
    )  # fmt: skip
    rest = f"<span>… {len(frame) - ROWS:,} more rows</span>" if len(frame) > ROWS else f"<span>{len(frame):,} rows</span>"
    title = name.replace("_", " ").replace("-", " ").capitalize()
    return (
        f'<section class="table"><h3>{escape(title)}</h3><div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f'<tbody>{body}</tbody></table></div><p class="foot">{rest}<a href="{escape(address)}" download>all as CSV</a></p></section>'
    )


def _cell(column: str, value: Any, images: int) -> str:
    if column in IMAGES and not isinstance(value, bool | str) and value == value and 0 <= int(value) < images:
        return f'<a href="{href({"section": "errors", "image": str(int(value))})}">{int(value)}</a>'
    item = value.item() if hasattr(value, "item") else value
    return escape(plain(item))


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """Write a whole table as CSV; a text that a spreadsheet would run as a formula gets an apostrophe."""
    safe = frame.copy()
    for place, column in enumerate(frame.columns):
        if frame.iloc[:, place].dtype.kind not in "iufb":
            safe[column] = [f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" else value for value in frame.iloc[:, place]]
    stream = io.StringIO()
    safe.to_csv(stream, index=False)
    return stream.getvalue().encode()

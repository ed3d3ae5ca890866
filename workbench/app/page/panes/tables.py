"""A result's tables as HTML: the first rows, everything escaped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from workbench.app.page.html import Html, breakable, element, join, link
from workbench.core.wording import cell

if TYPE_CHECKING:
    import pandas as pd

ROWS = 50
IMAGES = ("row", "image")
"""Columns that hold rows of the dataset; each value becomes a link to that image."""


def tables_html(tables: Mapping[str, pd.DataFrame], key: str, images: int) -> Html:
    """Build all tables of a result.

    Args:
        tables: by name.
        key: of the answer, for the download.
        images: N, so that only rows that exist become links.
    """
    return join(
        _table(name, frame, f"table/{key}/{place}.csv", images) for place, (name, frame) in enumerate(tables.items())
    )


def _table(name: str, frame: pd.DataFrame, address: str, images: int) -> Html:
    columns = [str(column) for column in frame.columns]
    kinds = ["num" if frame.iloc[:, place].dtype.kind in "iuf" else None for place in range(len(columns))]
    head = (
        element("th", breakable(column.replace("_", " ")), scope="col", class_=kind)
        for column, kind in zip(columns, kinds, strict=True)
    )
    body = (
        element(
            "tr",
            *(
                element("td", _cell(column, value, images), class_=kind)
                for column, kind, value in zip(columns, kinds, row, strict=True)
            ),
        )
        for row in frame.head(ROWS).itertuples(index=False, name=None)
    )
    more = len(frame) - ROWS
    rest = f"… {more:,} more rows" if more > 0 else f"{len(frame):,} rows"
    title = name.replace("_", " ").replace("-", " ").capitalize()
    table = element("table", element("thead", element("tr", *head)), element("tbody", *body))
    csv = element("a", "download CSV", href=address, download=True)
    foot = element("p", element("span", rest), csv, class_="foot")
    return element("section", element("h3", title), element("div", table, class_="scroll"), foot, class_="table")


def _cell(column: str, value: Any, images: int) -> str:
    """Write a value; the row of an image leads to that image."""
    item = value.item() if hasattr(value, "item") else value
    if column in IMAGES and isinstance(item, int) and not isinstance(item, bool) and 0 <= item < images:
        return link(str(item), {"section": "errors", "image": str(item)})
    return cell(item)

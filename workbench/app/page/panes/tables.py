"""A result's tables as HTML: the first rows, images by name, everything escaped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.app.page.html import Html, breakable, element, join, link
from workbench.app.page.image_name import short_name
from workbench.core.image_names import PART_OF, ROWS, TITLES
from workbench.core.result import Result
from workbench.core.wording import cell

if TYPE_CHECKING:
    import pandas as pd

MOST = 50
LINKED = {TITLES[column]: column for columns in ROWS.values() for column in columns}
"""Columns of names of images, each of which leads to its image, and where their rows stand."""
NAMES = frozenset(TITLES[column] for column in PART_OF)


def tables_html(result: Result, key: str, images: int) -> Html:
    """Build all tables of a result.

    Args:
        result: whose tables they are.
        key: of the answer, for the download.
        images: N, so that only rows that exist become links.
    """
    return join(
        _table(name, frame, result.tables[name], f"table/{key}/{place}.csv", images)
        for place, (name, frame) in enumerate(result.named.items())
    )


def _table(name: str, frame: pd.DataFrame, raw: pd.DataFrame, address: str, images: int) -> Html:
    columns = [str(column) for column in frame.columns]
    kinds = ["num" if frame.iloc[:, place].dtype.kind in "iuf" else None for place in range(len(columns))]
    rows = {title: raw[column].tolist() for title, column in LINKED.items() if title in frame and title not in raw}
    nothing: list[float] = []
    head = (
        element("th", breakable(column.replace("_", " ")), scope="col", class_=kind)
        for column, kind in zip(columns, kinds, strict=True)
    )
    body = (
        element(
            "tr",
            *(
                element("td", _cell(column, value, rows.get(column, nothing)[place : place + 1], images), class_=kind)
                for column, kind, value in zip(columns, kinds, row, strict=True)
            ),
        )
        for place, row in enumerate(frame.head(MOST).itertuples(index=False, name=None))
    )
    more = len(frame) - MOST
    rest = f"… {more:,} more rows" if more > 0 else f"{len(frame):,} rows"
    title = name.replace("_", " ").replace("-", " ").capitalize()
    table = element("table", element("thead", element("tr", *head)), element("tbody", *body))
    csv = element("a", "download CSV", href=address, download=True)
    foot = element("p", element("span", rest), csv, class_="foot")
    scrolled = element("div", table, class_="scroll", tabindex="0", role="group", aria_label=title)
    return element("section", element("h3", title), scrolled, foot, class_="table")


def _cell(column: str, value: Any, row: list[float], images: int) -> str:
    """Write a value; the name of an image leads to that image, of which `row` holds the row."""
    if not (column in NAMES and isinstance(value, str)):
        return cell(value.item() if hasattr(value, "item") else value)
    written, whole = short_name(value)
    learned = PART_OF.get(LINKED.get(column, ""), "data") == "train"
    if row and learned and row[0] >= 0:  # False for NaN
        return link(written, {"section": "images", "part": "train", "image": str(int(row[0]))}, title=whole)
    if row and 0 <= row[0] < images:
        return link(written, {"section": "errors", "image": str(int(row[0]))}, title=whole)
    return element("span", written, title=whole) if value else "–"

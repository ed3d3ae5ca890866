"""A result's tables as HTML: some rows, in an order that a click on a heading chooses, images by name and picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from workbench.app.page.html import Html, breakable, element, join, link
from workbench.app.page.image_name import short_name
from workbench.app.page.panes.columns import Column, columns_of
from workbench.app.page.pictures import Part, Parts, fit, tag
from workbench.core.image_names import PART_OF, ROWS, TITLES
from workbench.core.image_set import Part as Name
from workbench.core.result import Result
from workbench.core.wording import plural

if TYPE_CHECKING:
    import pandas as pd

FIRST, MORE, MOST = 50, 200, 2000
"""Rows that are shown at first, with each click more, and at most; a file has all."""
BOX = 28
LINKED = {TITLES[column]: column for columns in ROWS.values() for column in columns}
"""Columns of names of images, each of which leads to its image, and where their rows stand."""
PAIRS = (("true", "predicted"), ("label", "suggested"))
"""Columns of two classes: the images that have the one and are taken for the other."""
OF_CLASS = ("class", "true", "label")


@dataclass(frozen=True, kw_only=True)
class Order:
    """Which rows of a table are shown, and in which order.

    Attributes:
        column: by which they are sorted; the table's own order for one that is not there.
        down: whether the largest come first.
        rows: how many.
    """

    column: str = ""
    down: bool = False
    rows: int = FIRST

    def query(self) -> str:
        """Return it as a query string."""
        rows = "" if self.rows == FIRST else str(self.rows)
        asked = {"sort": self.column, "down": "1" if self.down else "", "rows": rows}
        return urlencode({name: text for name, text in asked.items() if text})


AS_IT_IS = Order()


def tables_html(result: Result, key: str, parts: Parts) -> Html:
    """Build all tables of a result.

    Args:
        result: whose tables they are.
        key: of the answer, for the download and the order.
        parts: where their images come from.
    """
    return join(table_html(result, key, place, parts) for place in range(len(result.tables)))


def table_html(result: Result, key: str, place: int, parts: Parts, order: Order = AS_IT_IS) -> Html:
    """Build one table.

    Args:
        result: whose table it is.
        key: of the answer.
        place: which of its tables.
        parts: where images come from.
        order: of its rows, and how many.
    """
    name, frame = list(result.named.items())[place]
    raw = result.tables[name]
    if order.column in frame:
        rows = _sorted(frame.iloc[:, list(frame.columns).index(order.column)], down=order.down)
        frame, raw = frame.iloc[rows], raw.iloc[rows]
    shown = min(len(frame), max(1, min(order.rows, MOST)))
    columns, empty = columns_of(frame)
    address = f"table/{key}/{place}"
    links = _Links(result.class_names, frame, raw, parts)
    head = element("tr", *(_heading(each, address, order) for each in columns))
    body = (element("tr", *(_cell(each, row, links) for each in columns)) for row in range(shown))
    table = element("table", element("thead", head), element("tbody", *body))
    title = name.replace("_", " ").replace("-", " ").capitalize()
    window = element("div", table, class_="scroll", tabindex="0", role="group", aria_label=title)
    some = f"{shown:,} of {plural(len(frame), 'row')}" if shown < len(frame) else plural(len(frame), "row")
    csv = element("a", "download CSV", href=f"{address}.csv", download=True)
    left = element("span", f"without values, not shown: {', '.join(empty)}") if empty else None
    more = _more(address, order, shown, min(len(frame), MOST))
    foot = element("p", element("span", some, role="status"), more, csv, left, class_="foot")
    return element("section", element("h3", title), window, foot, class_="table")


def _sorted(values: pd.Series[Any], *, down: bool) -> list[int]:
    """Return places in the order of the values, what is missing last; equal ones stay in their order."""
    plain = values.reset_index(drop=True)
    if plain.dtype.kind not in "iufb":
        plain = plain.map(lambda value: str(value).casefold(), na_action="ignore")
    return plain.sort_values(ascending=not down, kind="stable", na_position="last").index.tolist()


def _heading(column: Column, address: str, order: Order) -> Html:
    here = column.name == order.column
    # Numbers are looked at from the largest on, words from A; a second click turns that round.
    turned = replace(order, column=column.name, down=not order.down if here else column.numeric)
    arrow = element("i", "" if not here else "▼" if order.down else "▲", aria_hidden="true")
    words = element("span", breakable(column.heading), arrow)
    label = f"{column.heading} of {column.about}" if column.about else None
    told = {"data_table": f"{address}.html?{turned.query()}", "data_column": column.name, "aria_label": label}
    button = element("button", words, type="button", **told)
    state = ("descending" if order.down else "ascending") if here else None
    return element("th", button, scope="col", class_="num" if column.numeric else None, aria_sort=state)


def _more(address: str, order: Order, shown: int, most: int) -> Html | None:
    if shown >= most:
        return None
    to = f"{address}.html?{replace(order, rows=shown + MORE).query()}"
    words = f"Show {min(MORE, most - shown):,} more"
    return element("button", words, type="button", class_="button", data_table=to, data_column="")


def _cell(column: Column, row: int, links: _Links) -> Html:
    kinds = [kind for kind, here in (("num", column.numeric), ("interval", column.about)) if here]
    return element("td", links.of(column.name, row, column.write(row)), class_=" ".join(kinds) or None)


class _Links:
    """What the cells of a table lead to: an image, or the images of a class or of a pair of classes."""

    def __init__(self, classes: Sequence[str], frame: pd.DataFrame, raw: pd.DataFrame, parts: Parts) -> None:
        self._classes = {name: index for index, name in enumerate(classes)}
        self._frame, self._parts = frame, parts
        self._rows = {
            title: raw[column].tolist() for title, column in LINKED.items() if title in frame and title not in raw
        }
        self._known: dict[str, Part | None] = {}
        pair = next((pair for pair in PAIRS if set(pair) <= set(frame.columns)), None)
        # A row that has an image is about it, whatever its classes are; training images are in no cell of the errors.
        self._pair = None if self._rows or pair != PAIRS[0] else pair
        self._class = None if self._rows or pair else next((each for each in OF_CLASS if each in frame), None)

    def of(self, column: str, row: int, text: str) -> str:
        """Return what stands in a cell."""
        if column in self._rows:
            return self._image(column, row)
        if column in LINKED:  # the image's name, of which there is no row
            return _named(text)
        views = {"section": "errors", "true": "any", "predicted": "any"}
        if self._pair and column in self._pair:
            indices = [self._classes.get(self._frame[each].iloc[row]) for each in self._pair]
            if None not in indices:
                return link(text, {**views, **dict(zip(self._pair, map(str, indices), strict=True))})
        elif column == self._class and (index := self._classes.get(self._frame[column].iloc[row])) is not None:
            return link(text, {**views, "true": str(index)})
        return text

    def _image(self, column: str, row: int) -> Html:
        """Write the name of an image beside its picture; both lead to it."""
        name, at = str(self._frame[column].iloc[row]), self._rows[column][row]
        part = self._part(PART_OF[LINKED[column]])
        if not at >= 0 or part is None or at >= len(part.dataset):  # False for NaN
            return _named(name)
        written, whole = short_name(name)
        where = {"section": "errors"} if part.explored else {"section": "images", "part": "train"}
        picture = Html()
        if part.dataset.has_images:
            size = fit(*part.dataset.image_shape[:2], BOX)
            picture = tag(part.picture(int(at), max(size.width, size.height)), size)
        return link(picture + element("span", written), {**where, "image": str(int(at))}, title=whole, class_="named")

    def _part(self, name: Name) -> Part | None:
        if name not in self._known:
            self._known[name] = self._parts(name)
        return self._known[name]


def _named(name: str) -> Html:
    written, whole = short_name(name)
    return element("span", written, title=whole) if name else Html("–")

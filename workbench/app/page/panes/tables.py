"""A result's tables as HTML: some rows, those that hold a text, in the order of a column; images by name and picture.

Which rows and which order is part of the page's view: `_sort0=-recall`, `_find0=shirt` and `_rows0=250` in the address
are those of the first table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from workbench.app.markup import Html, element, join
from workbench.app.page.html import breakable, link
from workbench.app.page.image_name import short_name
from workbench.app.page.panes.columns import Column, columns_of
from workbench.app.pictures import Part, Parts, fit, tag
from workbench.core.image_names import PART_OF, ROWS, TITLES
from workbench.core.image_set import Part as Name
from workbench.core.result import Result
from workbench.core.wording import plural

if TYPE_CHECKING:
    import pandas as pd

FIRST, MORE, MOST = 50, 200, 2000
"""Rows that are shown at first, with each click more, and at most; a file has all."""
LONG = 10
"""Rows that one looks through; above longer tables is a field to find some."""
LONGEST = 200
"""Letters of what is looked for."""
BOX = 28
LINKED = {TITLES[column]: column for columns in ROWS.values() for column in columns}
"""Columns of names of images, each of which leads to its image, and where their rows stand."""
PAIRS = (("true", "predicted"), ("label", "suggested"))
"""Columns of two classes: the images that have the one and are taken for the other."""
OF_CLASS = ("class", "true", "label")
Opens = Callable[[str, str, int], str]
"""The address of the images that a cell counts, from the table's name, the column's and the row; empty for none."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """Which rows of a table are shown, and in which order.

    Attributes:
        column: by which they are sorted; the table's own order for one that is not there.
        down: whether the largest come first.
        rows: how many.
        find: what a row must have in one of its cells, as they are shown, in any case; every row has an empty one.
    """

    column: str = ""
    down: bool = False
    rows: int = FIRST
    find: str = ""

    @classmethod
    def read(cls, asked: Mapping[str, str], place: int | str = "") -> Order:
        """Read it from a query, or the one of a table from a view, by the place of the table."""
        sort, find, rows = (asked.get(f"{name}{place}", "") for name in ("sort", "find", "rows"))
        count = int(rows) if rows.isascii() and rows.isdigit() and len(rows) < 6 else FIRST
        return cls(column=sort.removeprefix("-"), down=sort.startswith("-"), rows=count, find=find[:LONGEST].strip())

    def query(self) -> str:
        """Return it as a query string."""
        rows = "" if self.rows == FIRST else str(self.rows)
        asked = {"sort": self.down * "-" + self.column, "find": self.find, "rows": rows}
        return urlencode({name: text for name, text in asked.items() if text})


AS_IT_IS = Order()


def tables_html(result: Result, key: str, parts: Parts, asked: Mapping[str, str] = MappingProxyType({})) -> Html:
    """Build all tables of a result.

    Args:
        result: whose tables they are.
        key: of the answer, for the download and the order.
        parts: where their images come from.
        asked: which rows of which table, as a view has it.
    """
    count = len(result.tables)
    return join(table_html(result, key, place, parts, Order.read(asked, place)) for place in range(count))


def table_html(
    result: Result, key: str, place: int, parts: Parts, order: Order = AS_IT_IS, *, opens: Opens | None = None
) -> Html:
    """Build one table.

    Args:
        result: whose table it is.
        key: of the answer.
        place: which of its tables.
        parts: where images come from.
        order: of its rows, and how many.
        opens: says which images a cell counts; classes and pairs lead to the errors without it.
    """
    name, frame = list(result.named.items())[place]
    raw = result.tables[name]
    if order.column in frame:
        rows = _sorted(frame.iloc[:, list(frame.columns).index(order.column)], down=order.down)
        frame, raw = frame.iloc[rows], raw.iloc[rows]
    columns, empty = columns_of(frame)
    found = _holding(order.find, columns, len(frame)) if order.find else range(len(frame))
    shown = min(len(found), max(1, min(order.rows, MOST)))
    address = f"table/{key}/{place}"
    counted = None if opens is None else _Counted(opens, name, frame.index.tolist())
    links = _Links(result.class_names, frame, raw, parts) if counted is None else counted
    head = element("tr", *(_heading(each, order) for each in columns))
    body = (element("tr", *(_cell(each, row, links) for each in columns)) for row in found[:shown])
    table = element("table", element("thead", head), element("tbody", *body))
    title = name.replace("_", " ").replace("-", " ").capitalize()
    window = element("div", table, class_="scroll", tabindex="0", role="group", aria_label=title)
    some = f"{shown:,} of {plural(len(found), 'row')}" if shown < len(found) else plural(len(found), "row")
    if order.find:
        some += f" with “{order.find}”, of {len(frame):,}"
    csv = element("a", "download CSV", href=f"{address}.csv", download=True)
    left = element("span", f"without values, not shown: {', '.join(empty)}") if empty else None
    more = _more(order, shown, min(len(found), MOST))
    foot = element("p", element("span", some, role="status"), more, csv, left, class_="foot")
    find = _field(title, order.find) if len(frame) > LONG or order.find else None
    top = element("header", element("h3", title), find)
    told = {"data_rows": f"{address}.html", "data_place": place, "data_order": order.query()}
    return element("section", top, window, foot, class_="table", **told)


def _holding(words: str, columns: Sequence[Column], count: int) -> list[int]:
    """Return the places of the rows in which a text stands, in any case, as the cells are shown."""
    wanted = words.casefold()
    return [row for row in range(count) if any(wanted in each.write(row).casefold() for each in columns)]


def _field(title: str, words: str) -> Html:
    name = f"Find rows of {title}"
    field = element(
        "input",
        type="search",
        value=words,
        placeholder="Find rows",
        aria_label=name,
        maxlength=LONGEST,
        data_find_rows=True,
    )
    return element("search", field)


def _sorted(values: pd.Series[Any], *, down: bool) -> list[int]:
    """Return places in the order of the values, what is missing last; equal ones stay in their order."""
    plain = values.reset_index(drop=True)
    if plain.dtype.kind not in "iufb":
        plain = plain.map(lambda value: str(value).casefold(), na_action="ignore")
    return plain.sort_values(ascending=not down, kind="stable", na_position="last").index.tolist()


def _heading(column: Column, order: Order) -> Html:
    here = column.name == order.column
    # Numbers are looked at from the largest on, words from A; a second click turns that round.
    turned = replace(order, column=column.name, down=not order.down if here else column.numeric)
    arrow = element("i", "" if not here else "▼" if order.down else "▲", aria_hidden="true")
    words = element("span", breakable(column.heading), arrow)
    label = f"{column.heading} of {column.about}" if column.about else None
    told = {"data_table": turned.query(), "data_column": column.name, "aria_label": label}
    button = element("button", words, type="button", **told)
    state = ("descending" if order.down else "ascending") if here else None
    return element("th", button, scope="col", class_="num" if column.numeric else None, aria_sort=state)


def _more(order: Order, shown: int, most: int) -> Html | None:
    if shown >= most:
        return None
    to = replace(order, rows=shown + MORE).query()
    words = f"Show {min(MORE, most - shown):,} more"
    return element("button", words, type="button", class_="button", data_table=to, data_column="")


def _cell(column: Column, row: int, links: _Links | _Counted) -> Html:
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


class _Counted:
    """What the cells of a table lead to where each number counts images: these, in an order of their own."""

    def __init__(self, opens: Opens, table: str, rows: Sequence[int]) -> None:
        self._opens, self._table, self._rows = opens, table, rows

    def of(self, column: str, row: int, text: str) -> str:
        """Return what stands in a cell; `row` is as it is shown."""
        address = self._opens(self._table, column, self._rows[row])
        return link(text, {"section": "images", "set": address}) if address and text != "0" else text


def _named(name: str) -> Html:
    written, whole = short_name(name)
    return element("span", written, title=whole) if name else Html("–")

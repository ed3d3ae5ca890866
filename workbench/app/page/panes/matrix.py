"""The confusion matrix as buttons: a cell, a row, a column or all errors can be opened; groups of classes open too."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workbench.app.markup import Html, element, join
from workbench.app.page.board import Board
from workbench.app.page.cell import open_cell
from workbench.app.page.html import breakable, button, choices
from workbench.app.page.panes.matrix_window import controls_html, order_html, said_html
from workbench.app.page.view import ANY, View
from workbench.app.page.window import Line, Window, window_of
from workbench.core.types import Array
from workbench.core.wording import bare_percent, plural

UPRIGHT = 12
"""Classes up to which the names of the columns are written upright."""
LARGEST = 3
DARKEST = 0.72
"""Share of the heat's colour up to which, on a dark page, white can be read on it, and from which on black can."""
OTHERS = "(other)"


def matrix_html(board: Board, names: Sequence[str], view: View) -> Html:
    """Build the pane for a settled view."""
    window = window_of(board, names, view)
    modes = [
        (text, {"cells": mode}, view.cells == mode) for mode, text in (("counts", "counts"), ("shares", "% of row"))
    ]
    title = element("h2", "Confusion matrix")
    heat = _Heat(board, window, view)
    head = element("header", title, heat.legend(), choices("what the cells show", modes))
    table = controls_html(board, names, window, view) + _table(board, window, view, heat)
    return head + table + _below(board, names, view, window)


class _Heat:
    """The colours of the cells: of the errors, or of their shares of their row, on one scale for the whole order."""

    def __init__(self, board: Board, window: Window, view: View) -> None:
        self.shares = view.cells == "shares"
        whole = np.maximum(window.images[:, None], 1)
        apart = [[_apart(row, column) for column in window.columns] for row in window.rows]
        self.apart = np.array(apart, bool).reshape(window.counts.shape)
        errors = np.where(self.apart, window.counts, 0)
        self.values: Array = errors / whole if self.shares else errors
        if window.opened is None:
            scale = board.error_shares if self.shares else board.errors
            self.end = float(scale[board.largest_of(view.cells)])
        else:
            self.end = float(self.values.max(initial=0))
        self.log = board.spans_magnitudes and window.opened is None and not self.shares
        self.there = bool(errors.any()) or (window.opened is None and board.errors.any())

    def of(self, row: int, column: int) -> float:
        """Return the strength of a cell's colour, 0.1 … 1."""
        value, end = float(self.values[row, column]), max(self.end, 1e-12)
        strength = np.log1p(value) / np.log1p(end) if self.log else (value / end) ** 0.5
        return round(0.10 + 0.90 * float(strength), 2)

    def legend(self) -> Html:
        """Say which way the rows and columns run, and what the colours mean."""
        largest = f"{bare_percent(self.end)} %" if self.shares else plural(round(self.end), "error")
        title = "colour of the errors" + (", logarithmic" if self.log else "")
        ramp = element("span", "0" if self.shares else "1", element("i"), largest, class_="ramp", title=title)
        return element(
            "p",
            element("span", "rows: true", class_="rt"),
            element("span", "columns: predicted", class_="rp"),
            ramp if self.there else None,  # else no cell is coloured
            class_="axis",
        )


def _apart(row: Line, column: Line) -> bool:
    """Whether a cell holds errors only that leave their class or group."""
    return row.classes != column.classes or not row.together


def _table(board: Board, window: Window, view: View, heat: _Heat) -> Html:
    # A chosen cell without a button cannot be entered by the keyboard: it then enters by the first column.
    places = {line.classes[0]: n for n, line in enumerate(window.rows) if line.group is None}
    beside = {line.classes[0]: n for n, line in enumerate(window.columns) if line.group is None}
    lost = not _is_shown(window, view, places, beside)
    cut = not window.whole or any(side.any() for side in window.others)
    head = [element("td", order_html(board, window) if window.whole and window.opened is None else None)]
    for n, line in enumerate(window.columns):
        head.append(element("th", _opener(line, window, view, column=True, way_in=lost and n == 0), scope="col"))
    if cut:
        head.append(element("th", OTHERS, scope="col", class_="side other"))
    head.append(element("th", "recall", scope="col", class_="side"))
    rows = []
    for t, line in enumerate(window.rows):
        opener = element("th", _opener(line, window, view, column=False), scope="row")
        cells = [_cell(window, view, heat, t, p) for p in range(len(window.columns))]
        if cut:
            cells.append(element("td", f"{window.others[0][t]}" if window.others[0][t] else None, class_="side other"))
        recall = element("td", _rate(int(window.rights[t]), int(window.images[t]) * line.together), class_="side")
        rows.append(element("tr", opener, *cells, recall))
    foot = _foot(board, window, cut)
    size = max(len(window.rows), len(window.columns))
    table = element(
        "table",
        element("thead", element("tr", *head)),
        element("tbody", *rows),
        element("tfoot", *foot),
        class_="cm" if size <= UPRIGHT and not cut else "cm tall" if window.whole else "cm tall part",
        style=f"--n:{size}",
    )
    return element("div", table, class_="scroll", tabindex="-1")


def _is_shown(window: Window, view: View, rows: dict[int, int], columns: dict[int, int]) -> bool:
    """Whether what is chosen has a button in the part that is shown."""
    true, predicted = view.true, view.predicted
    if true == ANY:
        return predicted in columns
    if predicted == ANY:
        return true in rows
    return true in rows and predicted in columns and bool(window.counts[rows[true], columns[predicted]])


def _foot(board: Board, window: Window, cut: bool) -> list[Html]:
    rows = []
    if cut:
        cells = [element("td", f"{each}" if each else None, class_="side other") for each in window.others[1]]
        head = element("th", OTHERS, scope="row", class_="side")
        rows.append(element("tr", head, *cells, element("td", class_="side"), element("td", class_="side")))
    counts, taken = board.counts, board.counts.sum(axis=0)
    cells = []
    for line in window.columns:
        members = list(line.classes)
        right = int(counts[np.ix_(members, members)].sum())
        cells.append(
            element("td", _rate(right, int(taken[members].sum()) * line.together, 0 if cut else 1), class_="side")
        )
    accuracy = element("td", _rate(int(counts.trace()), int(counts.sum())), class_="side all", title="accuracy")
    more = [element("td", class_="side")] if cut else []
    rows.append(element("tr", element("th", "precision", scope="row", class_="side"), *cells, *more, accuracy))
    return rows


def _rate(part: int, whole: int, decimals: int = 1) -> str:
    return bare_percent(part / whole, decimals) if whole else "–"


def _stays(window: Window) -> dict[str, object]:
    """Return what keeps the part of the matrix where it is, while something in it is opened."""
    return {} if window.whole else {"corner": f"{window.top},{window.left}", "near": ""}


def _opener(line: Line, window: Window, view: View, *, column: bool, way_in: bool = False) -> Html:
    stop = "0" if way_in else "-1"
    label = element("span", breakable(line.name))
    if line.group is not None:
        both = {"open": f"{line.group},{line.group}", "corner": "", "near": ""}
        title = f"open {line.name}, {plural(len(line.classes), 'class')}"
        return button(label, both, title=title, aria_label=title, tabindex=stop, class_="group")
    (number,) = line.classes
    where = (ANY, number) if column else (number, ANY)
    here = where == (view.true, view.predicted)
    title = f"all errors predicted {line.name}" if column else f"all errors of true {line.name}"
    found = bool(window.found) and number == (window.found or (-1,))[0]
    return button(
        label,
        {**open_cell(*where), **_stays(window)},
        pressed=here,
        title=title,
        aria_label=title,
        tabindex="0" if here else stop,
        class_="found" if found else None,
    )


def _cell(window: Window, view: View, heat: _Heat, t: int, p: int) -> Html:
    number, row, column = int(window.counts[t, p]), window.rows[t], window.columns[p]
    if not number:
        return element("td")
    strength = heat.of(t, p)
    kind = "high" if strength > DARKEST else "low"
    kind = kind if heat.apart[t, p] else "right"
    text = f"{number}" if not heat.shares else bare_percent(number / max(int(window.images[t]), 1))
    style = f"--k:{strength:.2f}" if heat.apart[t, p] else ""
    if row.group is None and column.group is None:
        where = (row.classes[0], column.classes[0])
        here = where == (view.true, view.predicted)
        said = f"true {row.name}, predicted {column.name}: {plural(number, 'image')}"
        change = {**open_cell(*where), **_stays(window)}
        stop = "0" if here else "-1"
        inner = button(text, change, pressed=here, class_=kind, style=style, aria_label=said, tabindex=stop)
        return element("td", inner)
    nodes = [line.classes[0] if line.group is None else line.group for line in (row, column)]
    within = "errors within" if row.together else "errors among classes"
    what = within if nodes[0] == nodes[1] else "open true"
    said = f"{what} {row.name}" + ("" if nodes[0] == nodes[1] else f", predicted {column.name}")
    change = {"open": f"{nodes[0]},{nodes[1]}", "corner": "", "near": ""}
    said = f"{said}: {plural(number, 'image')}"
    return element("td", button(text, change, class_=f"{kind} group", style=style, aria_label=said, tabindex="-1"))


def _below(board: Board, names: Sequence[str], view: View, window: Window) -> Html:
    chips = []
    # The part that is shown moves to what is opened.
    back = {} if window.whole and window.opened is None else {"corner": "", "near": ""}
    for t, p in board.top_cells(LARGEST):
        label = join([f"{names[t]} → {names[p]} ", element("b", str(board.errors[t, p]))])
        chips.append(button(label, {**open_cell(t, p), **back}, pressed=(t, p) == (view.true, view.predicted)))
    everything = (view.true, view.predicted) == (ANY, ANY)
    whole = button("All errors " + element("b", f"{board.wrong:,}"), open_cell(ANY, ANY), pressed=everything)
    content = [element("span", "Largest"), *chips, whole] if chips else [element("span", "No image is misclassified.")]
    return element("div", *content, class_="chips") + said_html(names, window)

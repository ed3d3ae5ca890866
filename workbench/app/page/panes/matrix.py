"""The confusion matrix as buttons: a cell, a row, a column or all errors can be opened."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.app.markup import Html, element, join
from workbench.app.page.board import Board
from workbench.app.page.cell import open_cell
from workbench.app.page.html import breakable, button, choices, options
from workbench.app.page.view import ANY, View
from workbench.core.wording import bare_percent, plural

UPRIGHT = 12
"""Classes up to which the names of the columns are written upright."""
LARGEST = 3
DARKEST = 0.72
"""Share of the heat's colour up to which, on a dark page, white can be read on it, and from which on black can."""


def matrix_html(board: Board, names: Sequence[str], view: View) -> Html:
    """Build the pane for a settled view."""
    classes = board.shown_classes(view.true, view.predicted)
    modes = [
        (text, {"cells": mode}, view.cells == mode) for mode, text in (("counts", "counts"), ("shares", "% of row"))
    ]
    title = element("h2", "Confusion matrix")
    head = element("header", title, _legend(board, view), choices("what the cells show", modes))
    return head + _table(board, names, view, classes) + _below(board, names, view, classes)


def _legend(board: Board, view: View) -> Html:
    shares = view.cells == "shares"
    largest = (
        f"{bare_percent(float(board.error_shares[board.largest_of(view.cells)]))} %"
        if shares
        else plural(int(board.errors.max()), "error")
    )
    smallest = "0" if shares else "1"
    scale = element("span", smallest, element("i"), largest, class_="ramp", title="colour of the errors")
    return element(
        "p",
        element("span", "rows: true", class_="rt"),
        element("span", "columns: predicted", class_="rp"),
        scale if board.errors.any() else None,  # else no cell is coloured
        class_="axis",
    )


def _table(board: Board, names: Sequence[str], view: View, classes: Sequence[int]) -> Html:
    # A chosen cell without images has no button: the keyboard then enters by the first column.
    chosen = (view.true, view.predicted)
    lost = chosen == (ANY, ANY) or (ANY not in chosen and not board.counts[chosen])
    counts = board.counts
    head = [element("td")]
    for p in classes:
        way_in = lost and p == classes[0]
        opener = _opener(names[p], (ANY, p), view, f"all errors predicted {names[p]}", way_in=way_in)
        head.append(element("th", opener, scope="col"))
    head.append(element("th", "recall", scope="col", class_="side"))
    rows = []
    for t in classes:
        opener = element("th", _opener(names[t], (t, ANY), view, f"all errors of true {names[t]}"), scope="row")
        cells = (_cell(board, names, view, t, p) for p in classes)
        rows.append(element("tr", opener, *cells, element("td", _rate(counts[t, t], counts[t].sum()), class_="side")))
    foot = [element("th", "precision", scope="row", class_="side")]
    foot += [element("td", _rate(counts[p, p], counts[:, p].sum()), class_="side") for p in classes]
    accuracy = _rate(int(counts.trace()), int(counts.sum()))
    foot.append(element("td", accuracy, class_="side all", title="accuracy"))
    table = element(
        "table",
        element("thead", element("tr", *head)),
        element("tbody", *rows),
        element("tfoot", element("tr", *foot)),
        class_="cm" if len(classes) <= UPRIGHT else "cm tall",
        style=f"--n:{len(classes)}",
    )
    return element("div", table, class_="scroll", tabindex="-1")


def _rate(part: int, whole: int) -> str:
    return bare_percent(part / whole, 1) if whole else "–"


def _opener(name: str, where: tuple[int, int], view: View, title: str, *, way_in: bool = False) -> Html:
    here = where == (view.true, view.predicted)
    stop = "0" if here or way_in else "-1"
    label = element("span", breakable(name))
    return button(label, open_cell(*where), pressed=here, title=title, aria_label=title, tabindex=stop)


def _cell(board: Board, names: Sequence[str], view: View, t: int, p: int) -> Html:
    number = int(board.counts[t, p])
    if not number:
        return element("td")
    here = (t, p) == (view.true, view.predicted)
    errors = board.errors if view.cells == "counts" else board.error_shares
    strength = (float(errors[t, p]) / max(float(errors[board.largest_of(view.cells)]), 1e-12)) ** 0.5
    heat = round(0.10 + 0.90 * strength, 2)
    kind = "right" if t == p else "high" if heat > DARKEST else "low"
    text = f"{number}" if view.cells == "counts" else bare_percent(number / int(board.counts[t].sum()))
    inner = button(
        text,
        open_cell(t, p),
        pressed=here,
        class_=kind,
        style="" if t == p else f"--k:{heat:.2f}",
        aria_label=f"true {names[t]}, predicted {names[p]}: {plural(number, 'image')}",
        tabindex="0" if here else "-1",
    )
    return element("td", inner)


def _below(board: Board, names: Sequence[str], view: View, classes: Sequence[int]) -> Html:
    chips = []
    for t, p in board.top_cells(LARGEST):
        label = join([f"{names[t]} → {names[p]} ", element("b", str(board.errors[t, p]))])
        chips.append(button(label, open_cell(t, p), pressed=(t, p) == (view.true, view.predicted)))
    everything = (view.true, view.predicted) == (ANY, ANY)
    whole = button("All errors " + element("b", f"{board.wrong:,}"), open_cell(ANY, ANY), pressed=everything)
    content = [element("span", "Largest"), *chips, whole] if chips else [element("span", "No image is misclassified.")]
    return element("div", *content, class_="chips") + _more(names, view, classes)


def _more(names: Sequence[str], view: View, classes: Sequence[int]) -> Html:
    """Say which classes are shown where there are too many, and let any other be chosen."""
    if len(classes) == len(names):
        return Html()
    values = [("any", "any other class"), *((str(k), name) for k, name in enumerate(names))]
    also = "section=errors&image=&gallery_page="
    fields = []
    for key, current in (("true", view.true), ("predicted", view.predicted)):
        entries = options(values, "any" if current == ANY else str(current))
        fields.append(element("label", f"{key} ", element("select", entries, data_set=key, data_also=also)))
    words = f"The {len(classes)} of {plural(len(names), 'class')} with the most errors. Any other: "
    return element("p", words, *fields, class_="more")

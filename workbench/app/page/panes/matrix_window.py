"""What stands around a large confusion matrix: its order, a search, the whole in small, and how to move in it."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.app.markup import Html, element, join
from workbench.app.page.board import SHOWN, Board
from workbench.app.page.html import button, options
from workbench.app.page.view import View
from workbench.app.page.window import ALSO, SPANS, USUAL, Window, arrangements, usual_arrangement
from workbench.core.wording import plural
from workbench.session.found_tree import ungrouped

ORDERS = {"data": "data order", "confusions": "by confusion", "errors": "most errors", "groups": "groups"}
SAID = {
    "data": "in the order of the data",
    "confusions": "ordered so that confused ones stand near the diagonal",
    "errors": "those with the most errors first",
}
MOVES = (("↖", -1, -1), ("↑", -1, 0), ("←", 0, -1), ("→", 0, 1), ("↓", 1, 0), ("↘", 1, 1))
CALLED = {
    (-1, -1): "earlier classes",
    (-1, 0): "earlier rows",
    (0, -1): "earlier columns",
    (0, 1): "later columns",
    (1, 0): "later rows",
    (1, 1): "later classes",
}
SMALL = 96
"""Pixels of the small picture on the page."""


def order_html(board: Board, window: Window) -> Html | None:
    """Build the field that says in which order the classes stand; nothing where there is one alone."""
    known = arrangements(board)
    if len(known) < 2:
        return None
    usual = usual_arrangement(board)
    values = [("" if each == usual else each, ORDERS[each]) for each in known]
    told = {"data_set": "arrange", "data_also": "section=errors&corner=&near=&open="}
    entries = options(values, "" if window.arrange == usual else window.arrange)
    return element("select", entries, aria_label="order of the classes", class_="order", **told)


def controls_html(board: Board, names: Sequence[str], window: Window, view: View) -> Html:
    """Build what stands above a matrix that is not shown whole, or in groups; empty for any other."""
    many = len(board.counts) > SHOWN
    if not many and window.opened is None:
        return Html()
    fields = [element("label", "Order ", order_html(board, window))] if not window.whole or window.opened else []
    fields += [_search(names, window, view)] if many else []
    lines = [element("p", *fields, class_="line")]
    if window.opened is not None:
        lines.append(_path(board, window))
    if not window.whole:
        lines.append(element("p", _moves(window), _spans(window), class_="line"))
    picture = _small(board, window) if window.opened is None and not window.whole else None
    return element("div", picture, element("div", *lines, class_="lines"), class_="around")


def _search(names: Sequence[str], window: Window, view: View) -> Html:
    also = "section=errors&corner=&open=" + ("&arrange=confusions" if window.opened is not None else "")
    field = element(
        "input",
        type="search",
        list="classes",
        value=view.near,
        placeholder="Find a class",
        aria_label="find a class in the matrix",
        maxlength=200,
        autocomplete="off",
        data_set="near",
        data_also=also,
    )
    known = element("datalist", *(element("option", value=name) for name in names), id="classes")
    return field + known + (_found(window, view) if window.found is not None else "")


def _found(window: Window, view: View) -> Html:
    if not window.found:
        return element("span", f"No class has “{view.near}” in its name.", role="status")
    return element("span", "" if len(window.found) == 1 else f"1 of {len(window.found):,} found", role="status")


def _path(board: Board, window: Window) -> Html:
    """Say which groups are open, and lead back out of them."""
    tree, opened = board.tree, window.opened
    if tree is None or opened is None:
        return Html()
    if opened == (tree.root, tree.root):
        groups = "found from these confusions" if tree.found else tree.source
        count = len(tree.top) - (ungrouped(tree) is not None)
        words = f"{plural(count, 'group')} of {plural(tree.classes, 'class')} ({groups}). A click opens one."
        return element("p", words, class_="line")
    parts = [button("All groups", {"open": "", "corner": "", "near": ""}, class_="step")]
    above = []
    node = tree.parents[opened[0]]
    while opened[0] == opened[1] and node not in (tree.root, -1):
        above.append(node)
        node = tree.parents[node]
    parts += [button(tree.names[n], {"open": f"{n},{n}", "corner": "", "near": ""}, class_="step") for n in above[::-1]]
    here = [element("span", tree.names[opened[0]], class_="rt" if opened[0] != opened[1] else None)]
    if opened[0] != opened[1]:
        here += [element("span", " → ", class_="ar"), element("span", tree.names[opened[1]], class_="rp")]
    return element("p", join(element("span", each, element("i", " › ")) for each in parts), *here, class_="line path")


def _moves(window: Window) -> Html:
    step = max(window.span * 2 // 3, 1)
    buttons = []
    for arrow, down, right in MOVES:
        top = min(max(window.top + down * step, 0), max(window.of[0] - window.span, 0))
        left = min(max(window.left + right * step, 0), max(window.of[1] - window.span, 0))
        stays = (top, left) == (window.top, window.left)
        change = {"section": "errors", "corner": f"{top},{left}", "near": ""}
        called = CALLED[down, right]
        buttons.append(button(arrow, change, aria_label=called, title=called, disabled=stays))
    return element("span", *buttons, role="group", aria_label="move in the matrix", class_="moves")


def _spans(window: Window) -> Html:
    most = max(window.of)
    known = [each for each in SPANS if each < most]
    values = [("" if each == USUAL else str(each), f"{each} × {each}") for each in known]
    entries = options(values, "" if window.span == USUAL else str(window.span))
    also = "section=errors&corner="
    return element("label", "shown ", element("select", entries, data_set="span", data_also=also))


def _small(board: Board, window: Window) -> Html:
    """Show the whole matrix in small, with a frame around the part that is shown; a click moves it."""
    (rows, columns), shown = window.of, (len(window.rows), len(window.columns))
    place = "".join(
        f"{side}:{100 * value / whole:.2f}%;"
        for side, value, whole in (
            ("top", window.top, rows),
            ("left", window.left, columns),
            ("height", shown[0], rows),
            ("width", shown[1], columns),
        )
    )
    words = f"the errors of all {plural(rows, 'class')} in small, with the part that is shown; a click moves it"
    told = {"width": SMALL, "height": SMALL, "alt": words, "title": "click to move"}
    picture = element("img", class_="px", src=board.small(window.arrange), **told)
    return element("div", picture, element("i", style=place), class_="mini", data_mini=rows, data_span=window.span)


def said_html(names: Sequence[str], window: Window) -> Html:
    """Say which part of a large matrix is shown, and what else was found by a search."""
    if window.whole:
        return Html()
    sides = ((window.top, window.rows), (window.left, window.columns))
    rows, columns = (f"{at + 1:,}–{at + len(side):,}" for at, side in sides)
    of = plural(window.of[0], "class" if window.opened is None else "row")
    where = f"Rows {rows}, columns {columns}" if rows != columns else f"Places {rows}"
    order = "" if window.opened is not None else f", {SAID[window.arrange]}"
    words: list[str] = [f"{where} of {of}{order}. (other): all that is not shown."]
    if window.found and len(window.found) > 1:
        also = window.found[1 : 1 + ALSO]
        links = [button(names[c], {"section": "errors", "near": names[c], "corner": ""}, class_="step") for c in also]
        rest = len(window.found) - 1 - len(also)
        words += [" Also: ", Html(", ").join(links), f" and {rest:,} more" if rest else ""]
    return element("p", *words, class_="more")

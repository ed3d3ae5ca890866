"""The confusion matrix as buttons: a cell, a row, a column or all errors can be opened."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.app.page.board import Board
from workbench.app.page.html import breakable, button, choices, count, escape, options, percent
from workbench.app.page.view import ANY, View

UPRIGHT = 12
"""Classes up to which the names of the columns are written upright."""
LARGEST = 3


def cell(true: int, predicted: int) -> dict[str, object]:
    """Return the change of the view that opens a cell, at its first image."""
    named = {"true": "any" if true == ANY else true, "predicted": "any" if predicted == ANY else predicted}
    return {"section": "errors", **named, "image": "", "page": ""}


def matrix_html(board: Board, names: Sequence[str], view: View) -> str:
    """Build the pane for a settled view."""
    classes = board.shown_classes(view.true, view.predicted)
    modes = [
        (text, {"cells": mode}, view.cells == mode) for mode, text in (("counts", "counts"), ("shares", "% of row"))
    ]
    chosen = choices("what the cells show", modes)
    head = f"<header><h2>Confusion matrix</h2>{_legend(board, view)}{chosen}</header>"
    return head + _table(board, names, view, classes) + _below(board, names, view, classes)


def _legend(board: Board, view: View) -> str:
    shares = view.cells == "shares"
    largest = (
        f"{percent(float(board.error_shares[board.largest_of(view.cells)]))} %"
        if shares
        else count(int(board.errors.max()), "error")
    )
    scale = f'<span class="ramp" title="colour of the errors">{0 if shares else 1}<i></i>{largest}</span>'
    ramp = scale if board.errors.any() else ""  # no cell is coloured
    return f'<p class="axis"><span class="rt">rows: true</span><span class="rp">columns: predicted</span>{ramp}</p>'


def _table(board: Board, names: Sequence[str], view: View, classes: Sequence[int]) -> str:
    # A chosen cell without images has no button: the keyboard then enters by the first column.
    chosen = (view.true, view.predicted)
    lost = chosen == (ANY, ANY) or (ANY not in chosen and not board.counts[chosen])
    tall = "" if len(classes) <= UPRIGHT else " tall"
    parts = [
        f'<div class="scroll" tabindex="-1"><table class="cm{tall}" style="--n:{len(classes)}"><thead><tr><td></td>'
    ]
    for p in classes:
        label = f"<span>{breakable(names[p])}</span>"
        way_in = lost and p == classes[0]
        opener = _opener(label, (ANY, p), view, f"all errors predicted {names[p]}", way_in=way_in)
        parts.append(f'<th scope="col">{opener}</th>')
    parts.append('<th scope="col" class="side">recall</th></tr></thead><tbody>')
    for t in classes:
        label = f"<span>{breakable(names[t])}</span>"
        opener = _opener(label, (t, ANY), view, f"all errors of true {names[t]}")
        parts.append(f'<tr><th scope="row">{opener}</th>')
        parts += [_cell(board, names, view, t, p) for p in classes]
        parts.append(f'<td class="side">{_rate(board.counts[t, t], board.counts[t].sum())}</td></tr>')
    parts.append('</tbody><tfoot><tr><th scope="row" class="side">precision</th>')
    parts += [f'<td class="side">{_rate(board.counts[p, p], board.counts[:, p].sum())}</td>' for p in classes]
    right = int(board.counts.trace())
    parts.append(
        f'<td class="side all" title="accuracy">{_rate(right, int(board.counts.sum()))}</td></tr></tfoot></table></div>'
    )
    return "".join(parts)


def _rate(part: int, whole: int) -> str:
    return percent(part / whole, 1) if whole else "–"


def _opener(label: str, where: tuple[int, int], view: View, title: str, *, way_in: bool = False) -> str:
    here = where == (view.true, view.predicted)
    stop = "0" if here or way_in else "-1"
    return button(label, cell(*where), pressed=here, title=title, aria_label=title, tabindex=stop)


def _cell(board: Board, names: Sequence[str], view: View, t: int, p: int) -> str:
    number = int(board.counts[t, p])
    if not number:
        return "<td></td>"
    here = (t, p) == (view.true, view.predicted)
    shown = board.errors if view.cells == "counts" else board.error_shares
    strength = (float(shown[t, p]) / max(float(shown[board.largest_of(view.cells)]), 1e-12)) ** 0.5
    kind = "right" if t == p else "high" if strength > 0.62 else "low"
    text = f"{number}" if view.cells == "counts" else percent(number / int(board.counts[t].sum()))
    inner = button(
        text,
        cell(t, p),
        pressed=here,
        class_=kind,
        style="" if t == p else f"--k:{0.10 + 0.90 * strength:.2f}",
        aria_label=f"true {names[t]}, predicted {names[p]}: {count(number, 'image')}",
        tabindex="0" if here else "-1",
    )
    return f"<td>{inner}</td>"


def _below(board: Board, names: Sequence[str], view: View, classes: Sequence[int]) -> str:
    chips = []
    for t, p in board.top_cells(LARGEST):
        label = f"{escape(names[t])} → {escape(names[p])} <b>{int(board.errors[t, p])}</b>"
        chips.append(button(label, cell(t, p), pressed=(t, p) == (view.true, view.predicted)))
    whole = button(
        f"All errors <b>{board.wrong:,}</b>", cell(ANY, ANY), pressed=(view.true, view.predicted) == (ANY, ANY)
    )
    chips = [f"<span>Largest</span>{''.join(chips)}{whole}"] if chips else ["<span>No image is misclassified.</span>"]
    return f'<div class="chips">{"".join(chips)}</div>' + _more(names, view, classes)


def _more(names: Sequence[str], view: View, classes: Sequence[int]) -> str:
    """Say which classes are shown where there are too many, and let any other be chosen."""
    if len(classes) == len(names):
        return ""
    values = [("any", "any other class"), *((str(k), name) for k, name in enumerate(names))]
    fields = "".join(
        f'<label>{label} <select data-set="{key}" data-also="section=errors&amp;image=&amp;page=">'
        f"{options(values, 'any' if chosen == ANY else str(chosen))}</select></label>"
        for label, key, chosen in (("true", "true", view.true), ("predicted", "predicted", view.predicted))
    )
    return f'<p class="more">{len(classes)} of {len(names)} classes, those with the most errors. Any: {fields}</p>'


def title_html(names: Sequence[str], true: int, predicted: int) -> str:
    """Name a cell, a row, a column or all errors, in the colours of true and predicted."""
    if (true, predicted) == (ANY, ANY):
        return "All errors"
    if true == predicted:
        return f"{escape(names[true])} recognised"
    left = "Any other class" if true == ANY else names[true]
    right = "any other class" if predicted == ANY else names[predicted]
    return f'<span class="rt">{escape(left)}</span> <span class="ar">→</span> <span class="rp">{escape(right)}</span>'

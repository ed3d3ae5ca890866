"""Beside the images: what they are, counted, as bars and histograms that narrow the query."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from workbench.app.markup import Html, element, join
from workbench.app.page.html import breakable, button
from workbench.app.page.images.query_text import term_of, terms
from workbench.app.page.panes.images.histogram import bins_of, histogram_html
from workbench.core.types import Array
from workbench.core.wording import plural
from workbench.diagnosis import registry

if TYPE_CHECKING:
    from workbench.app.page.images.found import Found
    from workbench.session.images.column import Column
    from workbench.session.images.fields import Field

FIRST, MOST = 12, 200
"""Bars that are shown at once, and with one more click."""
GROUPS = {
    "image": "Label and prediction",
    "workspace": "Marks",
    "metadata": "Metadata",
    "analysis": "Found by analyses",
    "property": "Measured",
}
OPEN = ("image", "workspace", "metadata")


def facets_html(found: Found, where: str) -> Html:
    """Build all facets of what was found."""
    groups: dict[str, list[Html]] = {name: [] for name in GROUPS}
    absent: dict[str, list[str]] = {}
    for name, field in found.images.fields.items():
        if field.kind in ("text", "words"):
            continue
        if not field.ready():
            absent.setdefault(field.group, []).append(field.title)
            continue
        shown = _facet(found, name, field, where)
        if shown:
            groups[_group(field)].append(shown)
    groups["workspace"].append(_sets(found))
    for name, titles in absent.items():
        groups[_group_of(name)].append(_compute(name, titles))
    return join(_section(name, parts) for name, parts in groups.items() if any(parts))


def _group(field: Field) -> str:
    return _group_of(field.group)


def _group_of(name: str) -> str:
    return "image" if name == "model" else name if name in GROUPS else "analysis"


def _section(name: str, parts: Sequence[Html]) -> Html:
    summary = element("summary", GROUPS[name])
    return element("details", summary, *parts, open=name in OPEN, class_="group", data_group=name)


def _facet(found: Found, name: str, field: Field, where: str) -> Html:
    column, rows = found.images.known.column(name), found.images.rows
    if field.kind in ("number", "date"):
        bins = bins_of(column, rows, found.base.rows)
        return Html() if bins is None else histogram_html(field.called, column, bins, where)
    return _bars(field.called, name, list(_counts(column, rows, found.base.rows)), set(terms(where)))


def _counts(column: Column, rows: Array, among: Array) -> Iterable[tuple[str, str, int]]:
    """Yield the value as a query writes it, as people read it, and how many of the images have it."""
    values = column.values[rows]
    if column.kind == "truth":
        for code, value, text in ((1, "yes", "yes"), (0, "no", "no")):
            yield value, text, int((values == code).sum())
        return
    if column.kind == "tags":
        every = {tag for option in column.options for tag in option.split(",") if tag}
        sums = np.bincount(values, minlength=len(column.options))
        for tag in sorted(every):
            has = [tag in option.split(",") for option in column.options]
            yield tag, tag, int(sums[has].sum())
        return
    there = np.unique(column.values[among])
    sums = np.bincount(values[values >= 0], minlength=len(column.options))
    for code in there[there >= 0].tolist():
        yield column.options[code], column.options[code], int(sums[code])
    if there[:1].tolist() == [-1] and len(there) > 1 and (missing := int((values < 0).sum())):
        yield "", "none", missing


def _bars(title: str, name: str, counts: Sequence[tuple[str, str, int]], asked: set[str]) -> Html:
    if not counts:
        return Html()
    most = max(1, *(count for *_, count in counts))
    many = len(counts) > FIRST
    order = sorted(counts, key=lambda each: -each[2]) if many else counts
    rows = [_bar((name, title), each, most, asked) for each in order[:MOST]]
    more = (
        element("details", element("summary", f"{len(order) - FIRST:,} more"), element("ul", *rows[FIRST:]))
        if many
        else None
    )
    return element(
        "div", element("h3", title), element("ul", *rows[:FIRST]), more, class_="facet", role="group", aria_label=title
    )


def _bar(field: tuple[str, str], counted: tuple[str, str, int], most: int, asked: set[str]) -> Html:
    (name, title), (value, text, count) = field, counted
    term = term_of(name, value)
    bar = element("s", element("i", style=f"width:{100 * count / most:.1f}%"))
    inside = element("span", breakable(text)) + bar + element("b", f"{count:,}")
    role = {"label": "t", "predicted": "p"}.get(name, "")
    words = f"{title} {text}: {plural(count, 'image')}"
    return element("li", button(inside, {"add": term}, pressed=term in asked, title=words), class_=role or None)


def _sets(found: Found) -> Html:
    saved = found.images.session.workspace.sets()
    if not saved:
        return Html()
    rows = (
        element("li", button(breakable(name), {"set": f"saved/{name}", "where": "", "sort": ""}, class_="set"))
        for name in list(saved)[:MOST]
    )
    return element("div", element("h3", "saved sets"), element("ul", *rows), class_="facet")


def _compute(group: str, titles: Sequence[str]) -> Html:
    """Offer to compute what is not known yet."""
    if group == "property":
        what, words = "properties", f"Measure {plural(len(titles), 'property')}"
    elif group == "model":
        what, words = "predictions", "Predict these images"
    else:
        what, words = group, f"Compute {' and '.join(titles)}"
        if group in registry.analyses() and registry.analysis(group).needs_model:
            words += " (asks the model)"
    return element("p", button(words, {"compute": what}, class_="button", title=", ".join(titles)), class_="compute")

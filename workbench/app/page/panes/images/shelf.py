"""The pane of images: query, part, order and size above; facets at the side; the grid, which app scripts fill."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from workbench.app.markup import Html, code, element
from workbench.app.page.comparing import NotCompared
from workbench.app.page.html import button, choices, link, options, problem, waiting
from workbench.app.page.images.computing import NEAR, SET, started
from workbench.app.page.images.found import Coming, Found, find, images_of
from workbench.app.page.images.query_text import term_of
from workbench.app.page.images.sets import NotAnswered
from workbench.app.page.images.worklist import worklist
from workbench.app.page.panes.images.about import MARKS
from workbench.app.page.panes.images.dialogs import dialogs_html
from workbench.app.page.panes.images.facets import facets_html
from workbench.app.page.panes.images.work import head_html
from workbench.core.errors import Unknown, WorkbenchError
from workbench.core.image_set import CALLED
from workbench.core.wording import plural
from workbench.session.images.fields import NotComputed
from workbench.session.images.grammar import quoted

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk
    from workbench.app.page.owners import Owner
    from workbench.app.page.view import View
    from workbench.session.images import Images

SMALLEST, LARGEST, USUAL = 48, 256, 112
ACTIONS = (
    *MARKS,
    ("export", "Export", "e"),
    ("save-set", "Save as set", ""),
    ("explain", "Explain these", ""),
    ("compare", "Compare maps", ""),
)


def shelf_html(desk: Desk, view: View, owner: Owner | None = None) -> Html:
    """Build the pane; a query that is none is one sentence below its field, and the part is shown whole."""
    everything = images_of(desk, view.part)
    if isinstance(everything, Coming):
        return waiting(everything.key, f"Reading the {CALLED[view.part]} …", everything.job.what)
    said = _computing(desk, view, everything, owner)
    last = desk.session.workspace.last  # before anything of it is read: what comes meanwhile is told later
    shown, wrong = view, None
    try:
        found = find(desk, view)
    except WorkbenchError as error:
        shown, wrong = replace(view, where="", sort=""), said or wrong_html(view, error)
        try:
            found = find(desk, shown)
        except WorkbenchError:  # the set itself is none
            return _head(desk, view, everything, None) + wrong
    if isinstance(found, Coming):
        return waiting(found.key, f"Reading the {CALLED[view.part]} …", found.job.what)
    workspace = desk.session.workspace
    facets = facets_html(found, shown.where)
    side = element("details", element("summary", "Filters"), facets, open=True, class_="facets")
    status = _status(found, last, applied=wrong is None)
    work = element("div", side, element("div", status, _rolls(found, shown), class_="shelf"), class_="work")
    head = _head(desk, view, everything, found) + (wrong or said or Html())
    return head + work + dialogs_html(desk.session.class_names, workspace.tags())


def _computing(desk: Desk, view: View, everything: Images, owner: Owner | None) -> Html | None:
    asked = None if view.compute == NEAR else started(desk, view, everything, owner)
    if asked is None:
        step = desk.pending() if view.part == "data" else None
        # What the model says comes by itself; labels and pixels are there before.
        return None if step is None or step[1].error else waiting(step[0], step[2], step[1].what)
    key, job = asked
    if not job.done.is_set():
        return waiting(key, "Computing …", job.what)
    return problem(job.error) if job.error else None


def wrong_html(view: View, error: WorkbenchError) -> Html:
    """Say what is wrong with a query, a set or an order, and offer what may have been meant."""
    if isinstance(error, NotComputed):
        what = {"property": "properties", "model": "predictions"}.get(error.analysis, error.analysis)
        sentence = f"{error}".partition(" Compute it now")[0]
        offer = button("Compute it now", {"compute": what}, class_="button main")
        return element("p", code(sentence), " ", offer, class_="problem", role="alert")
    if isinstance(error, NotAnswered | NotCompared):
        offer = button("Compute it now", {"compute": SET}, class_="button main")
        return element("p", str(error), " ", offer, class_="problem", role="alert")
    offers = [_instead(view, error.got, each) for each in error.near] if isinstance(error, Unknown) else []
    links = Html(" · ").join(filter(None, offers))
    return problem(error) + (element("p", "Try: ", links, class_="try") if links else Html())


def _instead(view: View, got: str, near: str) -> Html | None:
    """Offer the query with another name in the place of one that there is not."""
    query = {key: text for key, text in view.query().items() if key != "image"}
    for written in (quoted(got), f'"{got}"', got):
        if got and written in view.where:
            return link(near, {**query, "where": view.where.replace(written, quoted(near), 1)})
    if view.sort.removeprefix("-") == got:
        return link(near, {**query, "sort": view.sort.replace(got, near)})
    return None


def _head(desk: Desk, view: View, everything: Images, found: Found | None) -> Html:
    field = element(
        "input",
        type="search",
        name="where",
        value=view.where,
        placeholder=f"{term_of('label', desk.session.class_names[0])} correct:no confidence>0.9 -tag:done",
        aria_label="query",
        autocomplete="off",
        spellcheck="false",
        maxlength=4000,
        id="images-where",
    )
    query = element(
        "form", field, element("button", "Find", type="submit", class_="main"), data_where=True, role="search"
    )
    origin = None
    if view.set:
        title = found.title if found is not None else view.set
        everywhere = button("all images", {"set": ""}, class_="button")
        both = None if found is None else found.compared
        comparison = (
            None
            if both is None
            else link("the comparison", {"section": "compare", "against": both.against}, class_="button")
        )
        sides = None if both is None else element("small", f"A: {both.found.names[0]}, B: {both.found.names[1]}")
        parts = (element("b", "Set"), element("span", title), sides, everywhere, comparison)
        origin = element("p", *parts, class_="origin")
        work = None if found is None else worklist(desk, found)
        if work is not None:
            origin += head_html(work)
    keys = element("button", "?", type="button", data_do="help", aria_label="keys", title="keys (?)", class_="button")
    undo = element("button", "Undo", type="button", data_do="undo", title="undo (u)", class_="button")
    tools = element("div", _parts(desk, view), _order(view, everything), _size(), undo, keys, class_="tools")
    return element("h2", "Images") + element("header", query, tools, class_="head") + (origin or Html())


def _parts(desk: Desk, view: View) -> Html | None:
    """Offer the other parts; nothing where there is none."""
    others = desk.session.other_parts
    if not others:
        return None
    entries = [
        (title, {"part": part, "set": ""}, view.part == (part or "data"))
        for title, part in ((desk.session.split, ""), *((each, each) for each in others))
    ]
    return choices("part of the data", entries)


def _order(view: View, everything: Images) -> Html:
    field = view.sort.removeprefix("-")
    known = [("", "as they come"), *((name, each.called) for name, each in everything.fields.items())]
    if field not in dict(known):
        known.append((field, field))
    select = element("select", options(known, field), data_order=True, aria_label="sort by")
    down = view.sort.startswith("-")
    turn = button(
        "↓" if down else "↑",
        {"sort": field if down else f"-{field}"},
        class_="button",
        disabled=not field,
        aria_label="largest first" if down else "smallest first",
        title="turn the order round",
    )
    return element("div", element("label", "sort ", select), turn, class_="order")


def _size() -> Html:
    slider = element("input", type="range", min=SMALLEST, max=LARGEST, step=8, value=USUAL, data_size=True)
    return element("label", "size ", slider)


def _status(found: Found, last: int, *, applied: bool) -> Html:
    count = len(found.images)
    whole = f" of {len(found.base):,}" if count != len(found.base) else "" if applied else ", the query is not applied"
    number = element("b", plural(count, "image")) + whole
    chosen = element("span", data_chosen=True)
    told = element("p", number, " ", chosen, role="status", aria_live="polite", class_="found")
    acts = [
        element("button", text, type="button", data_do=name, title=f"{text} ({key})" if key else text, class_="button")
        for name, text, key in ACTIONS
        if name != "compare" or (found.images.part == "data" and not found.images.session.only_predictions)
    ]
    clear = element("button", "✕", type="button", data_do="unselect", aria_label="clear the selection", class_="button")
    bar = element("div", *acts, clear, class_="acts", hidden=True, role="toolbar", aria_label="selected images")
    select = element(
        "button", "Select all", type="button", data_do="all", title="select all found (Ctrl-A)", class_="button"
    )
    return element("div", told, select if count else None, bar, class_="status", data_last=last)


def _rolls(found: Found, view: View) -> Html:
    if not len(found.images):
        return element("p", "No image is found. Take a term out of the query.", class_="empty")
    height, width = found.images.session.dataset.image_shape[:2]
    space = element("div", class_="space", role="list", aria_label="images")
    return element(
        "div",
        space,
        class_="rolls",
        tabindex="-1",
        data_key=found.key,
        data_count=len(found.images),
        data_part=found.images.part,
        data_address=f"{view.part} {view.set} {view.sort} {view.where}",
        data_height=height,
        data_width=width,
        data_compared=found.compared is not None,
    )

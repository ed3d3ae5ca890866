"""The line on top: which model, which view, and every analysis by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.app.markup import Html, element, join
from workbench.app.page.html import breakable, link
from workbench.app.page.panes.analysis_links import analysis_links
from workbench.app.page.view import SECTIONS, View
from workbench.core.wording import bare_percent, plural

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk


def bar_html(desk: Desk, view: View) -> Html:
    """Build the bar; it is there before anything else."""
    tabs = join(link(title, {"section": name}, **_current(name == view.section)) for name, title in SECTIONS.items())
    here = _current(view.section not in SECTIONS)
    opener = element("button", "Analyses ▾", type="button", popovertarget="analyses", aria_haspopup="true", **here)
    items = analysis_links(desk, view.section)
    menu = element("nav", items, popover=True, id="analyses", class_="menu groups", aria_label="menu of analyses")
    finder = element(
        "button",
        element("span", "Search"),
        element("kbd", "Ctrl K"),
        type="button",
        class_="finder",
        data_find=True,
        title="find analyses, classes, tags, saved sets and images by name",
    )
    views = element("nav", tabs, opener, menu, finder, class_="tabs", aria_label="views")
    return element("header", element("h1", _title(desk)), views, element("p", _facts(desk)), class_="top")


def _current(here: bool) -> dict[str, str]:
    return {"aria_current": "page"} if here else {}


def _title(desk: Desk) -> str:
    return breakable(desk.session.name) if desk.opened else "Workbench"


def _facts(desk: Desk) -> Html:
    api = element("button", "API", type="button", data_api=True, title="use the same from a program, over HTTP")
    if desk.board is None:
        return api
    images = len(desk.board.labels)
    accuracy = element("b", f"{bare_percent(1 - desk.board.wrong / images, 2)} %")
    scale = desk.session.scale if desk.assumed else None
    how = (
        "scale in doubt" if scale and scale.doubt else "assumed scale" if scale and scale.assumed else "assumed places"
    )
    assumed = element("span", f" ({how})", title=desk.assumed) if desk.assumed else Html()
    facts = (desk.session.dataset.name, plural(images, "image"), "accuracy " + accuracy + assumed)
    return Html(" · ").join([*facts, plural(desk.board.wrong, "error"), api])

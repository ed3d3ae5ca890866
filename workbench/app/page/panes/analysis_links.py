"""Links to the analyses in their groups, greyed with the reason where the session lacks what one needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.app.markup import Html, element, join
from workbench.app.page.html import link
from workbench.diagnosis import registry

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk
    from workbench.session.analysis import Analysis


def analysis_links(desk: Desk, here: str = "") -> Html:
    """Link to every analysis, group by group; `here` is the CLI name of the one on the page."""
    return join(
        element(
            "section",
            element("h3", group),
            element("ul", *(element("li", _link(desk, name, kind, here)) for name, kind in kinds.items())),
        )
        for group, kinds in registry.grouped().items()
    )


def title_of(name: str) -> str:
    """Return what people call an analysis; its name, where it is not there any more."""
    kind = registry.analyses().get(name)
    return name if kind is None else kind.title


def _link(desk: Desk, name: str, kind: type[Analysis[Any]], here: str) -> Html:
    reason = desk.lacks(name)
    return link(
        kind.title,
        {"section": name},
        title=f"Not available. {reason}" if reason else kind.question(),
        class_="off" if reason else None,
        aria_current="page" if name == here else None,
    )

"""A link to one analysis, greyed with the reason where the session lacks what it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.app.page.html import Html, breakable, element, link

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk
    from workbench.session.analysis import Analysis


def analysis_link(
    desk: Desk, name: str, kind: type[Analysis[Any]], *, question: bool = False, here: bool = False
) -> Html:
    """Link to an analysis by its name, with its question beside it or as the tooltip.

    Args:
        desk: whose session is asked what it lacks.
        name: CLI name of the analysis.
        kind: the analysis.
        question: whether the question is shown.
        here: whether it is the one on the page.
    """
    reason = desk.lacks(name)
    shown = element("b", breakable(name)) + element("span", kind.question()) if question else breakable(name)
    return link(
        shown,
        {"section": name},
        title=f"Not available. {reason}" if reason else None if question else kind.question(),
        class_="off" if reason else None,
        aria_current="page" if here else None,
    )

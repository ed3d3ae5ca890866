"""The line on top: which model, which view, and every analysis by name."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from workbench import registry
from workbench.ui.view import SECTIONS, View
from workbench.ui.words import breakable, count, href, percent

if TYPE_CHECKING:
    from workbench.ui.desk import Desk


def bar_html(desk: Desk, view: View) -> str:
    """Build the bar; it is there before anything else."""
    analysing = view.section not in SECTIONS
    tabs = "".join(
        f'<a href="{href({"section": name})}"{_current(name == view.section)}>{title}</a>' for name, title in SECTIONS.items()
    )
    items = "".join(
        f'<a href="{href({"section": name})}"{_current(name == view.section)}><b>{breakable(name)}</b><span>{escape(kind.question())}</span></a>'
        for name, kind in registry.analyses().items()
    )
    menu = (
        f'<button type="button" popovertarget="analyses" aria-haspopup="true"{_current(analysing)}>Analyses ▾</button>'
        f'<nav popover id="analyses" class="menu" aria-label="analyses">{items}</nav>'
    )
    return f'<header class="top"><h1>{_title(desk)}</h1><nav class="tabs" aria-label="views">{tabs}{menu}</nav><p>{_facts(desk)}</p></header>'


def _current(here: bool) -> str:
    return ' aria-current="page"' if here else ""


def _title(desk: Desk) -> str:
    if desk.pending() is not None and desk.pending()[0] == "opening":  # type: ignore[index]  # it is not None
        return "Workbench"
    return breakable(desk.session.name)


def _facts(desk: Desk) -> str:
    if desk.board is None:
        return ""
    images = len(desk.board.labels)
    return (
        f"{escape(desk.session.dataset.name)} · {count(images, 'image')} · accuracy <b>{percent(1 - desk.board.wrong / images, 2)} %</b> · "
        f"{count(desk.board.wrong, 'error')}"
    )

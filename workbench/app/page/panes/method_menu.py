"""The attribution methods as a menu, by family, and what stands behind the name of one: use, paper, parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.app.page import maps
from workbench.app.page.html import cited, element, escape, go, problem
from workbench.app.page.method_options import options_of, without
from workbench.app.page.panes.form import fields_html
from workbench.app.page.view import View

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk
    from workbench.attribution.explainer import Explainer

FAMILIES = {
    "layer": "Read a layer (class activation maps)",
    "gradient": "Follow the gradient to the pixels",
    "perturbation": "Change the image and ask again",
    "control": "Control",
}
"""Families of methods, in the order of the menu; one that is not listed comes last, under its own name."""


def menu_html(desk: Desk, view: View) -> str:
    """List all methods, those that do not apply with the reason; a tick shows or hides one."""
    families: dict[str, list[str]] = {family: [] for family in FAMILIES}
    shown = maps.chosen(desk, view)
    for name, (kind, missing) in maps.all_methods(desk).items():
        families.setdefault(kind.kin(), []).append(_entry(name, kind, missing, shown))
    return "".join(
        f"<section><h3>{escape(FAMILIES.get(family, family))}</h3><div>{''.join(entries)}</div></section>"
        for family, entries in families.items()
        if entries
    )


def _entry(name: str, kind: type[Explainer], missing: str | None, shown: list[str]) -> str:
    rest = [each for each in shown if each != name] if name in shown else [*shown, name]
    box = element(
        "input",
        type="checkbox",
        checked=name in shown,
        disabled=missing is not None or shown == [name],
        data_go=go({"methods": ",".join(rest)}),
    )
    why = "" if missing is None else f'<small class="not">Not here: {escape(missing)}</small>'
    label = f"<label>{box}<b>{escape(kind.title)}</b></label>"
    paper = f'<small class="paper">{cited(kind.paper, short=True)}</small>'
    told = f'<small class="use">{escape(kind.use)}</small>{why}'
    return element("div", label + paper + told, class_="entry" if missing is None else "entry off")


def about_html(desk: Desk, view: View, each: maps.Shown) -> str:
    """Say what one map shows, what it is good for and not, where that stands, and offer its parameters."""
    kind = each.kind
    said = (
        f"<h3>{escape(kind.title)}</h3><p>{escape(kind.summary())}</p><p>{escape(kind.use)}</p>"
        f"<p><small>{cited(kind.paper)}</small></p>"
    )
    wrong = problem(each.reason) if each.reason else ""
    return said + wrong + _form(desk, view, kind)


def _form(desk: Desk, view: View, kind: type[Explainer]) -> str:
    fields = fields_html(desk, kind, options_of(view.options, kind.name), prefix=kind.name)
    if not fields:
        return "<p><small>This method has no parameters.</small></p>"
    buttons = element("button", "Apply", type="submit", class_="main")
    buttons += element("button", "Defaults", type="reset", class_="quiet")
    return element(
        "form",
        f'{fields}<p class="run">{buttons}</p>',
        data_options=kind.name,
        data_others=",".join(without(view.options, kind.name)),
        autocomplete="off",
        novalidate=True,
    )

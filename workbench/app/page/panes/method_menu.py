"""The attribution methods as a menu, by family, and what stands behind the name of one: use, paper, parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.app.markup import Html, element, join
from workbench.app.page import maps
from workbench.app.page.html import go, paper_link, problem
from workbench.app.page.method_options import options_of, without
from workbench.app.page.panes.form import fields_html
from workbench.app.page.view import View

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk
    from workbench.attribution.explainer import Explainer

FAMILIES = {
    "layer": "Class activation maps (of a layer)",
    "gradient": "Gradients at the pixels",
    "perturbation": "Perturbations of the image",
    "attention": "Attention of a transformer's tokens",
    "control": "Control",
}
"""Families of methods, in the order of the menu; one that is not listed comes last, under its own name."""

ADVISED = "Advised for this model by workbench advise."


def menu_html(desk: Desk, view: View) -> Html:
    """List all methods, those that do not apply with the reason; a tick shows or hides one."""
    families: dict[str, list[Html]] = {family: [] for family in FAMILIES}
    shown, said = maps.method_names(desk, view), maps.advice_of(desk)
    advised = set() if said is None else {each.name for each in said.advised}
    for name, (kind, missing) in maps.all_methods(desk).items():
        families.setdefault(kind.kin(), []).append(_entry(name, kind, missing, shown, advised))
    return join(
        element("section", element("h3", FAMILIES.get(family, family)), element("div", *entries))
        for family, entries in families.items()
        if entries
    )


def _entry(name: str, kind: type[Explainer], missing: str | None, shown: list[str], advised: set[str]) -> Html:
    rest = [each for each in shown if each != name] if name in shown else [*shown, name]
    box = element(
        "input",
        type="checkbox",
        checked=name in shown,
        disabled=missing is not None or shown == [name],
        data_go=go({"methods": ",".join(rest)}),
    )
    return element(
        "div",
        element("label", box, element("b", kind.title)),
        element("small", paper_link(kind.paper, short=True), class_="paper"),
        element("small", kind.use, class_="use"),
        element("small", ADVISED, class_="use") if name in advised else None,
        None if missing is None else element("small", f"Not available: {missing}", class_="not"),
        class_="entry" if missing is None else "entry off",
    )


def about_html(desk: Desk, view: View, each: maps.ShownMap) -> Html:
    """Say what one map shows, what it is good for and not, where that stands, and offer its parameters."""
    kind = each.kind
    return join(
        [
            element("h3", kind.title),
            element("p", kind.summary()),
            element("p", kind.use),
            element("p", element("small", paper_link(kind.paper))),
            problem(each.reason) if each.reason else "",
            _form(desk, view, kind),
        ]
    )


def _form(desk: Desk, view: View, kind: type[Explainer]) -> Html:
    fields = fields_html(desk, kind, options_of(view.options, kind.name), prefix=kind.name)
    if not fields:
        return element("p", element("small", "This method has no parameters."))
    buttons = element("button", "Apply", type="submit", class_="main")
    buttons += element("button", "Defaults", type="reset", class_="quiet")
    return element(
        "form",
        fields,
        element("p", buttons, class_="run"),
        data_options=kind.name,
        data_others=",".join(without(view.options, kind.name)),
        autocomplete="off",
        novalidate=True,
    )

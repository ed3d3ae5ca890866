"""The parameters of an analysis as widgets, from its parameter model alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workbench.app.markup import Html, code, element, join
from workbench.app.page.html import options
from workbench.app.page.maps import methods
from workbench.core.params import Parameter, Params, describe

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk

AUTO = "auto"
SUGGESTIONS = 1000


def form_html(desk: Desk, params: type[Params], values: Mapping[str, str]) -> Html:
    """Build the form; what is typed stays, also where it is wrong."""
    fields = fields_html(desk, params, values)
    buttons = element("button", "Run", type="submit", class_="main")
    if fields:
        buttons += element("button", "Defaults", type="reset", class_="quiet")
    else:
        fields = element("p", "This analysis has no parameters.", class_="help")
    run = element("p", buttons, class_="run")
    return element("form", fields, run, data_form=True, autocomplete="off", novalidate=True)


def fields_html(desk: Desk, params: type[Params], values: Mapping[str, str], prefix: str = "of") -> Html:
    """Build a field for each parameter; `prefix` tells the forms of one page apart."""
    return join(_field(desk, each, values.get(each.name), prefix) for each in describe(params))


def _field(desk: Desk, each: Parameter, typed: str | None, prefix: str) -> Html:
    default = _text(each.default, many=each.many)
    value = default if typed is None else typed
    name = each.name.replace("_", " ")
    explanation = element("small", code(each.help)) if each.help else None
    shared = {"name": each.name, "data_default": default}
    found = each.options or _offered(desk, each)
    if each.kind is bool:
        box = element("input", type="checkbox", checked=value.lower() in ("true", "1", "yes", "on"), **shared)
        return element("label", box, element("span", name, explanation), class_="check")
    if found and not each.many:
        return element("label", element("span", name), _select(each, found, value, shared), explanation)
    if each.kind in (int, float) and not each.many:
        # Text that the field cannot hold (a link may carry any) is shown as typed, beside the sentence about it.
        kind = "number" if value == "" or _is_number(value) else "text"
        field = element(
            "input",
            type=kind,
            value=value,
            min=_short(each.low),
            max=_short(each.high),
            step=1 if each.kind is int else "any",
            placeholder=_hint(each),
            **shared,
        )
        return element("label", element("span", name, _range(each)), field, explanation)
    suggestions, listed = f"{prefix}-{each.name}" if found else None, None
    if found:
        listed = element("datalist", options(((name, name) for name in found[:SUGGESTIONS]), ""), id=suggestions)
    field = element("input", type="text", value=value, placeholder=_hint(each), list=suggestions, **shared)
    return element("label", element("span", name), field, listed, explanation)


def _select(each: Parameter, found: Sequence[str], value: str, shared: Mapping[str, str]) -> Html:
    values = [("", AUTO)] if each.optional else []
    values += [(option, option) for option in found]
    if value not in dict(values):  # a wrong value of a link is shown too
        values.append((value, value))
    return element("select", options(values, value), **shared)


def _hint(each: Parameter) -> str | None:
    return "comma-separated" if each.many else AUTO if each.optional else None


def _text(value: Any, *, many: bool) -> str:
    if value is None:
        return ""
    if many:
        return ",".join(str(each) for each in value)
    if isinstance(value, float):
        return _short(value) or ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _offered(desk: Desk, each: Parameter) -> Sequence[str]:
    """Return what the session offers for a parameter; nothing while the model that knows it is not there."""
    if each.choose_from == "classes":
        return desk.session.class_names
    if each.choose_from and not desk.ready:
        return ()
    if each.choose_from == "layers":
        return desk.session.probe.spatial_layers
    if each.choose_from == "explainers":
        return list(methods(desk))
    return ()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _short(bound: float | None) -> str | None:
    return None if bound is None else f"{bound:.12g}"


def _range(each: Parameter) -> Html | None:
    low, high = _short(each.low), _short(each.high)
    if low is None and high is None:
        return None
    bounds = f"{low} … {high}" if low and high else f"≥ {low}" if low else f"≤ {high}"
    return element("small", bounds, class_="range")


def typed_of(params: type[Params], values: Mapping[str, Any]) -> dict[str, str]:
    """Return what one would type for `values`, those that are not the default."""
    texts = {each.name: (_text(values.get(each.name, each.default), many=each.many), each) for each in describe(params)}
    return {name: text for name, (text, each) in texts.items() if text != _text(each.default, many=each.many)}


def values_of(params: type[Params], typed: Mapping[str, str]) -> dict[str, Any]:
    """Turn what was typed into what `make` reads: lists are split at their commas."""
    many = {each.name for each in describe(params) if each.many}
    return {
        name: [part.strip() for part in text.split(",") if part.strip()] if name in many else text
        for name, text in typed.items()
    }

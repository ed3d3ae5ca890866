"""The parameters of an analysis as widgets, from its parameter model alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from workbench.params import Parameter, Params, describe
from workbench.ui.words import options

if TYPE_CHECKING:
    from workbench.ui.desk import Desk

MANY_OPTIONS = 40


def form_html(desk: Desk, params: type[Params], values: Mapping[str, str]) -> str:
    """Build the form; what is typed stays, also where it is wrong."""
    fields = "".join(_field(desk, each, values.get(each.name)) for each in describe(params))
    note = "" if fields else '<p class="help">This analysis has no parameters.</p>'
    clear = '<button type="reset" class="quiet">Defaults</button>' if fields else ""
    return f'<form data-form autocomplete="off">{fields}{note}<p class="run"><button type="submit" class="main">Run</button>{clear}</p></form>'


def _field(desk: Desk, each: Parameter, typed: str | None) -> str:
    default = _text(each.default, many=each.many)
    value = default if typed is None else typed
    name, standard = escape(each.name), escape(default)
    label, help_text = escape(each.name.replace("_", " ")), f"<small>{escape(each.help)}</small>" if each.help else ""
    shared = f'name="{name}" data-default="{standard}"'
    found = each.options or _offered(desk, each)
    if each.kind is bool:
        checked = " checked" if value.lower() in ("true", "1", "yes", "on") else ""
        return f'<label class="check"><input type="checkbox" {shared}{checked}><span>{label}{help_text}</span></label>'
    if found and not each.many:
        values = [*([("", "chosen by the workbench")] if each.optional else []), *((option, option) for option in found)]
        if value not in dict(values):
            values.append((value, value))
        return f"<label><span>{label}</span><select {shared}>{options(values, value)}</select>{help_text}</label>"
    if each.kind in (int, float) and not each.many:
        # Text that the field cannot hold (a link may carry any) is shown as typed, beside the sentence about it.
        kind = "number" if value == "" or _is_number(value) else "text"
        return f'<label><span>{label}</span><input type="{kind}" {shared} value="{escape(value)}"{_bounds(each)}>{_range(each)}{help_text}</label>'
    listed = ""
    if found:
        listed = f'<datalist id="of-{name}">{options(((option, option) for option in found[:1000]), "")}</datalist>'
    extra = f' list="of-{name}"' if found else ""
    hint = ' placeholder="several, with commas between"' if each.many else ' placeholder="chosen by the workbench"' if each.optional else ""
    return f'<label><span>{label}</span><input type="text" {shared} value="{escape(value)}"{extra}{hint}>{listed}{help_text}</label>'


def _text(value: Any, *, many: bool) -> str:
    if value is None:
        return ""
    if many:
        return ",".join(str(each) for each in value)
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
        from workbench.ui.maps import methods

        return list(methods(desk))
    return ()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _bounds(each: Parameter) -> str:
    low = "" if each.low is None else f' min="{each.low:g}"'
    high = "" if each.high is None else f' max="{each.high:g}"'
    return f'{low}{high} step="{1 if each.kind is int else "any"}"'


def _range(each: Parameter) -> str:
    if each.low is None and each.high is None:
        return ""
    low = "" if each.low is None else f"{each.low:g}"
    high = "" if each.high is None else f"{each.high:g}"
    return f'<small class="range">{low} … {high}</small>' if low and high else f'<small class="range">{"≥ " + low if low else "≤ " + high}</small>'


def values_of(params: type[Params], typed: Mapping[str, str]) -> dict[str, Any]:
    """Turn what was typed into what `make` reads: lists split at their commas, an empty optional left out."""
    kinds = {each.name: each for each in describe(params)}
    found: dict[str, Any] = {}
    for name, text in typed.items():
        each = kinds.get(name)
        if each is not None and each.many:
            found[name] = [part.strip() for part in text.split(",") if part.strip()]
        else:
            found[name] = text
    return found

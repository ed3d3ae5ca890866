"""Numbers, names and short messages as HTML. Everything that came from outside passes `escape` here or there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any
from urllib.parse import urlencode


def percent(share: float, decimals: int = 0) -> str:
    """Write a share in [0, 1] in per cent; what is not exactly 0 or 1 never reads as if it were."""
    smallest = 10.0**-decimals
    if 0 < share < smallest / 200:
        return f"<{smallest:.{decimals}f}"
    if 1 > share > 1 - smallest / 200:
        return f">{100 - smallest:.{decimals}f}"
    return f"{100 * share:.{decimals}f}"


def count(number: int, what: str) -> str:
    """Write "1 error", "2 errors", "10,000 errors"."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def breakable(name: str) -> str:
    """Escape a name and let it break after `/`, `-`, `_` and `.`; a long one anywhere."""
    return re.sub(r"([/_.-])(?=\w)", r"\1<wbr>", escape(name))


def number(value: float) -> str:
    """Write a measured number with three digits and a real minus sign."""
    return f"{value:.3g}".replace("-", "−")


def href(query: Mapping[str, str]) -> str:
    """Write a view as the value of an `href` attribute."""
    return escape("?" + urlencode(dict(query)))


def go(changes: Mapping[str, object]) -> str:
    """Write the attribute by which a button changes the view; an empty value takes a key away."""
    return f'data-go="{escape(urlencode({key: str(value) for key, value in changes.items()}))}"'


def button(label: str, changes: Mapping[str, object], *, pressed: bool | None = None, **attributes: str) -> str:
    """Build a button that changes the view; `label` is HTML, attributes are escaped."""
    extra = "".join(f' {name.rstrip("_").replace("_", "-")}="{escape(value)}"' for name, value in attributes.items())
    state = "" if pressed is None else f' aria-pressed="{str(pressed).lower()}"'
    return f'<button type="button" {go(changes)}{state}{extra}>{label}</button>'


def choices(label: str, options: Iterable[tuple[str, Mapping[str, object], bool]]) -> str:
    """Build a segmented control from (HTML label, change of the view, whether it is the current one)."""
    buttons = "".join(button(text, changes, pressed=pressed) for text, changes, pressed in options)
    return f'<div role="group" class="seg" aria-label="{escape(label)}">{buttons}</div>'


def options(values: Iterable[tuple[str, str]], chosen: str) -> str:
    """Build the `<option>`s of a select from (value, text)."""
    return "".join(
        f'<option value="{escape(value)}"{" selected" if value == chosen else ""}>{escape(text)}</option>' for value, text in values
    )


def problem(error: object) -> str:
    """Show one sentence about what went wrong."""
    return f'<p class="problem" role="alert">{escape(str(error))}</p>'


def waiting(key: str, text: str, detail: str = "") -> str:
    """Show that something is being worked on; app.js asks for its progress and shows the view again when it is done."""
    return (
        f'<div class="waiting" role="status" data-wait="{escape(key)}"><p><b>{escape(text)}</b> <span class="what">{escape(detail)}</span></p>'
        '<progress max="1" aria-label="progress"></progress></div>'
    )


def plain(value: Any) -> str:
    """Write a parameter, a fact of the manifest or a cell of a table as text."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return "–" if value != value else f"{value:.4g}".replace("-", "−")
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {plain(inner)}" for name, inner in value.items()) or "–"
    if isinstance(value, (list, tuple)):
        return ", ".join(plain(inner) for inner in value) or "–"
    return str(value)

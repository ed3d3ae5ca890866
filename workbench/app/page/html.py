"""Numbers, names and short messages as HTML. Everything that came from outside passes `escape` here or there."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from html import escape as quoted
from typing import Any
from urllib.parse import urlencode

from workbench.core.wording import bare_percent as percent
from workbench.core.wording import probability

__all__ = [
    "breakable",
    "button",
    "choices",
    "cited",
    "coded",
    "count",
    "element",
    "escape",
    "go",
    "link",
    "number",
    "options",
    "percent",
    "plain",
    "probability",
    "problem",
    "waiting",
]

_CONTROL = dict.fromkeys(
    [*range(9), 11, 12, *range(14, 32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A)], "\ufffd"
)


def escape(text: str) -> str:
    """Write text from outside as HTML; characters that steer a terminal or turn the writing direction are shown."""
    return quoted(text.translate(_CONTROL))


def count(number: int, what: str) -> str:
    """Write "1 error", "2 errors", "10,000 errors"."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def breakable(name: str) -> str:
    """Escape a name and let it break after `/`, `-`, `_` and `.`; a long one anywhere."""
    return re.sub(r"([/_.-])(?=\w)", r"\1<wbr>", escape(name))


def number(value: float) -> str:
    """Write a measured number with three digits and a real minus sign."""
    return f"{value:.3g}".replace("-", "−")


def cited(paper: str, *, short: bool = False) -> str:
    """Write where something was published; an arXiv number leads there, in a tab of its own.

    Args:
        paper: for example "arXiv:1610.02391, eq. 1-2".
        short: only its first arXiv number; of a paper without one what stands before the first comma.
    """
    numbers = re.findall(r"arXiv:\d{4}\.\d{4,5}", paper)
    text = paper if not short else numbers[0] if numbers else paper.partition(",")[0]
    return re.sub(r"arXiv:(\d{4}\.\d{4,5})", _arxiv, escape(text))


def _arxiv(found: re.Match[str]) -> str:
    address = f"https://arxiv.org/abs/{found[1]}"
    return element("a", found[0], href=address, target="_blank", rel="noopener noreferrer")


def element(tag: str, inner: str = "", /, **attributes: object) -> str:
    """Build an element; `inner` is HTML, attributes are escaped.

    Args:
        tag: name of the element.
        inner: HTML.
        attributes: `_` in a name stands for `-`, one at the end for nothing (`class_`); True writes the bare name,
            False and None leave it out.
    """
    written = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{quoted(str(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    return f"<{tag}{written}>" if tag in ("input", "img") else f"<{tag}{written}>{inner}</{tag}>"


def link(inner: str, query: Mapping[str, str], /, **attributes: object) -> str:
    """Build a link to a view."""
    return element("a", inner, href="?" + urlencode(dict(query)), **attributes)


def go(changes: Mapping[str, object]) -> str:
    """Write a change of the view for a `data-go` attribute; an empty value takes a key away."""
    return urlencode({key: str(value) for key, value in changes.items()})


def button(label: str, changes: Mapping[str, object], /, *, pressed: bool | None = None, **attributes: object) -> str:
    """Build a button that changes the view; `label` is HTML, attributes are escaped."""
    state = None if pressed is None else str(pressed).lower()
    return element("button", label, type="button", data_go=go(changes), aria_pressed=state, **attributes)


def choices(label: str, options: Iterable[tuple[str, Mapping[str, object], bool]]) -> str:
    """Build a segmented control from (HTML label, change of the view, whether it is the current one)."""
    buttons = "".join(button(text, changes, pressed=pressed) for text, changes, pressed in options)
    return f'<div role="group" class="seg" aria-label="{escape(label)}">{buttons}</div>'


def options(values: Iterable[tuple[str, str]], chosen: str) -> str:
    """Build the `<option>`s of a select from (value, text)."""
    return "".join(element("option", escape(text), value=value, selected=value == chosen) for value, text in values)


def coded(text: str) -> str:
    """Escape a sentence and set what stands in backticks as code."""
    return re.sub(r"`([^`]{1,60})`", r"<code>\1</code>", escape(text))


def problem(error: object) -> str:
    """Show one sentence about what went wrong."""
    return f'<p class="problem" role="alert">{coded(str(error))}</p>'


def waiting(key: str, text: str, detail: str = "", *, parts: int | None = None) -> str:
    """Show that something is being worked on; app.js asks for its progress and shows the view again when it is done.

    Args:
        key: of the work.
        text: what is being done.
        detail: how far it is.
        parts: how many parts of the answer are shown already, where they come one by one.
    """
    said = f'<p><b>{escape(text)}</b> <span class="what">{escape(detail)}</span></p>'
    bar = '<progress max="1" aria-label="progress"></progress>'
    return element("div", said + bar, class_="waiting", role="status", data_wait=key, data_parts=parts)


def plain(value: Any) -> str:
    """Write a parameter, a fact of the manifest or a cell of a table as text."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return "–" if math.isnan(value) else f"{value:.4g}".replace("-", "−")
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {plain(inner)}" for name, inner in value.items()) or "–"
    if isinstance(value, (list, tuple)):
        return ", ".join(plain(inner) for inner in value) or "–"
    return str(value)

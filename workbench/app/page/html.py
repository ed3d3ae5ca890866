"""Pieces of the page's HTML: links to views, buttons that change them, what is being waited for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlencode

from workbench.app.markup import Html, code, element, join

__all__ = ["breakable", "button", "choices", "go", "link", "options", "paper_link", "problem", "waiting"]


def breakable(name: str) -> Html:
    """Escape a name and let it break after `/`, `-`, `_` and `.`; a long one anywhere."""
    return Html(re.sub(r"([/_.-])(?=\w)", r"\1<wbr>", str(Html.escape(name))))


def paper_link(paper: str, *, short: bool = False) -> Html:
    """Write where something was published; an arXiv number leads there, in a tab of its own.

    Args:
        paper: for example "arXiv:1610.02391, eq. 1-2".
        short: only its first arXiv number; of a paper without one what stands before the first comma.
    """
    numbers = re.findall(r"arXiv:\d{4}\.\d{4,5}", paper)
    text = paper if not short else numbers[0] if numbers else paper.partition(",")[0]
    return Html(re.sub(r"arXiv:(\d{4}\.\d{4,5})", _arxiv, str(Html.escape(text))))


def _arxiv(found: re.Match[str]) -> str:
    address = f"https://arxiv.org/abs/{found[1]}"
    return element("a", found[0], href=address, target="_blank", rel="noopener noreferrer")


def link(inner: str, query: Mapping[str, str], /, **attributes: object) -> Html:
    """Build a link to a view."""
    return element("a", inner, href="?" + urlencode(dict(query)), **attributes)


def go(changes: Mapping[str, object]) -> str:
    """Write a change of the view for a `data-go` attribute; an empty value takes a key away."""
    return urlencode({key: str(value) for key, value in changes.items()})


def button(label: str, changes: Mapping[str, object], /, *, pressed: bool | None = None, **attributes: object) -> Html:
    """Build a button that changes the view."""
    state = None if pressed is None else str(pressed).lower()
    return element("button", label, type="button", data_go=go(changes), aria_pressed=state, **attributes)


def choices(label: str, options: Iterable[tuple[str, Mapping[str, object], bool]]) -> Html:
    """Build a segmented control from (label, change of the view, whether it is the current one)."""
    buttons = (button(text, changes, pressed=pressed) for text, changes, pressed in options)
    return element("div", *buttons, role="group", class_="seg", aria_label=label)


def options(values: Iterable[tuple[str, str]], current: str) -> Html:
    """Build the `<option>`s of a select from (value, text)."""
    return join(element("option", text, value=value, selected=value == current) for value, text in values)


def problem(error: object) -> Html:
    """Show one sentence about what went wrong."""
    return element("p", code(str(error)), class_="problem", role="alert")


def waiting(key: str, text: str, detail: str = "", *, parts: int | None = None) -> Html:
    """Show that something is being worked on; app.js asks for its progress and shows the view again when it is done.

    Args:
        key: of the work.
        text: what is being done.
        detail: how far it is.
        parts: how many parts of the answer are shown already, where they come one by one.
    """
    words = element("p", element("b", text), " ", element("span", detail, class_="what"))
    bar = element("progress", max="1", aria_label="progress")
    return element("div", words, bar, class_="waiting", role="status", data_wait=key, data_parts=parts)

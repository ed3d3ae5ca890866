"""HTML as a type of its own: a plain `str` that is added to it is escaped, so nothing from outside becomes markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup

__all__ = [
    "Html",
    "breakable",
    "button",
    "choices",
    "code",
    "element",
    "go",
    "join",
    "link",
    "options",
    "paper_link",
    "problem",
    "waiting",
]

_CONTROL = dict.fromkeys(
    [*range(9), 11, 12, *range(14, 32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A)], "\ufffd"
)
_VOID = ("input", "img")


class Html(Markup):
    """HTML. What is added, joined or formatted into it is escaped unless it is HTML too.

    Characters that steer a terminal or turn the writing direction are made visible. An f-string makes a plain `str`
    of it, which is escaped where it is used: build with `element`, `join`, or `Html("…{}…").format(…)`.
    """

    __slots__ = ()

    @classmethod
    def escape(cls, s: Any, /) -> Html:
        """Return text as HTML, and HTML as it is."""
        if isinstance(s, Html):
            return s
        return cls(super().escape(s if hasattr(s, "__html__") else str(s).translate(_CONTROL)))


def join(parts: Iterable[str]) -> Html:
    """Put HTML one after the other; a `str` among it is escaped."""
    return Html().join(parts)


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


def element(tag: str, /, *inner: str | None, **attributes: object) -> Html:
    """Build an element.

    Args:
        tag: name of the element.
        inner: what stands in it, one after the other: HTML as it is, a plain `str` escaped, None left out.
        attributes: escaped; `_` in a name stands for `-`, one at the end for nothing (`class_`); True writes the bare
            name, False and None leave it out.
    """
    written = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{Markup.escape(str(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    content = "" if tag in _VOID else f"{join(each for each in inner if each is not None)}</{tag}>"
    return Html(f"<{tag}{written}>{content}")


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


def code(text: str) -> Html:
    """Escape a sentence and set what stands in backticks as code."""
    return Html(re.sub(r"`([^`]{1,60})`", r"<code>\1</code>", str(Html.escape(text))))


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

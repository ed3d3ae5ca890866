"""HTML as a type of its own: a plain `str` that is added to it is escaped, so nothing from outside becomes markup."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from markupsafe import Markup

__all__ = ["Html", "code", "element", "join"]

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


def code(text: str) -> Html:
    """Escape a sentence and set what stands in backticks as code."""
    return Html(re.sub(r"`([^`]{1,60})`", r"<code>\1</code>", str(Html.escape(text))))

"""The name of an image, as it stands on the page: it may break anywhere, and of a long one the middle is left out."""

from __future__ import annotations

from workbench.app.markup import Html
from workbench.app.page.html import breakable

LONGEST = 64
"""Letters that are shown of a name."""


def short_name(name: str) -> tuple[Html, str | None]:
    """Return what is written, and what stands under the pointer: the whole name, where not all of it is written."""
    if len(name) <= LONGEST:
        return breakable(name), None
    head = LONGEST // 3
    return breakable(f"{name[:head]}…{name[head + 1 - LONGEST :]}"), name

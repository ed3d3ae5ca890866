"""What a figure says, and what of it is typeset as mathematics, which no name of a class or file ever should be."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def texts(figure: Figure) -> list[str]:
    """Return every text of a figure."""
    from matplotlib.text import Text

    return [each.get_text() for each in figure.findobj(Text) if isinstance(each, Text)]


def formulas(figure: Figure) -> list[str]:
    """Return every text of a figure that matplotlib typesets as mathematics, since it has two `$`."""
    from matplotlib import cbook

    return [word for word in texts(figure) if cbook.is_math_text(word) is True]

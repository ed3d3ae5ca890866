"""A figure as what a reader sees of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def pixels_of(figure: Figure, dots: float = 40) -> bytes:
    """Draw a figure once, at so many dots an inch; `savefig` would lay it out by drawing it, and then draw it again."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.set_dpi(dots)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return bytes(canvas.buffer_rgba())

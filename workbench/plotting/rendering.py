"""A figure as what a reader sees of it, drawn once.

`Figure.savefig` draws a figure that has a layout twice: once to lay it out, with every text and line and to no paper,
and then again. Here it is laid out where it is drawn, which takes little more than half the time.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DOTS = 110
"""Dots an inch of pages, reports and figure files."""


def png_of(figure: Figure, *, metadata: Mapping[str, str | None] | None = None) -> bytes:
    """Return the PNG file that `Figure.savefig` would write.

    Args:
        figure: what is drawn.
        metadata: of the file; a value of None leaves out what matplotlib would write.
    """
    stream = io.BytesIO()
    with _canvas(figure, DOTS) as canvas:
        canvas.print_png(stream, metadata=metadata)
    return stream.getvalue()


def pixels_of(figure: Figure, dots: float = 40) -> bytes:
    """Return red, green, blue and opacity of each pixel, one byte each, row by row, at so many dots an inch."""
    with _canvas(figure, dots) as canvas:
        canvas.draw()
        return bytes(canvas.buffer_rgba())


def draw_unlettered(figure: Figure, dots: float = 40) -> None:
    """Draw a figure to see whether it can be: all but its letters, which are only measured, at so many dots an inch.

    Letters are a third of what drawing takes, and what is wrong with one shows when it is measured.
    """
    with _canvas(figure, dots) as canvas:
        canvas.get_renderer().draw_text = lambda *_, **__: None
        canvas.draw()


@contextmanager
def _canvas(figure: Figure, dots: float) -> Iterator[Any]:
    """Give a figure a canvas of a resolution; afterwards it has the resolution that it had."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    before = figure.dpi
    figure.set_dpi(dots)
    try:
        yield FigureCanvasAgg(figure)
    finally:
        figure.set_dpi(before)


def texts_of(figure: Figure) -> list[str]:
    """Return what stands in a figure, as one line each."""
    from matplotlib.text import Text

    return [" ".join(each.get_text().split()) for each in figure.findobj(Text) if each.get_visible()]


def texts_below(figure: Figure, points: float) -> list[str]:
    """Return the texts of a figure that are smaller than so many points, in the order of their letters."""
    from matplotlib.text import Text

    seen = (each for each in figure.findobj(Text) if each.get_visible() and each.get_text().strip())
    return sorted({each.get_text() for each in seen if float(each.get_fontsize()) < points})


def pictures_in(figure: Figure) -> Iterator[tuple[Array, Array]]:
    """Yield the pixels of each picture of a figure that has been drawn, and where its middle is.

    Yields:
        What was drawn, and `(2,)` shares of the width and the height, from the lower left.
    """
    from matplotlib.image import AxesImage

    size = np.array(figure.canvas.get_width_height())
    for drawn in figure.findobj(AxesImage):
        box = drawn.get_window_extent()
        values: Any = drawn.get_array()
        yield np.ascontiguousarray(values), np.array([box.x0 + box.x1, box.y0 + box.y1]) / 2 / size


def marks_in(figure: Figure) -> Iterator[tuple[Axes, str, tuple[float, float], bool]]:
    """Yield the bars, cells and points of a figure that has been drawn, and where the middle of each is.

    Yields:
        Axes, what it is in a word, x and y in pixels from the lower left, and whether it is seen: a bar of no length is
        not. Legends and colour bars have none.
    """
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.colorbar import Colorbar
    from matplotlib.container import BarContainer

    for axes in figure.findobj(Axes):
        if isinstance(getattr(axes, "_colorbar", None), Colorbar):
            continue
        for bars in axes.containers:
            for bar in bars.patches if isinstance(bars, BarContainer) else ():
                box = bar.get_window_extent()
                yield axes, "bar", ((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2), min(box.width, box.height) >= 1
        for drawn in (*axes.collections, *axes.lines):
            kind = "cell" if isinstance(drawn, QuadMesh) else "point"
            points = _points_of(drawn)
            for x, y in axes.transData.transform(points).tolist() if len(points) else ():
                if np.isfinite([x, y]).all():
                    yield axes, kind, (x, y), kind == "point"


def _points_of(drawn: Any) -> Array:
    """Return the `(n, 2)` middles of the cells of a mesh, or the points of a scatter or of a line that marks them."""
    from matplotlib.collections import PathCollection, QuadMesh
    from matplotlib.lines import Line2D

    if isinstance(drawn, QuadMesh):
        corners, values = np.asarray(drawn.get_coordinates()), drawn.get_array()
        shown = ~np.ma.getmaskarray(np.ma.asarray(values)).reshape(len(corners) - 1, -1)
        return np.asarray(((corners[:-1, :-1] + corners[1:, 1:]) / 2)[shown])
    if isinstance(drawn, PathCollection):
        return np.asarray(np.ma.filled(np.ma.asarray(drawn.get_offsets()), np.nan))
    if isinstance(drawn, Line2D) and drawn.get_marker() not in ("None", None, "", " "):
        return np.asarray(drawn.get_xydata())
    return np.zeros((0, 2))

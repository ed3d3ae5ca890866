"""Places of a figure that stand for images: where they are in the picture that is drawn, and what they lead to.

Whoever draws says it in the coordinates of the axes; once the figure is drawn, the layout is known, and so are the
pixels. The page and the report lay links over the picture; there is no second drawing system.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.image_set import Part
from workbench.core.result import Result
from workbench.core.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SMALLEST = 24.0
"""Pixels that a spot has at least, each way: a finger finds no less. Where spots are close, they meet in the middle."""


@dataclass(frozen=True)
class Spot:
    """What a place of a figure stands for.

    Attributes:
        address: what it leads to: an image (`image`, its row, and `part`), a few (`rows`), a cell (`true` and
            `predicted`, numbers of classes), a query (`query`); of an `analysis` the images of a finding (`finding`,
            its place), those of a set (`set`, its name, and which of them: `query`), or a part of its map (`region`).
        title: what is said when the pointer rests on it, with its numbers.
    """

    address: Mapping[str, str]
    title: str


Box = tuple[float, float, float, float]
Tell = Callable[[Array], Spot]
"""Says what some points of a scatter stand for, by their places in it."""
PLACED, SCATTERED = "workbench_spots", "workbench_scatters"
"""Names of the attributes under which a figure keeps what was placed."""
OF_NO_IMAGES = "workbench_of_no_images"
"""Name of the attribute of axes whose bars, cells and points stand for something else."""


def image_spot(row: int, title: str, part: Part = "data") -> Spot:
    """Return the spot of an image by its row."""
    return Spot({"image": str(int(row)), **({"part": part} if part != "data" else {})}, title)


def spot_of(result: Result, row: int, part: Part = "data") -> Spot:
    """Return the spot of an image of a result: its name, label and prediction."""
    return image_spot(row, result.image_title(row, part), part)


def place_spot(axes: Axes, box: Box, spot: Spot | None) -> None:
    """Say what a rectangle stands for.

    Args:
        axes: in whose coordinates the rectangle is given.
        box: left, right, bottom and top, in data coordinates; ±inf reaches to the end of the axes.
        spot: None where there is no image: nothing is there, and it is known that nothing is.
    """
    _keep(axes, PLACED, (axes, box, spot))


def place_scatter(axes: Axes, x: Array, y: Array, tell: Tell) -> None:
    """Say what the points of a scatter stand for, of which there may be thousands: a square with some is one spot.

    Args:
        axes: where they are drawn.
        x: `(n,)` places of the points.
        y: `(n,)` places of the points.
        tell: is asked for each square of the smallest size that holds some, once the figure is drawn.
    """
    _keep(axes, SCATTERED, (axes, np.stack([x, y], axis=1).astype(np.float64), tell))


def of_no_images(*panels: Axes) -> None:
    """Say of axes that their bars, cells and points stand for no images, but for epochs, filters or methods."""
    for axes in panels:
        setattr(axes, OF_NO_IMAGES, True)


def _keep(axes: Axes, name: str, what: tuple[Any, ...]) -> None:
    root = axes.get_figure(root=True)
    setattr(root, name, [*getattr(root, name, ()), what])


def place_bars(axes: Axes, places: Array, spots: Sequence[Spot | None], height: float = 0.7) -> None:
    """Say what horizontal bars stand for: each its whole row, since a short bar is hard to hit."""
    for place, spot in zip(places, spots, strict=True):
        place_spot(axes, (-np.inf, np.inf, float(place) - height / 2, float(place) + height / 2), spot)


def place_cells(axes: Axes, spots: Mapping[tuple[int, int], Spot | None]) -> None:
    """Say what cells of a table stand for: (row, column) -> spot, of cells one wide that begin at 0 (seaborn's)."""
    for (row, column), spot in spots.items():
        place_spot(axes, (column, column + 1, row, row + 1), spot)


def place_points(axes: Axes, points: Iterable[tuple[float, float]], spots: Sequence[Spot | None]) -> None:
    """Say what points stand for."""
    for (x, y), spot in zip(points, spots, strict=True):
        place_spot(axes, (x, x, y, y), spot)


def hot_spots(figure: Figure) -> list[dict[str, Any]]:
    """Return where the spots of a figure are that has been drawn.

    Returns:
        One record a spot, those placed first come first, and those of scatters last: `box`, its left, top, width and
        height as shares of the picture, inside of it; `address` and `title`.
    """
    width, height = figure.canvas.get_width_height()
    found = []
    scattered = (each for axes, points, tell in getattr(figure, SCATTERED, ()) for each in _squares(axes, points, tell))
    for axes, box, spot in (*getattr(figure, PLACED, ()), *scattered):
        if spot is None:
            continue
        left, right, bottom, top = _in_pixels(axes, box)
        left, right = _at_least(left, right, width)
        bottom, top = _at_least(bottom, top, height)
        share = (left / width, 1 - top / height, (right - left) / width, (top - bottom) / height)
        found.append({"box": [round(each, 5) for each in share], "address": dict(spot.address), "title": spot.title})
    return found


def places_said(figure: Figure) -> list[tuple[Axes, Box, Spot | None]]:
    """Return the rectangles of a drawn figure, in pixels from the lower left, and what is said that they stand for."""
    placed = [(axes, _in_pixels(axes, box), spot) for axes, box, spot in getattr(figure, PLACED, ())]
    for axes, points, tell in getattr(figure, SCATTERED, ()):
        placed += [(axes, _in_pixels(axes, box), spot) for _, box, spot in _squares(axes, points, tell)]
    return placed


def _squares(axes: Any, points: Array, tell: Tell) -> Iterator[tuple[Axes, Box, Spot]]:
    """Yield the squares of a drawn scatter that hold points, as spots are placed."""
    if not len(points):
        return
    inside = axes.get_window_extent()
    corner = np.array([inside.x0, inside.y0])
    square = np.floor((axes.transData.transform(points) - corner) / SMALLEST).astype(np.int64)
    order = np.lexsort(square.T)
    steps = np.flatnonzero((np.diff(square[order], axis=0) != 0).any(axis=1)) + 1
    for some in np.split(order, steps):
        ends = corner + SMALLEST * np.stack([square[some[0]], square[some[0]] + 1])
        (left, bottom), (right, top) = axes.transData.inverted().transform(ends).tolist()
        yield axes, (left, right, bottom, top), tell(np.sort(some))


def _in_pixels(axes: Any, box: Box) -> Box:
    """Turn a rectangle of data coordinates into one of pixels, from the lower left of the figure."""
    inside = axes.get_window_extent()
    ends = []
    for axis, limits in ((0, axes.get_xlim()), (1, axes.get_ylim())):
        pair = [float(np.clip(value, min(limits), max(limits))) for value in box[2 * axis : 2 * axis + 2]]
        other = float(np.mean(axes.get_ylim() if axis == 0 else axes.get_xlim()))
        points = [(value, other) if axis == 0 else (other, value) for value in pair]
        drawn = sorted(axes.transData.transform(points)[:, axis].tolist())
        ends += [max(drawn[0], (inside.x0, inside.y0)[axis]), min(drawn[1], (inside.x1, inside.y1)[axis])]
    return ends[0], ends[1], ends[2], ends[3]


def _at_least(low: float, high: float, most: float) -> tuple[float, float]:
    """Make a side as long as the smallest may be, as far as the picture goes."""
    lacking = max(SMALLEST - (high - low), 0) / 2
    low, high = low - lacking, high + lacking
    return max(min(low, most - SMALLEST), 0.0), min(max(high, SMALLEST), most)

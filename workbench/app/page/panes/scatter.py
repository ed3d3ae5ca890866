"""A map of images in the plane, and the images of a region of it: for any answer whose first table has row, x, y."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.app.page.html import breakable, button, choices, count, element, link, percent, probability
from workbench.app.page.pictures import fit, tag
from workbench.app.page.view import COLOURS, View
from workbench.core.types import Array
from workbench.plotting.colours import SURENESS, of_classes

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk
    from workbench.core.result import Result

COLUMNS = ("row", "x", "y")
MOST = 60
"""Pictures of a region; of more, the wrong ones come first."""
BOX = 56
BULK = (5, 95)
"""Percentiles between which the bulk of a class lies, along each axis."""
SMALLER, LARGER = 0.7, 1.4
SAID = {"class": "true class", "correct": "right or wrong", "confidence": "confidence"}


@dataclass(frozen=True, eq=False)
class Points:
    """The points of a map.

    Attributes:
        rows: `(n,)` int, of the dataset.
        values: `(6, n)` little-endian float32, what the browser gets: x, y, true class, predicted class, confidence
            in [0, 1], and the number of the image.
        names: K names.
    """

    rows: Array
    values: Array
    names: Sequence[str]

    @property
    def wrong(self) -> Array:
        """`(n,)` bool."""
        return np.asarray(self.values[2] != self.values[3])

    def inside(self, region: Sequence[float]) -> Array:
        """Places in `rows` of what lies in (left, lower, right, upper), wrong ones first, then the least sure."""
        x, y = self.values[:2]
        left, lower, right, upper = region
        found = np.flatnonzero((x >= left) & (x <= right) & (y >= lower) & (y <= upper))
        wrong, confidence = self.wrong[found], self.values[4][found]
        return found[np.lexsort((np.where(wrong, -confidence, confidence), ~wrong))]


def points_of(desk: Desk, result: Result) -> Points | None:
    """Return the map that the first table of an answer holds, or None."""
    board, table = desk.board, next(iter(result.tables.values()), None)
    if board is None or table is None or not set(COLUMNS) <= set(table.columns):
        return None
    if any(table[name].dtype.kind not in "iuf" for name in COLUMNS):
        return None
    rows, places = table["row"].to_numpy(), table[["x", "y"]].to_numpy(np.float64)
    known = np.isfinite(places).all(axis=1) & np.isfinite(rows) & (rows >= 0) & (rows < len(board.labels))
    rows, places = rows[known].astype(np.int64), places[known]
    if not len(rows):
        return None
    said = board.labels[rows], board.predicted[rows], board.confidence[rows], desk.session.dataset.indices[rows]
    return Points(rows, np.stack([*places.T, *said]).astype("<f4"), desk.session.class_names)


def scatter_html(desk: Desk, points: Points, key: str, view: View) -> str:
    """Build the map, which scatter.js draws, and beside it the classes or the images of the region.

    Args:
        desk: where the pictures come from.
        points: what is on the map.
        key: of the answer, under which the browser fetches the points.
        view: region and colours.
    """
    colours = of_classes(len(points.names))
    ramps = {"class": colours, "confidence": SURENESS}
    told = (
        f"Map of {count(len(points.rows), 'image')}. Arrow keys move a rectangle, with Shift they change its size, "
        "Enter shows its images, Escape takes it away. The buttons of the classes choose a region too."
    )
    canvas = element("canvas", tabindex="0", role="application", aria_label=told)
    drawn = element(
        "div",
        f'{canvas}<p class="tip" hidden></p>',
        class_="plot",
        data_points=key,
        data_colour=view.colour,
        data_region=",".join(f"{end:.6g}" for end in view.region),
        data_ramps=json.dumps(ramps),
        data_names=json.dumps(list(points.names)),
    )
    by = choices("colour of the points", [(SAID[each], {"_colour": each}, each == view.colour) for each in COLOURS])
    keys = "<kbd>←</kbd> <kbd>→</kbd> move · <kbd>Shift</kbd> resize · <kbd>Enter</kbd> show"
    keys = f'<p class="foot"><span>Drag or click: the images there.</span><span>{keys}</span></p>'
    left = f'<div class="left"><header><span>Colour</span>{by}</header>{drawn}{_legend(view, points)}{keys}</div>'
    right = _region(desk, points, view, colours) if view.region else _classes(points, colours)
    return f'<section class="scatter">{left}<div class="inside">{right}</div></section>'


def _legend(view: View, points: Points) -> str:
    if view.colour == "confidence":
        ramp = f'<i class="ramp" style="background:linear-gradient(90deg,{",".join(SURENESS)})"></i>'
        return f'<p class="key">0 %{ramp}100 % confident</p>'
    if view.colour == "correct":
        wrong = int(points.wrong.sum())
        right = f'<i class="dot right"></i>right {len(points.rows) - wrong:,}'
        return f'<p class="key">{right} <i class="dot wrong"></i>wrong {wrong:,}</p>'
    return ""


def _classes(points: Points, colours: Sequence[str]) -> str:
    """List the classes; each leads to the bulk of its images on the map."""
    labels, wrong = points.values[2].astype(np.int64), points.wrong
    items = []
    for c in np.unique(labels).tolist():
        own = labels == c
        low, high = np.percentile(points.values[:2, own], BULK, axis=1)
        numbers = f"<b>{int(own.sum()):,}</b><small>{_wrong(int((wrong & own).sum()), int(own.sum()))}</small>"
        items.append(_line(points.names[c], colours[c], numbers, _widened((*low, *high), 1.0)))
    head = "<header><h3>Choose a region</h3></header>"
    said = '<p class="help">Drag on the map, or take the part where most images of a class lie:</p>'
    return f'{head}{said}<ul class="classes">{"".join(items)}</ul>'


def _line(name: str, colour: str, numbers: str, region: str) -> str:
    inside = f'<i class="dot" style="background:{colour}"></i><span>{breakable(name)}</span>{numbers}'
    return f"<li>{button(inside, {'_region': region})}</li>"


def _wrong(wrong: int, of: int) -> str:
    return f"{wrong:,} wrong ({percent(wrong / max(of, 1), 1)} %)"


def _region(desk: Desk, points: Points, view: View, colours: Sequence[str]) -> str:
    """Show what lies in the region: how many of which class, how many of them wrong, and the images."""
    found = points.inside(view.region)
    size = "".join(
        button(sign, {"_region": _widened(view.region, factor)}, aria_label=word, title=word, class_="button")
        for sign, factor, word in (("−", SMALLER, "smaller region"), ("+", LARGER, "larger region"))
    )
    clear = button("Clear", {"_region": ""}, class_="button", title="take the region away")
    said = count(len(found), "image")
    if len(found):
        said += f" · {_wrong(int(points.wrong[found].sum()), len(found))}"
    head = f'<header><h3>{said}</h3><div class="right">{size}{clear}</div></header>'
    if not len(found):
        return f'{head}<p class="empty">No image lies here. Drag over some points.</p>'
    labels = points.values[2][found].astype(np.int64)
    there, counts = np.unique(labels, return_counts=True)
    bars = "".join(
        f'<li><i class="dot" style="background:{colours[c]}"></i><span>{breakable(points.names[c])}</span>'
        f'<b>{images:,}</b><i class="share"><i style="width:{100 * images / counts.max():.1f}%;'
        f'background:{colours[c]}"></i></i></li>'
        for images, c in sorted(zip(counts.tolist(), there.tolist(), strict=True), key=lambda pair: -pair[0])
    )
    more = f'<p class="foot"><span>… {len(found) - MOST:,} more; wrong ones first</span></p>'
    pictures = "".join(_thumb(desk, points, int(place)) for place in found[:MOST])
    return (
        f'{head}<ul class="counts">{bars}</ul><div class="evidence">{pictures}</div>{more if len(found) > MOST else ""}'
    )


def _thumb(desk: Desk, points: Points, place: int) -> str:
    row, names = int(points.rows[place]), points.names
    true, predicted = (int(points.values[each, place]) for each in (2, 3))
    size = fit(*desk.session.dataset.image_shape[:2], BOX)
    number = int(desk.session.dataset.indices[row])
    sure = f"{names[predicted]} {probability(float(points.values[4, place]))} %"
    title = f"image {number}: {sure}" if true == predicted else f"image {number}: predicted {sure}, true {names[true]}"
    image = tag(desk.picture(row, max(size.width, size.height)), size, title)
    wrong = None if true == predicted else "wrong"
    return link(image, {"section": "errors", "image": str(row)}, title=title, class_=wrong)


def _widened(region: Sequence[float], factor: float) -> str:
    """Write a region of `factor` times the size around the same middle."""
    left, lower, right, upper = (float(end) for end in region)
    half = factor * (right - left) / 2, factor * (upper - lower) / 2
    x, y = (left + right) / 2, (lower + upper) / 2
    return ",".join(f"{end:.6g}" for end in (x - half[0], y - half[1], x + half[0], y + half[1]))

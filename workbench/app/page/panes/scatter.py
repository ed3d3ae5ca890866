"""A map of images in the plane, and the images of a region of it: for any answer whose first table has row, x, y."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.app.markup import Html, element
from workbench.app.page.html import breakable, button, choices, link
from workbench.app.page.view import COLOURS, View
from workbench.app.pictures import fit, tag
from workbench.core.types import Array
from workbench.core.wording import bare_percent, plural, probability
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
COLOUR_LABELS = {"class": "true class", "correct": "correct or wrong", "confidence": "confidence"}


@dataclass(frozen=True, eq=False)
class Points:
    """The points of a map.

    Attributes:
        rows: `(n,)` int, of the dataset.
        values: `(5, n)` little-endian float32: x, y, true class, predicted class, and confidence in [0, 1].
        images: n names, of the images.
        names: K names, of the classes.
    """

    rows: Array
    values: Array
    images: Sequence[str]
    names: Sequence[str]

    @property
    def content(self) -> bytes:
        """What the browser gets: the values, and behind them the names of the images as JSON."""
        return self.values.tobytes() + json.dumps(list(self.images)).encode()

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
    known_of = board.labels[rows], board.predicted[rows], board.confidence[rows]
    images = desk.session.image_names.of(rows)
    return Points(rows, np.stack([*places.T, *known_of]).astype("<f4"), images, desk.session.class_names)


def scatter_html(desk: Desk, points: Points, key: str, view: View) -> Html:
    """Build the map, which scatter.js draws, and beside it the classes or the images of the region.

    Args:
        desk: where the pictures come from.
        points: what is on the map.
        key: of the answer, under which the browser fetches the points.
        view: region and colours.
    """
    colours = of_classes(len(points.names))
    ramps = {"class": colours, "confidence": SURENESS}
    instructions = (
        f"Map of {plural(len(points.rows), 'image')}. Arrow keys move a selection, Shift and arrow keys resize it, "
        "Enter shows its images, Escape clears it. The class buttons select a region too."
    )
    canvas = element("canvas", tabindex="0", role="application", aria_label=instructions)
    plot = element(
        "div",
        canvas,
        element("p", class_="tip", hidden=True),
        class_="plot",
        data_points=key,
        data_colour=view.colour,
        data_region=",".join(f"{end:.6g}" for end in view.region),
        data_ramps=json.dumps(ramps),
        data_names=json.dumps(list(points.names)),
    )
    by = choices(
        "colour of the points", [(COLOUR_LABELS[each], {"_colour": each}, each == view.colour) for each in COLOURS]
    )
    keys = Html("<kbd>←</kbd> <kbd>→</kbd> move · <kbd>Shift</kbd> resize · <kbd>Enter</kbd> show")
    foot = element("p", element("span", "Drag or click to select images."), element("span", keys), class_="foot")
    head = element("header", element("span", "Colour"), by)
    left = element("div", head, plot, _legend(view, points), foot, class_="left")
    right = _region(desk, points, view, colours) if view.region else _classes(points, colours)
    return element("section", left, element("div", right, class_="inside"), class_="scatter")


def _legend(view: View, points: Points) -> Html | None:
    if view.colour == "confidence":
        ramp = element("i", class_="ramp", style=f"background:linear-gradient(90deg,{','.join(SURENESS)})")
        return element("p", "0 %", ramp, "100 % confident", class_="key")
    if view.colour == "correct":
        wrong = int(points.wrong.sum())
        right, dot = element("i", class_="dot right"), element("i", class_="dot wrong")
        return element("p", right, f"correct {len(points.rows) - wrong:,} ", dot, f"wrong {wrong:,}", class_="key")
    return None


def _classes(points: Points, colours: Sequence[str]) -> Html:
    """List the classes; each leads to the bulk of its images on the map."""
    labels, wrong = points.values[2].astype(np.int64), points.wrong
    items = []
    for c in np.unique(labels).tolist():
        own = labels == c
        low, high = np.percentile(points.values[:2, own], BULK, axis=1)
        errors = element("small", _wrong(int((wrong & own).sum()), int(own.sum())))
        numbers = element("b", f"{int(own.sum()):,}") + errors
        items.append(_line(points.names[c], colours[c], numbers, _scale_region((*low, *high), 1.0)))
    head = element("header", element("h3", "Select a region"))
    hint = element("p", "Drag on the map, or choose the region of a class:", class_="help")
    return head + hint + element("ul", *items, class_="classes")


def _dot(colour: str) -> Html:
    return element("i", class_="dot", style=f"background:{colour}")


def _line(name: str, colour: str, numbers: Html, region: str) -> Html:
    inside = _dot(colour) + element("span", breakable(name)) + numbers
    return element("li", button(inside, {"_region": region}))


def _wrong(wrong: int, of: int) -> str:
    return f"{wrong:,} wrong ({bare_percent(wrong / max(of, 1), 1)} %)"


def _region(desk: Desk, points: Points, view: View, colours: Sequence[str]) -> Html:
    """Show what lies in the region: how many of which class, how many of them wrong, and the images."""
    found = points.inside(view.region)
    sizes = [
        button(sign, {"_region": _scale_region(view.region, factor)}, aria_label=word, title=word, class_="button")
        for sign, factor, word in (("−", SMALLER, "smaller region"), ("+", LARGER, "larger region"))
    ]
    clear = button("Clear", {"_region": ""}, class_="button", title="clear the selection")
    title = plural(len(found), "image")
    if len(found):
        title += f" · {_wrong(int(points.wrong[found].sum()), len(found))}"
    head = element("header", element("h3", title), element("div", *sizes, clear, class_="right"))
    if not len(found):
        return head + element("p", "No images here. Drag over some points.", class_="empty")
    labels = points.values[2][found].astype(np.int64)
    there, counts = np.unique(labels, return_counts=True)
    bars = []
    for images, c in sorted(zip(counts.tolist(), there.tolist(), strict=True), key=lambda pair: -pair[0]):
        share = element("i", style=f"width:{100 * images / counts.max():.1f}%;background:{colours[c]}")
        name, number = element("span", breakable(points.names[c])), element("b", f"{images:,}")
        bars.append(element("li", _dot(colours[c]), name, number, element("i", share, class_="share")))
    pictures = (_thumb(desk, points, int(place)) for place in found[:MOST])
    inside = head + element("ul", *bars, class_="counts") + element("div", *pictures, class_="evidence")
    if len(found) <= MOST:
        return inside
    return inside + element("p", element("span", f"… {len(found) - MOST:,} more; errors first"), class_="foot")


def _thumb(desk: Desk, points: Points, place: int) -> Html:
    row, names = int(points.rows[place]), points.names
    true, predicted = (int(points.values[each, place]) for each in (2, 3))
    size = fit(*desk.session.dataset.image_shape[:2], BOX)
    sure = f"{names[predicted]} {probability(float(points.values[4, place]))} %"
    what = sure if true == predicted else f"predicted {sure}, true {names[true]}"
    title = f"{points.images[place]}: {what}"
    image = tag(desk.picture(row, max(size.width, size.height)), size, title)
    wrong = None if true == predicted else "wrong"
    return link(image, {"section": "errors", "image": str(row)}, title=title, class_=wrong)


def _scale_region(region: Sequence[float], factor: float) -> str:
    """Write a region of `factor` times the size around the same middle."""
    left, lower, right, upper = (float(end) for end in region)
    half = factor * (right - left) / 2, factor * (upper - lower) / 2
    x, y = (left + right) / 2, (lower + upper) / 2
    return ",".join(f"{end:.6g}" for end in (x - half[0], y - half[1], x + half[0], y + half[1]))

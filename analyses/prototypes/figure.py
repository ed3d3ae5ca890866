"""Prototypes and criticisms of classes, how near prototypes come to their class, and how often the model is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.core.result import Result
from workbench.core.wording import percent, plural
from workbench.plotting.colours import PREDICTED_COLOUR, TRUE_COLOUR
from workbench.plotting.hot_spots import of_no_images, place_spot, spot_of
from workbench.plotting.pieces import INK, QUIET, SMALL, heading, interval_bars, new_figure, plain, text
from workbench.plotting.tiles import Tile, tiles, tiles_height
from workbench.session.spots import set_spot
from workbench.statistics.rates import rate

from .findings import KINDS, REST, whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CELL = 0.8
"""Width of a picture in inches."""
PANEL = 2.5
"""Height of the panels below in inches."""
CALLED = {KINDS[0]: "prototypes", KINDS[1]: "criticisms", REST: "the rest"}
COLOURS = {KINDS[0]: TRUE_COLOUR, KINDS[1]: PREDICTED_COLOUR, REST: QUIET}


def draw_prototypes(result: Result, question: str) -> Figure:
    """Draw a line for each class: its prototypes, then its criticisms; below, two panels about all classes."""
    pictures, columns = _pictures(result)
    upper = tiles_height(pictures, columns, CELL) + 0.1
    said = (
        "Left: prototypes, in the order in which they were chosen; right: criticisms. Orange: the class that is "
        "predicted instead. Discrepancy: squared MMD between the embeddings of the prototypes and of "
        f"{whole(result.notes['sampled'])}; thin: each class, thick: their median. Lines on bars: 95 % intervals."
    )
    shown, known = len(result.notes["classes"]), len(result.tables["classes"])
    if shown < known:
        said += f" Shown: the {shown} of {plural(known, 'class')} with the lowest recall; all are in the table."
    figure = new_figure(result, question, width=columns * CELL + 0.3, height=upper + PANEL, note=said)
    above, below = figure.subfigures(2, 1, height_ratios=[upper, PANEL], squeeze=False)[:, 0]
    tiles(above.subplots(), pictures, columns=columns, cell=CELL)
    one, other = below.subplots(1, 2)
    _curves(one, result)
    _rates(other, result)
    return figure


def _pictures(result: Result) -> tuple[list[Tile], int]:
    table, shown = result.tables["examples"], result.notes["shown"]
    pixels = dict(zip(result.arrays["rows"].tolist(), result.arrays["images"], strict=True))
    empty = Tile(np.full((*result.arrays["images"].shape[1:3], 3), 255, np.uint8), above=[("", INK)], blank=True)
    pictures, columns = list[Tile](), 2 * shown + 1
    for name in result.notes["classes"]:
        own = table[(table["class"] == name) & (table["rank"] <= shown)]
        line = [empty] * columns
        for kind, start in zip(KINDS, (0, shown + 1), strict=True):
            for place, (_, each) in enumerate(own[own["kind"] == kind].iterrows()):
                title = [(text(name, 20), TRUE_COLOUR)] if kind == KINDS[0] else [(CALLED[kind], QUIET)]
                line[start + place] = Tile(
                    pixels[each["row"]],
                    above=title if place == 0 else [("", INK)],
                    below=[("", INK) if each["correct"] else (text(each["predicted"], 11), PREDICTED_COLOUR)],
                    framed=True,
                    spot=spot_of(result, each["row"]),
                )
        pictures += line
    return pictures, columns


def _curves(axes: Axes, result: Result) -> None:
    """Draw the discrepancy by the number of prototypes: of each class, and the median; beside random images."""
    from matplotlib.ticker import MaxNLocator

    table = result.tables["curve"]
    for column, colour, label in (
        ("discrepancy", TRUE_COLOUR, "prototypes"),
        ("at_random", QUIET, "as many images at random, median"),
    ):
        for _, own in table.groupby("class", sort=False):
            axes.plot(own["prototypes"], own[column], color=colour, alpha=0.25, linewidth=0.7)
        middle = table.groupby("prototypes")[column].median()
        axes.plot(middle.index, middle, color=colour, linewidth=2, marker="o", markersize=3, label=label)
    axes.set(xlabel="prototypes of a class", ylabel="squared discrepancy (MMD)")
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, fontsize=SMALL, labelcolor=INK)
    heading(axes, "How near prototypes come to their class")
    plain(axes, grid="y")
    of_no_images(axes)


def _rates(axes: Axes, result: Result) -> None:
    """Draw how often the model is wrong on prototypes, criticisms and the rest."""
    heading(axes, "Share of errors")
    plain(axes, grid="x")
    classes = result.tables["classes"]
    labels = list[str]()
    for place, kind in enumerate((*KINDS, REST)):
        images, wrong = (int(classes[f"{kind}_{what}"].sum()) for what in ("images", "errors"))
        labels.append(f"{CALLED[kind]} ({images:,})")
        if not images:
            continue
        value, low, high = (np.array([100 * each]) for each in rate(wrong, images))
        interval_bars(axes, np.array([place]), value, low, high, colour=COLOURS[kind])
        said = f"{percent(wrong / images)} misclassified"
        place_spot(axes, (-np.inf, np.inf, place - 0.4, place + 0.4), set_spot(result, kind, CALLED[kind], more=said))
    axes.set_yticks(range(3), labels, color=INK)
    axes.set_ylim(2.5, -0.5)
    axes.set_xlim(left=0)
    axes.set_xlabel("misclassified, %")

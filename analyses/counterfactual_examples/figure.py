"""Images with their counterfactual and semifactual examples, and how many are flipped by how many swaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.core.result import Result
from workbench.core.wording import plural, probability
from workbench.plotting.colours import PREDICTED_COLOUR, TRUE_COLOUR
from workbench.plotting.hot_spots import of_no_images, spot_of
from workbench.plotting.pieces import INK, QUIET, SMALL, heading, new_figure, plain, say, text
from workbench.plotting.tiles import Tile, image_name, tiles, tiles_height

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CELL = 1.7
"""Width of a picture in inches."""
PANEL = 2.6
"""Height of the panel below in inches."""
COLUMNS = 5
LABELS = (
    "best cells",
    "best cells, each from its place",
    "random cells, each from its place",
    "random image, best cells",
)
COLOURS = (PREDICTED_COLOUR, INK, QUIET, TRUE_COLOUR)


def draw_examples(result: Result, question: str) -> Figure:
    """Draw a line for each image: itself, its cells, those that replace them, the other image, the one between."""
    if "pictures" not in result.arrays:
        return say(new_figure(result, question, height=2.0), "No image has a counterfactual example.")
    pictures = _pictures(result)
    several = len(result.tables["images"]) > 1
    upper = tiles_height(pictures, COLUMNS, CELL) + 0.1
    said = (
        f"Cells of the feature maps of {text(result.notes['layer'], 40)} are exchanged; in pictures, the part of the "
        "image at the same place is shown, and what a cell responds to reaches beyond it. Teal: true class. Orange: "
        "predicted class. Last column: an image between both that is still predicted as the first one."
    )
    figure = new_figure(
        result, question, width=COLUMNS * CELL + 0.3, height=upper + (PANEL if several else 0), note=said
    )
    if not several:
        tiles(figure.subplots(), pictures, columns=COLUMNS, cell=CELL)
        return figure
    above, below = figure.subfigures(2, 1, height_ratios=[upper, PANEL], squeeze=False)[:, 0]
    tiles(above.subplots(), pictures, columns=COLUMNS, cell=CELL)
    _flipped(below.subplots(), result)
    return figure


def _pictures(result: Result) -> list[Tile]:
    table = result.tables["images"].set_index("row")
    pictures = list[Tile]()
    for row, between, (image, cells, others, other, last) in zip(
        result.notes["shown"], result.notes["semifactuals"], result.arrays["pictures"], strict=True
    ):
        line = table.loc[row]
        spot, of_other = spot_of(result, row), spot_of(result, line["other_row"])
        wrong = not line["correct"]
        before, after = (f"{probability(line[f'probability_{when}'])}%" for when in ("before", "after"))
        class_colour = TRUE_COLOUR if wrong else INK
        flipped = np.isfinite(line["swaps"])
        count = plural(int(line["swaps"]), "cell") if flipped else f"all {plural(int(line['cells']), 'cell')}"
        pictures += [
            Tile(
                image,
                above=[
                    image_name(result, row),
                    (text(line["predicted"], 24), PREDICTED_COLOUR if wrong else TRUE_COLOUR),
                ],
                spot=spot,
            ),
            Tile(cells, above=[("exchanged:", QUIET), (count, INK)], spot=spot),
            Tile(
                others,
                above=[
                    ("for those of the next:", QUIET),
                    (f"{text(line['class'], 14)} {before} → {after}", class_colour),
                ],
                spot=of_other,
            ),
            Tile(
                other,
                above=[image_name(result, line["other_row"]), (text(line["class"], 24), class_colour)],
                spot=of_other,
            ),
            Tile(
                last,
                above=[
                    image_name(result, between) if between >= 0 else ("none in between", QUIET),
                    (f"even if: {text(line['predicted'], 18)}" if between >= 0 else "", INK),
                ],
                spot=spot_of(result, between) if between >= 0 else None,
                blank=between < 0,
            ),
        ]
    return pictures


def _flipped(axes: Axes, result: Result) -> None:
    """Draw the share of images that are flipped after 0, 1, … swaps, by each of the three ways."""
    table, cells = result.tables["images"], int(result.notes["cells"])
    steps = np.arange(cells + 1)
    for column, label, colour in zip(result.arrays["counts"].T, LABELS, COLOURS, strict=True):
        counts = column[~np.isnan(column)]
        if len(counts):
            share = 100 * (counts[None] <= steps[:, None]).mean(axis=1)
            axes.step(steps, share, where="post", color=colour, linewidth=1.8, label=label)
    axes.set(xlim=(0, cells), ylim=(0, 102), xlabel="swaps", ylabel="images flipped, %")
    axes.legend(frameon=False, fontsize=SMALL, labelcolor=INK, loc="lower right")
    heading(axes, f"Flipped after so many swaps ({plural(len(table), 'image')})")
    plain(axes, grid="y")
    of_no_images(axes)

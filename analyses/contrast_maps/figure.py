"""The figure of contrast maps: each image beside its maps, the sums of cells, and how the margin adds up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import number, probability
from workbench.plotting.colours import PREDICTED_COLOUR, TRUE_COLOUR, scale_of
from workbench.plotting.hot_spots import place_spot, spot_of
from workbench.plotting.pieces import (
    INK,
    QUIET,
    SMALL,
    colours_for,
    heading,
    new_figure,
    on_paper,
    plain,
    say,
    scale_bar,
    text,
)
from workbench.plotting.tiles import Tile, image_name, strips, tiles, tiles_height

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

UNITS = {"pixels": "logits per pixel", "layer": "logits per place", "cells": "logits per cell"}
CELL = 1.6
"""Width of a picture in inches."""
FOOT = 0.34
"""Room for the colour bars below, in rows of the figure."""


def draw_contrasts(result: Result, question: str) -> Figure:
    """Draw the images of a result, one a row."""
    if result.tables["errors"].empty:
        return say(new_figure(result, question, height=2.0), "There is no error to explain.")
    notes, arrays, count = result.notes, result.arrays, len(result.arrays["images"])
    table = result.tables["errors"].iloc[:count]
    scales = {name: scale_of(arrays[name], signed=True) for name in UNITS}
    lines = [
        [
            Tile(
                arrays["images"][n],
                above=_classes(row),
                below=[image_name(result, row["row"])],
                spot=spot_of(result, row["row"]),
            ),
            Tile(
                on_paper(arrays["pixels"][n], scales["pixels"], arrays["masks"][n]),
                above=[(notes["title"], INK), (notes["sizes"]["pixels"], QUIET)],
                framed=True,
                spot=spot_of(result, row["row"]),
            ),
            Tile(
                arrays["images"][n],
                above=[("HiResCAM", INK), (f"{notes['sizes']['layer']}, enlarged", QUIET)],
                overlay=arrays["layer"][n],
                signed=True,
                scale=scales["layer"],
                contrast=True,
                spot=spot_of(result, row["row"]),
            ),
        ]
        for n, (_, row) in enumerate(table.iterrows())
    ]
    tall = tiles_height(lines[0], 3, CELL)
    figure = new_figure(
        result,
        question,
        width=3 * CELL + tall + 5.4,
        height=tall * (count + FOOT) + 0.4,
        note="Explained: the logit of the true class minus that of the other, which is the predicted class of an "
        "error. Teal: evidence for the true class; orange: for the other. Maps in a column share one scale, and "
        f"so do all cells. HiResCAM at {text(notes['layer'], 60)}. Shaded: the object, the largest part that "
        "differs from a plain background.",
    )
    pictures, cells, bars = figure.subplots(1, 3, width_ratios=[3 * CELL, tall, 4.2])
    for strip, line in zip(strips(pictures, count), lines, strict=True):
        tiles(strip, line, columns=3, cell=CELL)
    whole = (-np.inf, np.inf, -np.inf, np.inf)
    for place, (strip, values) in enumerate(zip(strips(cells, count), arrays["cells"], strict=True)):
        _heat(strip, values, scales["cells"])
        spot = spot_of(result, table["row"].iloc[place])
        place_spot(strip, whole, spot)
        place_spot(bars, (-np.inf, np.inf, place - 0.48, place + 0.48), spot)
    _waterfall(bars, table, "reference" if notes["complete"] else "remainder")
    heading(pictures, "Where the margin comes from")
    heading(cells, "Sum per cell")
    for axes in (pictures, cells, bars):
        axes.set_ylim(count - 0.5 + FOOT, -0.5)
    foot = FOOT / (count + FOOT)
    for axes, name, left, width in (
        (pictures, "pixels", 0.345, 0.28),
        (pictures, "layer", 0.69, 0.28),
        (cells, "cells", 0.02, 0.8),
    ):
        colours = colours_for(signed=True, scale=scales[name], overlay=name == "layer", contrast=True)
        scale_bar(axes.inset_axes((left, 0.58 * foot, width, 0.2 * foot)), colours, UNITS[name])
    return figure


def _classes(row: pd.Series) -> list[tuple[str, str]]:
    second = f"→ {text(row['predicted'], 16)} {probability(row['confidence'])}%"
    if row["margin"] >= 0:
        second = f"not {text(row['against'], 16)}"
    return [(text(row["true"], 20), TRUE_COLOUR), (second, PREDICTED_COLOUR)]


def _heat(axes: Axes, values: Array, scale: float) -> None:
    """Draw the sums of an image's cells; those that matter as numbers too."""
    axes.imshow(on_paper(values, scale), interpolation="nearest")
    axes.set_axis_off()
    decimals = 1 if scale >= 1 else 2
    for (y, x), value in np.ndenumerate(values):
        if abs(value) >= 0.15 * scale >= 0.01:  # what is smaller would read 0.00
            colour = "white" if abs(value) > 0.6 * scale else INK
            said = number(value, decimals)
            axes.text(x, y, said, fontsize=SMALL, color=colour, ha="center", va="center")
    height, width = (side - 0.5 for side in values.shape)
    frame = [-0.5, width, width, -0.5, -0.5], [-0.5, -0.5, height, height, -0.5]
    axes.plot(*frame, color=QUIET, linewidth=0.5, clip_on=False)


def _waterfall(axes: Axes, table: pd.DataFrame, rest: str) -> None:
    """Draw for each image what reference, object and background give, and the margin that they add up to."""
    values = np.nan_to_num(table[["on_object", "on_background", "left_over", "margin"]].to_numpy())
    low, high = min(float(values.min()), -1e-6), max(float(values.max()), 1e-6)
    for n, (_, row) in enumerate(table.iterrows()):
        seen = not np.isnan(row["on_background"])
        parts = [
            (rest, row["left_over"]),
            ("object" if seen else "all pixels", row["on_object"]),
            ("background", row["on_background"]),
            ("= margin", row["margin"]),
        ]
        for at, (name, value) in zip(n + np.array([-0.27, -0.09, 0.09, 0.27]), parts, strict=True):
            bold = "bold" if name == "= margin" else "normal"
            axes.text(
                -0.02,
                at,
                name,
                fontsize=SMALL,
                color=INK,
                ha="right",
                va="center",
                fontweight=bold,
                transform=axes.get_yaxis_transform(),
            )
            if np.isnan(value):
                axes.text(0.01 * (high - low), at, "no plain background", fontsize=SMALL, color=QUIET, va="center")
                continue
            axes.barh(at, value, height=0.14, color=TRUE_COLOUR if value > 0 else PREDICTED_COLOUR, linewidth=0)
            away = (0.02 if value >= 0 else -0.02) * (high - low)
            axes.text(
                value + away,
                at,
                number(value),
                fontsize=SMALL,
                color=INK,
                va="center",
                fontweight=bold,
                ha="left" if value >= 0 else "right",
            )
    heading(axes, "Parts of the margin, logits")
    plain(axes, grid="x")
    axes.set_yticks([])
    axes.axvline(0, color=QUIET, linewidth=0.8)
    axes.set_xlim(low - 0.2 * (high - low), high + 0.2 * (high - low))

"""The figure of a layer story: the probes' accuracy, prediction depths, and the probes of single images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.result import Result
from workbench.data.thumbnails import as_rgb
from workbench.plotting.colours import PREDICTED_COLOUR, TRUE_COLOUR
from workbench.plotting.hot_spots import of_no_images, place_spot, spot_of
from workbench.plotting.pieces import FAINT, INK, QUIET, SMALL, heading, new_figure, plain, text
from workbench.plotting.tiles import fitted
from workbench.session.spots import set_spot

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 12.3
ROW = 0.5
"""Height of the line of an image, in inches."""
TITLES = {
    "right, early": "correct, decided early",
    "right, late": "correct, decided late",
    "wrong, early": "wrong, decided early",
    "wrong, late": "wrong, decided late",
}


def draw_layer_story(result: Result, question: str) -> Figure:
    """Draw the probes' accuracy, the depths, the leading pair, and the probes of single images."""
    notes, layers = result.notes, result.tables["layers"]
    stories = len(result.arrays["rows"])
    groups = sum(1 for each in notes["shown"].values() if each)
    tall = [2.9, ROW * (stories + 0.55 * groups) + 0.6]
    whose = "other evaluated images" if notes["own"] else "training images"
    caption = (
        f"Each probe: vote of the {notes['k']} nearest of {notes['learned']:,} {whose}, by the output of the layer; "
        "pixels and feature maps are averaged to at most 1,024 values. Prediction depth: the first place from "
        "which on all probes agree with the network. Lines: 95 % Wilson intervals. Below, the class that each "
        "probe predicts: teal the true class, orange the wrongly predicted one, grey any other."
    )
    figure = new_figure(result, question, width=WIDTH, height=sum(tall), note=caption)
    above, below = figure.subfigures(2, 1, height_ratios=tall, squeeze=False)[:, 0]
    left, middle, right = above.subplots(1, 3)
    _accuracy(left, layers, ("accuracy", "low", "high"), INK)
    heading(left, "Accuracy of the probe after each layer")
    of_no_images(left, right)
    _depths(middle, result, layers)
    _pair(right, layers, notes)
    _board(below.subplots(), result)
    return figure


def _places(axes: Axes, layers: pd.DataFrame) -> None:
    names = [text(name.rpartition("/")[2], 16) for name in layers["layer"]]
    axes.set_xticks(range(len(names)), names, rotation=35, ha="right", fontsize=SMALL + 0.5)


def _accuracy(axes: Axes, layers: pd.DataFrame, columns: tuple[str, str, str], colour: str) -> None:
    known = layers[layers[columns[0]].notna()]
    value, low, high = (100 * known[name].to_numpy(np.float64) for name in columns)
    reach = np.clip([value - low, high - value], 0, None)
    axes.errorbar(
        known["place"], value, yerr=reach, color=colour, marker="o", markersize=4, linewidth=1.5, elinewidth=1
    )
    _places(axes, layers)
    axes.set_xlim(-0.4, len(layers) - 0.6)
    axes.set_ylim(max(0.0, float(np.floor(low.min() / 10) * 10) - 5) if len(low) else 0, 101)
    axes.set_ylabel("accuracy, %")
    plain(axes, grid="y")


def _depths(axes: Axes, result: Result, layers: pd.DataFrame) -> None:
    depths = result.tables["depths"]
    for shift, (kind, colour) in zip((-0.2, 0.2), (("right", TRUE_COLOUR), ("wrong", PREDICTED_COLOUR)), strict=True):
        own = depths[depths["prediction"] == kind]
        count = int(own["images"].sum())
        if not count:
            continue
        label = f"{'correct predictions' if kind == 'right' else 'errors'} ({count:,})"
        share = own["share"].to_numpy()
        axes.bar(own["place"] + shift, 100 * share, width=0.38, color=colour, alpha=0.9, label=label)
        for place, layer in zip(own["place"], own["layer"], strict=True):
            what = f"{'correct' if kind == 'right' else 'errors'}, decided at {layer}"
            spot = set_spot(result, f"{kind} {place}", what, of=count)
            place_spot(axes, (place + shift - 0.19, place + shift + 0.19, -np.inf, np.inf), spot)
        reach = 100 * np.clip([share - own["low"], own["high"] - share], 0, None)
        axes.errorbar(own["place"] + shift, 100 * share, yerr=reach, fmt="none", ecolor=INK, elinewidth=0.8)
    _places(axes, layers)
    axes.set_ylabel("share of each, %")
    axes.set_ylim(0, 1.22 * axes.get_ylim()[1])
    axes.legend(frameon=False, fontsize=SMALL + 0.5, loc="upper center", ncols=2, handlelength=1)
    plain(axes, grid="y")
    heading(axes, "Prediction depth")


def _pair(axes: Axes, layers: pd.DataFrame, notes: Mapping[str, Any]) -> None:
    if notes["pair"] is None:
        axes.set_axis_off()
        axes.text(
            0.5,
            0.5,
            "No confused pair of classes\nhas enough images.",
            ha="center",
            va="center",
            color=QUIET,
            fontsize=SMALL + 1.5,
            transform=axes.transAxes,
        )
        return
    _accuracy(axes, layers[:-1], ("pair_accuracy", "pair_low", "pair_high"), PREDICTED_COLOUR)
    axes.axhline(50, color=QUIET, linewidth=1, linestyle=":")
    one, other = (text(notes["classes"][c], 16) for c in notes["pair"])
    heading(axes, f"Linear classifier: {one} / {other}")


def _board(axes: Axes, result: Result) -> None:
    """Draw a line for each image: the picture, and the class that every probe predicts."""
    notes, arrays = result.notes, result.arrays
    names, places = notes["classes"], [*notes["places"], notes["final"]]
    first = 1.9
    columns = len(places)
    wide = (WIDTH - 1.0) / (columns + first)  # inches of a place
    limit = max(5, int(9.3 * wide / 0.85))
    for p, place in enumerate(places):
        axes.text(
            first + p + 0.46,
            -0.12,
            text(place.rpartition("/")[2], limit),
            ha="center",
            va="bottom",
            fontsize=SMALL,
            color=QUIET,
        )
    top, number = 0.0, 0
    for kind, picked in notes["shown"].items():
        if not picked:
            continue
        axes.text(0, top + 0.3, TITLES[kind], fontsize=SMALL + 0.5, fontweight="bold", color=INK, va="center")
        top += 0.55
        for _ in picked:
            label, predicted = (int(arrays[name][number]) for name in ("labels", "predicted"))
            name = fitted(result.image_name(arrays["rows"][number]), 0.95 * wide)
            axes.text(0.9, top + 0.3, name, fontsize=SMALL, color=QUIET, va="center")
            axes.text(0.9, top + 0.66, text(names[label], 12), fontsize=SMALL, color=TRUE_COLOUR, va="center")
            for p, each in enumerate((*arrays["said"][:, number], predicted)):
                colour = TRUE_COLOUR if each == label else PREDICTED_COLOUR if each == predicted else QUIET
                turned = p >= arrays["depth"][number]
                left, low = first + p, top + 0.08
                box = [left, left + 0.94, left + 0.94, left], [low, low, low + 0.84, low + 0.84]
                axes.fill(*box, color=colour if turned else FAINT, alpha=0.9 if turned else 0.6, linewidth=0)
                axes.text(
                    first + p + 0.47,
                    top + 0.5,
                    text(names[int(each)], limit),
                    ha="center",
                    va="center",
                    fontsize=SMALL,
                    color="white" if turned else colour,
                )
            number += 1
            top += 1
    end = first + columns
    axes.set_xlim(0, end)
    axes.set_ylim(max(top, 1), -0.5)
    axes.set_axis_off()
    number, top = 0, 0.0
    for picked in notes["shown"].values():
        top += 0.55 if picked else 0
        for _ in picked:
            inset = axes.inset_axes((0.02, top + 0.05, 0.8, 0.9), transform=axes.transData)
            inset.imshow(as_rgb(arrays["images"][number]), interpolation="nearest")
            inset.set_axis_off()
            spot = spot_of(result, arrays["rows"][number])
            place_spot(inset, (-np.inf, np.inf, -np.inf, np.inf), spot)
            place_spot(axes, (first, end, top, top + 1), spot)
            number += 1
            top += 1
    heading(
        axes,
        "Probes of single images (filled: from here on the network's prediction)" if number else "No images to show",
    )

"""The figure of how well a model does on its training images and on new ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.core.result import Result
from workbench.core.wording import percent
from workbench.plotting.hot_spots import of_no_images, place_bars
from workbench.plotting.pieces import INK, SMALL, class_ticks, heading, interval_bars, new_figure, plain
from workbench.session.spots import set_spot

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FITTED = "#64748b"
NEW = "#2563eb"
LINEAR = "#b08d57"


def draw_generalisation(result: Result, question: str) -> Figure:
    """Draw the accuracies, the distribution of the losses, and the learning curves where there are any."""
    curves = result.tables["epochs"]
    drawable = "accuracy" in curves or "val_accuracy" in curves
    figure = new_figure(
        result,
        question,
        width=12.3,
        height=3.4,
        note="Lines: 95 % Wilson intervals. Linear classifier: a linear discriminant analysis of the pixels; held out: "
        "training images that it was not fitted to.",
    )
    panels = np.atleast_1d(figure.subplots(1, 3 if drawable else 2))
    _bars(panels[0], result)
    _losses(panels[1], result)
    if drawable:
        _history(panels[2], curves)
    return figure


def _bars(axes: Axes, result: Result) -> None:
    """Draw the accuracies of the model above those of the linear classifier."""
    table = result.tables["parts"]
    names = {"fitted": "images it was trained on", "validation": "validation images", "studied": "evaluated images"}
    labels = [
        names[part] if who == "model" else f"linear, {names.get(part, part)}"
        for who, part in zip(table["who"], table["part"], strict=True)
    ]
    colours = [
        LINEAR if who == "linear classifier" else FITTED if part == "fitted" else NEW
        for who, part in zip(table["who"], table["part"], strict=True)
    ]
    for place, (_, row) in enumerate(table.iterrows()):
        values = (np.array([100 * row[name]]) for name in ("accuracy", "low", "high"))
        interval_bars(axes, np.array([place]), *values, colour=colours[place], height=0.62)
        axes.text(
            1.5,
            place,
            f"{percent(row['accuracy'])} of {int(row['images']):,}",
            fontsize=SMALL,
            color="white" if row["accuracy"] > 0.4 else INK,
            va="center",
        )
        spot = set_spot(
            result, f"bar {place}", labels[place], more=f"{int(row['images'] - row['right']):,} wrong, first"
        )
        place_bars(axes, np.array([place]), [spot], 0.9)
    class_ticks(axes, labels, limit=26)
    axes.set_xlim(0, 100)
    axes.set_xlabel("accuracy, %")
    heading(axes, "Accuracy")
    plain(axes, grid="x")


def _losses(axes: Axes, result: Result) -> None:
    """Draw which share of the images has a loss above each value."""
    for name, colour, style, label in (
        ("fitted", FITTED, "-", "trained on"),
        ("validation", NEW, "--", "validation"),
        ("studied", NEW, "-", "evaluated"),
    ):
        if (losses := result.arrays.get(f"loss_{name}")) is not None:
            share = 100 * (1 - (np.arange(len(losses)) + 0.5) / len(losses))
            axes.plot(np.maximum(losses, 1e-5), share, color=colour, linestyle=style, linewidth=1.6, label=label)
    axes.set_xscale("log")
    axes.axvline(np.log(2), color=INK, linewidth=1, linestyle=":")
    axes.text(np.log(2), 93, " p = ½", fontsize=SMALL, color=INK, va="center", ha="left")
    axes.set_ylim(0, 100)
    axes.set_xlabel("loss of an image, nats")
    axes.set_ylabel("images with a larger loss, %")
    axes.legend(frameon=False, fontsize=SMALL + 0.5, loc="lower left")
    heading(axes, "Confidence in the true class")
    plain(axes, grid="both")


def _history(axes: Axes, curves: pd.DataFrame) -> None:
    of_no_images(axes)
    for name, label, colour in (("accuracy", "training", FITTED), ("val_accuracy", "validation", NEW)):
        if name in curves:
            axes.plot(
                curves["epoch"],
                100 * curves[name],
                color=colour,
                linewidth=1.8,
                marker="o",
                markersize=3.5,
                label=label,
            )
    axes.legend(frameon=False, fontsize=SMALL + 0.5)
    axes.set_xlabel("epoch")
    axes.locator_params(axis="x", integer=True)
    heading(axes, "Accuracy over the epochs, %")
    plain(axes, grid="both")

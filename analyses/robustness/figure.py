"""The figure of a trial on corrupted images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.core.result import Result
from workbench.core.wording import percent
from workbench.plotting.colours import PREDICTED_COLOUR, TRUE_COLOUR
from workbench.plotting.hot_spots import place_bars, place_cells, place_spot, spot_of
from workbench.plotting.pieces import (
    FAINT,
    INK,
    QUIET,
    SMALL,
    class_ticks,
    heading,
    interval_bars,
    new_figure,
    plain,
    table_map,
    text,
)
from workbench.plotting.tiles import Tile, image_name, tiles, tiles_height
from workbench.session.spots import set_spot, term

from .tables import lost_set, maps_set

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

WIDTH = 12.3
"""Inches."""
ACROSS = 6
"""Curves in a row."""
CELL = 0.95
"""Width of an image in inches."""
MOST_CLASSES = 20
"""Classes to draw, at most; those that lose most."""


def draw_trial(result: Result, question: str) -> Figure:
    """Draw a curve for each family, the loss by class, the maps' stability, and images that flip."""
    families, notes = result.tables["families"], result.notes
    classes = _by_class(result)
    pictures = _pictures(result)
    per_row = min(int(WIDTH / CELL) // 2 * 2, max(len(pictures), 2))
    lines = -(-len(families) // ACROSS)
    tall = [1.75 * lines + 0.2, 1.5 + 0.25 * max(len(classes), 0.8 * len(families))]
    tall.append(tiles_height(pictures, per_row, CELL) + 0.45 if pictures else 0.5)
    said = (
        "Curves: accuracy by severity with 95 % Wilson interval; grey: each class; dashed: a linear classifier on the "
        f"pixels, if training images are available. Costliest family first. Severity {notes['middle']} of 5 in the "
        "lower panels. Pairs of images: before and after the smallest change that flips a correct prediction. "
        "Maps: of images that stay correct, aligned where the image was moved; (number of images)."
    )
    figure = new_figure(result, question, width=WIDTH, height=sum(tall), note=said)
    above, middle, below = figure.subfigures(3, 1, height_ratios=tall, squeeze=False)[:, 0]
    _curves(above, result, lines)
    left, right = middle.subplots(1, 2, width_ratios=[1.9, 1.0])
    _heat(left, classes, result)
    _maps(right, families, result)
    axes = below.subplots()
    heading(
        axes,
        "Smallest change of each family that flips a correct prediction: before, after"
        if pictures
        else "No change flips a correct prediction",
    )
    tiles(axes, pictures, columns=per_row, cell=CELL)
    return figure


def _curves(figure: SubFigure, result: Result, lines: int) -> None:
    curves, classes = result.tables["curves"], result.tables["classes"]
    grid = figure.subplots(lines, ACROSS, sharex=True, sharey=True, squeeze=False)
    places = [0, *result.notes["severities"]]
    for axes in grid.ravel()[len(result.notes["order"]) :]:
        axes.set_axis_off()
    for number, (axes, title) in enumerate(zip(grid.ravel(), result.tables["families"]["family"], strict=False)):
        own = curves[curves["family"] == title]
        for _, each in classes[classes["family"] == title].groupby("number"):
            axes.plot(each["severity"], 100 * each["accuracy"], color=QUIET, linewidth=0.5, alpha=0.45)
        axes.fill_between(
            own["severity"], 100 * own["low"], 100 * own["high"], color=TRUE_COLOUR, alpha=0.25, linewidth=0
        )
        axes.plot(own["severity"], 100 * own["accuracy"], color=TRUE_COLOUR, linewidth=2)
        _place_lost(axes, result, result.tables["families"]["name"][number], own)
        if own["reference_accuracy"].notna().any():
            axes.plot(own["severity"], 100 * own["reference_accuracy"], color=INK, linewidth=1, linestyle="--")
        heading(axes, title)
        plain(axes, grid="y")
        axes.set(ylim=(0, 101), xticks=places)
        last = number >= len(result.notes["order"]) - ACROSS
        axes.tick_params(labelbottom=last)
        if last:
            axes.set_xlabel("severity")
        if number % ACROSS == 0:
            axes.set_ylabel("accuracy, %")


def _place_lost(axes: Axes, result: Result, family: str, own: pd.DataFrame) -> None:
    """Say which images each severity costs, at its place of the curve."""
    for line in own[own["severity"] > 0].to_dict("records"):
        what = f"correct before {text(line['family'].lower(), 40)}, severity {line['severity']} ({line['change']})"
        more = f"accuracy {percent(line['accuracy'])}"
        spot = set_spot(result, lost_set(family, line["severity"]), f"lost, {what}", of=int(line["images"]), more=more)
        place_spot(axes, (line["severity"] - 0.5, line["severity"] + 0.5, -np.inf, np.inf), spot)


def _place_lost_of_classes(axes: Axes, result: Result, loss: pd.DataFrame) -> None:
    """Say which images of a class each corruption costs, at its cell."""
    middle, table = result.notes["middle"], result.tables["classes"]
    families = dict(zip(result.tables["families"]["family"], result.tables["families"]["name"], strict=True))
    own = table[table["severity"] == middle].set_index(["number", "family"])
    known = result.tables["images"].set_index("row")["true"]
    spots = {}
    for row, number in enumerate(loss.index):
        for column, family in enumerate(loss.columns):
            name, line = lost_set(families[family], middle), own.loc[(number, family)]
            count = int((known.loc[result.sets[name].rows] == line["class"]).sum())
            spots[row, column] = set_spot(
                result,
                name,
                f"{line['class']}, lost to {family.lower()} at severity {middle}",
                query=term("label", line["class"]),
                count=count,
                of=int(line["images"]),
            )
    place_cells(axes, spots)


def _by_class(result: Result) -> pd.DataFrame:
    """Accuracy lost by class and family at the middle severity, `(classes, families)`, in points."""
    table = result.tables["classes"]
    own = table[table["severity"] == result.notes["middle"]]
    loss = 100 * own.pivot_table(index="number", columns="family", values="drop", aggfunc="first")
    loss = loss[result.tables["families"]["family"].tolist()]
    most = loss.mean(axis=1).sort_values(ascending=False, kind="stable").index[:MOST_CLASSES]
    return loss.loc[sorted(most)]


def _heat(axes: Axes, loss: pd.DataFrame, result: Result) -> None:
    names = result.tables["classes"].drop_duplicates("number").set_index("number")["class"]
    values = loss.to_numpy()
    few = values.size <= 260
    table_map(
        axes,
        np.clip(values, 0, None),
        end=max(float(values.max()), 10.0),
        unit="accuracy lost, points",
        annot=values.round() + 0.0 if few else False,
        fmt=".0f",
        annot_kws={"fontsize": SMALL},
        linewidths=0.5,
    )
    _place_lost_of_classes(axes, result, loss)
    axes.set(xlabel="", ylabel="")
    axes.set_yticks(
        np.arange(len(loss)) + 0.5, [text(names[c], 20) for c in loss.index], rotation=0, fontsize=SMALL + 1
    )
    axes.set_xticks(np.arange(loss.shape[1]) + 0.5, list(loss.columns), rotation=35, ha="right", fontsize=SMALL + 1)
    axes.tick_params(length=0)
    of, shown = len(names), len(loss)
    which = f", the {shown} of {of} classes with the largest loss" if shown < of else ""
    heading(axes, f"Accuracy lost by class at severity {result.notes['middle']}{which}")


def _maps(axes: Axes, families: pd.DataFrame, result: Result) -> None:
    notes = result.notes
    values = [families[f"map_stability{end}"].to_numpy(np.float64) for end in ("", "_low", "_high")]
    low, high = (np.where(np.isnan(each), values[0], each) for each in values[1:])
    interval_bars(axes, np.arange(len(families)), values[0], low, high, colour=PREDICTED_COLOUR, height=0.6)
    class_ticks(
        axes,
        [f"{family} ({count})" for family, count in zip(families["family"], families["maps_compared"], strict=True)],
    )
    compared = [
        set_spot(result, maps_set(row["name"]), f"maps compared under {row['family'].lower()}")
        for row in families.to_dict("records")
    ]
    place_bars(axes, np.arange(len(families)), compared, 0.9)
    chance = notes["chance"]
    if chance is not None:
        axes.axvline(chance, color=INK, linewidth=1, linestyle=":")
    if np.isnan(values[0]).all():
        axes.text(0.5, len(families) / 2 - 0.5, "no map to compare", ha="center", color=QUIET, fontsize=SMALL + 1)
    axes.set_xlim(min(0.0, float(np.nanmin([*low, 0.0]))), 1)
    axes.set_xlabel("rank correlation with the clean image" + ("; dotted: two images" if chance is not None else ""))
    heading(axes, f"Stability of the {notes['title']} maps")
    plain(axes, grid="x")
    axes.axvline(0, color=FAINT, linewidth=0.8)


def _pictures(result: Result) -> list[Tile]:
    """Pairs of tiles: the clean and the corrupted image."""
    found = []
    for (before, after), flip in zip(result.arrays["pairs"], result.notes["shown"], strict=True):
        above = [(flip["family"], INK), (f"severity {flip['severity']}", QUIET)]
        spot = spot_of(result, flip["row"])
        first = [(text(flip["true"], 13), TRUE_COLOUR), image_name(result, flip["row"])]
        found.append(Tile(before, above=above, below=first, spot=spot))
        second = [(text(flip["to"], 13), PREDICTED_COLOUR), ("", QUIET)]
        found.append(Tile(after, above=[("", INK), ("", QUIET)], below=second, spot=spot))
    return found

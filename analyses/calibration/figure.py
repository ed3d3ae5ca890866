"""The figure of a model's calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.core.result import Result
from workbench.core.wording import bare_percent, percent, probability
from workbench.plotting.colours import PREDICTED_COLOUR, TRUE_COLOUR
from workbench.plotting.hot_spots import Spot, of_no_images, place_bars, place_points, place_spot, spot_of
from workbench.plotting.pieces import FAINT, INK, QUIET, SMALL, heading, new_figure, plain, text
from workbench.plotting.tiles import Tile, tiles, tiles_height
from workbench.session.spots import between, images_spot, predicted_spot, set_spot

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CALIBRATED = "#2563eb"
RISK = "#b91c1c"
WIDTH = 12.3
MOST_CLASSES = 14


def draw_calibration(result: Result, question: str) -> Figure:
    """Draw reliability, the classes and pairs, the risk-coverage curve, and the most confident errors."""
    images = result.arrays["images"]
    shown = result.tables["errors"].iloc[: len(images)]
    pictures = _pictures(result, images, shown)
    columns = max(len(pictures), 10)
    cell = (WIDTH - 0.6) / columns
    strip = tiles_height(pictures, columns, cell) + 0.25 if pictures else 0.3
    rows = min(len(result.tables["classes"]), MOST_CLASSES) + len(result.tables["pairs"])
    upper = max(3.9, 0.5 + 0.2 * rows)
    figure = new_figure(
        result,
        question,
        width=WIDTH,
        height=upper + strip + 0.6,
        note="Lines: 95 % Wilson intervals. Dotted: confidence equals accuracy. Classes: the predicted ones"
        f"{_left_out(result)}. Pairs: images whose two largest scores are these classes.",
    )
    axes = figure.subplot_mosaic(
        [["diagram", "groups", "risk"], ["histogram", "groups", "risk"], ["errors", "errors", "errors"]],
        height_ratios=[0.78 * upper, 0.22 * upper, strip],
        width_ratios=[3.6, 4.2, 3.6],
    )
    _diagram(axes["diagram"], result)
    _histogram(axes["histogram"], result)
    _groups(axes["groups"], result)
    _risk(axes["risk"], result)
    heading(axes["errors"], "The most confident errors after calibration" if pictures else "No errors")
    tiles(axes["errors"], pictures, columns=columns, cell=cell)
    return figure


def _left_out(result: Result) -> str:
    classes = result.tables["classes"]
    known = int((classes["images"] > 0).sum())
    if known <= MOST_CLASSES:
        return ""
    return f", the {MOST_CLASSES} of {known:,} whose confidence is the farthest off (all are in the table)"


def _pictures(result: Result, images: np.ndarray, shown: pd.DataFrame) -> list[Tile]:
    return [
        Tile(
            image,
            above=[(text(row["true"], 13), TRUE_COLOUR), (text(row["predicted"], 13), PREDICTED_COLOUR)],
            below=[(f"{probability(row['calibrated'], 1)} %", INK)],
            framed=True,
            spot=spot_of(result, row["row"]),
        )
        for image, (_, row) in zip(images, shown.iterrows(), strict=True)
    ]


def _diagram(axes: Axes, result: Result) -> None:
    bins, temperature = result.tables["bins"], result.notes["temperature"]
    axes.plot([0, 100], [0, 100], color=INK, linewidth=1, linestyle=":")
    styles = [("as it is", QUIET, "o", "uncalibrated")]
    if temperature is not None:
        styles.append(("calibrated", CALIBRATED, "s", f"logits divided by {temperature:.2f}"))
    for which, colour, marker, label in styles:
        part = bins[(bins["predictions"] == which) & (bins["equal"] == "width") & (bins["images"] > 0)]
        value, low, high = (100 * part[name].to_numpy() for name in ("accuracy", "low", "high"))
        spots = _of_bins(result, part) if which == "as it is" else _of_calibrated(result, part)
        place_points(axes, zip(100 * part["confidence"], value, strict=True), spots)
        reach = np.stack([np.clip(value - low, 0, None), np.clip(high - value, 0, None)])
        axes.errorbar(
            100 * part["confidence"],
            value,
            yerr=reach,
            color=colour,
            marker=marker,
            markersize=4,
            linewidth=1.3,
            elinewidth=0.8,
            label=label,
        )
    axes.set_xlim(0, 101)
    axes.set_ylim(0, 101)
    axes.set_ylabel("accuracy, %")
    axes.tick_params(labelbottom=False)
    axes.legend(frameon=False, fontsize=SMALL + 0.5, loc="upper left")
    heading(axes, "Reliability")
    plain(axes, grid="both")


def _of_bins(result: Result, some: pd.DataFrame) -> list[Spot | None]:
    """Return the spots of some bins of the model's own confidence; a bin holds its upper end."""
    ends, of = result.notes["edges"], int(result.context["images"])
    return [
        images_spot(
            _bin_name(row["bin"], len(ends) - 1),
            int(row["images"]),
            between("confidence", ends[row["bin"]] if row["bin"] else None, ends[row["bin"] + 1]),
            of=of,
            more=f"accuracy {percent(row['accuracy'])}",
        )
        for row in some.to_dict("records")
    ]


def _of_calibrated(result: Result, some: pd.DataFrame) -> list[Spot | None]:
    """Return the spots of some bins of the calibrated confidence, by which no query asks."""
    bins, of = len(result.notes["edges"]) - 1, int(result.context["images"])
    return [
        set_spot(
            result,
            f"calibrated {row['bin']}",
            f"calibrated {_bin_name(row['bin'], bins)}",
            of=of,
            more=f"accuracy {percent(row['accuracy'])}",
        )
        for row in some.to_dict("records")
    ]


def _bin_name(number: int, bins: int) -> str:
    return f"confidence {bare_percent(number / bins)}–{percent((number + 1) / bins, 0)}"


def _histogram(axes: Axes, result: Result) -> None:
    bins = result.tables["bins"]
    part = bins[(bins["predictions"] == "as it is") & (bins["equal"] == "width")]
    width = 100 / len(part)
    share = 100 * part["images"].to_numpy() / part["images"].sum()
    for number, spot in zip(part["bin"], _of_bins(result, part), strict=True):
        place_spot(axes, (width * number, width * (number + 1), -np.inf, np.inf), spot)
    axes.bar(width * (part["bin"] + 0.5), share, width=0.9 * width, color=QUIET, linewidth=0)
    axes.set_xlim(0, 101)
    axes.set_xlabel("confidence, %")
    axes.set_ylabel("images, %")
    plain(axes, grid="y")


def _groups(axes: Axes, result: Result) -> None:
    """Draw the confidence of each class and pair beside its accuracy, most over-confident first."""
    classes, pairs = result.tables["classes"], result.tables["pairs"]
    some = classes[classes["images"] > 0]
    order = some["gap"].abs().to_numpy().argsort(kind="stable")[::-1][:MOST_CLASSES]
    some = some.iloc[order].sort_values("gap", ascending=False, kind="stable")
    labels = [text(name, 22) for name in some["predicted"]]
    labels += [f"{text(one, 13)} ↔ {text(other, 13)}" for one, other in zip(pairs["one"], pairs["other"], strict=True)]
    columns = ["confidence", "accuracy", "low", "high"]
    values = 100 * np.concatenate([some[columns].to_numpy(), pairs[columns].to_numpy()])
    places = np.arange(len(values)) + 0.6 * (np.arange(len(values)) >= len(some))
    confidence, accuracy, low, high = values.T
    over = confidence > accuracy
    for chosen, colour in ((over, RISK), (~over, CALIBRATED)):
        axes.hlines(places[chosen], accuracy[chosen], confidence[chosen], color=colour, linewidth=4, alpha=0.3)
    reach = np.stack([np.clip(accuracy - low, 0, None), np.clip(high - accuracy, 0, None)])
    axes.errorbar(accuracy, places, xerr=reach, fmt="o", color=INK, markersize=4, elinewidth=0.9, label="accuracy")
    axes.plot(confidence, places, "D", markerfacecolor="white", markeredgecolor=QUIET, markersize=5, label="confidence")
    axes.set_yticks(places, labels)
    axes.set_ylim(places[-1] + 0.6, -0.6)
    axes.set_xlabel("mean confidence and accuracy, %")
    axes.margins(x=0.06)
    spots = [
        predicted_spot(
            row["predicted"],
            int(row["images"]),
            more=f"mean confidence {percent(row['confidence'])}, accuracy {percent(row['accuracy'])}",
        )
        for _, row in some.iterrows()
    ]
    spots += [
        set_spot(
            result,
            f"pair {number}",
            f"{row['one']} ↔ {row['other']}",
            more=f"mean confidence {percent(row['confidence'])}, accuracy {percent(row['accuracy'])}",
        )
        for number, row in enumerate(pairs.to_dict("records"))
    ]
    place_bars(axes, places, spots, 0.9)
    if len(pairs):
        axes.axhline(len(some) - 0.2, color=FAINT, linewidth=1)
    axes.legend(frameon=False, fontsize=SMALL, ncols=2, loc="lower right", bbox_to_anchor=(1.02, 0.99))
    heading(axes, "By class and pair")
    plain(axes, grid="x")


def _risk(axes: Axes, result: Result) -> None:
    of_no_images(axes)
    curve, target = result.tables["coverage"], result.notes["error_rate"]
    coverage = 100 * curve["coverage"].to_numpy()
    axes.fill_between(coverage, 100 * curve["low"], 100 * curve["high"], color=RISK, alpha=0.15, linewidth=0)
    axes.plot(coverage, 100 * curve["risk"], color=RISK, linewidth=1.6)
    axes.axhline(100 * target, color=INK, linewidth=1, linestyle=":")
    end = 100 * min(max(3 * target, 1.5 * curve["risk"].max(), 0.02), 1.0)
    fits = np.flatnonzero(curve["risk"] <= target)
    label = f"target: {percent(target)}"
    if len(fits):
        last = int(fits[-1])
        axes.plot(coverage[last], 100 * curve["risk"][last], "o", color=INK, markersize=5)
        label += f"\nup to {coverage[last]:.0f} % of the images"
    axes.text(2, 100 * target + 0.03 * end, label, fontsize=SMALL, color=INK, va="bottom")
    axes.set_xlim(0, 101)
    axes.set_ylim(0, end)
    axes.set_xlabel("coverage, %, most confident first")
    axes.set_ylabel("error rate among these, %")
    heading(axes, "Risk and coverage")
    plain(axes, grid="both")

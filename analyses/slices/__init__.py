"""Groups of images on which the model is worse than expected."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from workbench.core.estimate import Estimate
from workbench.core.finding import Finding, Kind, Severity
from workbench.core.image_set import ImageSet
from workbench.core.params import Params, Seed
from workbench.core.predictions import Predictions
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import percent, plural, verb
from workbench.data.properties import image_properties, unlike
from workbench.data.sampling import worst_first
from workbench.data.thumbnails import thumbnails_of
from workbench.plotting.colours import PREDICTED_COLOUR, TRUE_COLOUR
from workbench.plotting.hot_spots import Spot, place_bars, spot_of
from workbench.plotting.pieces import INK, QUIET, SMALL, heading, new_figure, plain, say, text
from workbench.plotting.tiles import Tile, strips, tiles, tiles_height
from workbench.session.analysis import Analysis
from workbench.session.spots import set_spot
from workbench.statistics.described import describe
from workbench.statistics.error_tree import error_tree
from workbench.statistics.rates import rate
from workbench.statistics.significance import discoveries
from workbench.statistics.slicing import halves

from .search import search
from .worse_than_expected import SCARCE, Slice, distinct_slices

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from workbench.session.session import Session

FEW = 40
"""Fewest images that can be split in half to find and to confirm groups."""
CELL = 0.78
"""Width of a picture in inches."""
MOST_FAULTS = 5
"""Serious findings, at most."""
MOST_MILD = 3
"""Mild findings, at most."""
NOTABLE = 0.05
"""A group that surely costs less accuracy than this is in the table only."""


class SlicesParams(Params):
    """How much to search and show."""

    learned: int = Field(20_000, ge=100, le=200_000, description="training images in which to count the same groups")
    pictures: int = Field(9, ge=2, le=12, description="images of each group to show, errors first")
    shown: int = Field(6, ge=1, le=20, description="groups to draw, faults first")
    seed: Seed = Field(0, description="seed for the split into halves and for clustering")


class Slices(Analysis[SlicesParams]):
    """On which groups of images is the model worse than expected?"""

    group = "Errors"
    title = "Weak groups of images"
    Params = SlicesParams
    needs_images = True
    needs_model: ClassVar[bool] = True
    kinds: ClassVar[tuple[Kind, ...]] = ("underperforming-slice",)
    quick: ClassVar[Mapping[str, Any]] = MappingProxyType({"learned": 8000})

    def compute(self, session: Session, params: SlicesParams) -> Result:
        """Find groups on some images and measure them on others, and vice versa."""
        predictions, names, data = session.predictions, session.class_names, session.dataset
        properties = image_properties(data.images)
        parts = halves(predictions.labels, params.seed)
        if len(data) < FEW:
            few = (
                f"Too few images to find groups on one half and confirm them on the other: at least {FEW} are needed, "
                f"got {len(data)}."
            )
            return Result({"slices": _table([], [])}, arrays={}, findings=(Finding(few),))
        tried, slices = search(session, params.learned, params.seed, properties, parts)
        significant = discoveries(np.array([each.chance for each in slices]))
        kept = distinct_slices([each for each, holds in zip(slices, significant, strict=True) if holds], predictions)
        words = [_in_words(each, properties, predictions.labels, names) for each in kept]
        findings = _findings(session, kept, words, tried)
        table = _table(kept, words)
        tree, members = error_tree(properties, predictions, parts, names)
        groups = [_errors_first(predictions, np.flatnonzero(each.members)) for each in kept[: params.shown]]
        sets = {f"group {n}": ImageSet(rows, title=words[n]) for n, rows in enumerate(groups)}
        for n, rows in enumerate(members):
            sets[f"node {n}"] = ImageSet(_errors_first(predictions, rows), title=tree["rule"][n])
        images = [rows[: params.pictures].tolist() for rows in groups]
        chosen = np.array([row for rows in images for row in rows], np.int64)
        arrays = {
            "images": thumbnails_of(data, chosen),
            "rows": chosen,
            "right": predictions.correct[chosen],
            "counts": np.array([len(rows) for rows in images], np.int64),
        }
        notes = {"predicted": [names[c] for c in predictions.predicted[chosen]], "tried": tried}
        return Result({"slices": table, "tree": tree}, arrays=arrays, findings=findings, sets=sets, notes=notes)

    def draw(self, result: Result) -> Figure:
        """Draw each group's accuracy beside its images, and the tree of errors below."""
        if "tree" not in result.tables:
            return say(new_figure(result, self.question(), height=2.0), "Too few images to find groups.")
        table, tree = result.tables["slices"].head(len(result.arrays["counts"])), result.tables["tree"]
        columns = int(result.params.get("pictures", 9))
        strip = tiles_height([Tile(result.arrays["images"][0], below=[("", QUIET)])], 1, CELL) if len(table) else 0.5
        upper, lower = max((max(strip, 0.75) + 0.05) * len(table), 0.9) + 0.5, 0.24 * len(tree) + 0.7
        said = (
            "Groups measured on images held out from finding them. Orange: accuracy of the group, 95 % interval. "
            "Teal: expected from its classes. Grey: calibrated confidence of similar images. Under each image: its "
            "predicted class, teal if correct. Tree: grown on one half, errors counted on the other; indented: subset."
        )
        figure = new_figure(result, self.question(), width=5.3 + columns * CELL, height=upper + lower, note=said)
        grid = figure.add_gridspec(2, 2, height_ratios=[upper, lower], width_ratios=[5.3, columns * CELL])
        if len(table):
            pictures = figure.add_subplot(grid[0, 1])
            axes = figure.add_subplot(grid[0, 0])
            _accuracies(axes, table)
            place_bars(axes, np.arange(len(table)), _spots(result, table), 0.9)
            heading(pictures, "Images, errors first")
            _pictures(pictures, result, len(table), columns)
        else:
            axes = figure.add_subplot(grid[0, :])
            axes.set_axis_off()
            axes.text(
                0.5, 0.5, f"None of {plural(result.notes['tried'], 'group')} was confirmed.", ha="center", color=QUIET
            )
        rules, bars = figure.add_subplot(grid[1, 0]), figure.add_subplot(grid[1, 1])
        _tree(rules, bars, tree)
        for panel in (rules, bars):
            place_bars(panel, np.arange(len(tree)), _nodes(result, tree), 0.9)
        return figure


def _errors_first(predictions: Predictions, rows: Array) -> Array:
    wrong = worst_first(predictions, rows[~predictions.correct[rows]]).rows
    return np.concatenate([wrong, rows[predictions.correct[rows]]])


def _in_words(each: Slice, properties: pd.DataFrame, labels: Array, names: tuple[str, ...]) -> str:
    """Say what images of a group have in common, or in what they differ from others."""
    if each.rule:
        return each.rule
    found = describe(properties, labels, each.members, names)
    return str(found) if found else unlike(properties, labels, each.members)


def _table(slices: list[Slice], words: list[str]) -> pd.DataFrame:
    import pandas as pd

    columns = {
        "group": words,
        "found_in": [s.source for s in slices],
        "images": [s.size for s in slices],
        "tested": [s.tested for s in slices],
        "right": [s.right for s in slices],
        "accuracy": [s.accuracy for s in slices],
        "low": [s.interval[0] for s in slices],
        "high": [s.interval[1] for s in slices],
        "expected": [s.expected for s in slices],
        "gap": [s.gap.value for s in slices],
        "gap_low": [s.gap.low for s in slices],
        "confidence": [s.confidence for s in slices],
        "overconfidence": [s.overconfidence[0] for s in slices],
        "in_training": [s.scarcity.value for s in slices],
        "chance": [s.chance for s in slices],
        "fault": [s.fault for s in slices],
    }
    return pd.DataFrame(columns)


def _findings(session: Session, kept: list[Slice], words: list[str], tried: int) -> tuple[Finding, ...]:
    pairs = list(zip(kept, words, strict=True))
    faults = [pair for pair in pairs if pair[0].fault][:MOST_FAULTS]
    mild = [pair for pair in pairs if not pair[0].fault and pair[0].gap.low > NOTABLE][:MOST_MILD]
    if not faults and not mild:
        claim = (
            "No group of images is confirmed to be worse than expected from its classes: of "
            f"{plural(tried, 'group')} found on some of the images, none was confirmed on others."
        )
        return (Finding(claim, kind="underperforming-slice"),)
    return tuple(_finding(session, each, rule) for each, rule in faults + mild)


def _finding(session: Session, each: Slice, rule: str) -> Finding:
    predictions, count = session.predictions, len(session.dataset)
    rows = np.flatnonzero(each.members)
    share = rate(each.right, each.tested)
    scarce = each.scarcity.high < SCARCE
    claim = (
        f"{plural(each.size, 'image')} ({rule}) {verb(each.size, 'do')} worse than expected from their classes: "
        f"held out, {each.right:,} of {each.tested:,} {verb(each.right, 'are')} correct, {share}, expected "
        f"{percent(each.expected)}; the calibrated confidence of similar images is {percent(each.confidence)}."
        + (f" Such images are {each.scarcity.value:.2f} times as frequent in training." if scarce else "")
    )
    advice = (
        "Add such training images, or exclude such images from use."
        if scarce
        else "Check what these images have in common and whether their labels are right; add such training images."
    )
    by_class = np.bincount(predictions.labels[rows], minlength=len(session.class_names)) / len(rows)
    order = np.argsort(-by_class, kind="stable")
    most = next((n for n, enough in ((1, 0.8), (2, 0.9)) if by_class[order[:n]].sum() >= enough), 0)
    return Finding(
        claim,
        severity=Severity.SERIOUS if each.fault else Severity.MILD,
        effect=share,
        evidence=worst_first(predictions, rows[~predictions.correct[rows]]),
        advice=advice,
        kind="underperforming-slice",
        classes=tuple(sorted(order[:most].tolist())),
        cost=Estimate(*(max(gap, 0.0) * each.size / count for gap in each.gap), unit="%"),
        confirm="Collect new images of this kind and measure the accuracy on them.",
    )


def _accuracies(axes: Axes, table: pd.DataFrame) -> None:
    """Draw accuracy, expectation and confidence of each group beside what it is."""
    for place in range(len(table)):
        row = table.iloc[place]
        axes.plot([100 * row["low"], 100 * row["high"]], [place, place], color=PREDICTED_COLOUR, linewidth=2)
        axes.plot(100 * row["confidence"], place, "D", color=QUIET, markersize=5)
        axes.plot(100 * row["expected"], place, "o", color=TRUE_COLOUR, markersize=7)
        axes.plot(100 * row["accuracy"], place, "o", color=PREDICTED_COLOUR, markersize=7)
        counted = f"{row['right']:,} of {row['tested']:,} correct; {plural(row['images'], 'image')}"
        lines = [
            ("Fault: " if row["fault"] else "") + text(row["group"], 170),
            f"{counted}; found by {row['found_in']}",
        ]
        axes.text(
            -0.03,
            place,
            "\n".join(textwrap.fill(line, 46) for line in lines),
            fontsize=SMALL,
            color=INK,
            ha="right",
            va="center",
            transform=axes.get_yaxis_transform(),
            fontweight="bold" if row["fault"] else "normal",
        )
    axes.set(xlim=(0, 100), ylim=(len(table) - 0.5, -0.5), yticks=[])
    axes.set_xlabel("accuracy or confidence, %")
    heading(axes, "Accuracy")
    plain(axes, grid="x")


def _spots(result: Result, table: pd.DataFrame) -> list[Spot | None]:
    """Return the spot of each group: all its images, the errors first."""
    return [
        set_spot(
            result,
            f"group {place}",
            row["group"],
            more=f"held out, {row['right']:,} of {row['tested']:,} correct, expected {percent(row['expected'])}",
        )
        for place, row in enumerate(table.to_dict("records"))
    ]


def _nodes(result: Result, tree: pd.DataFrame) -> list[Spot | None]:
    """Return the spot of each node of the tree: its images of the half that was counted, the errors first."""
    lines = enumerate(tree.to_dict("records"))
    return [
        set_spot(result, f"node {n}", row["rule"], more=f"{row['errors']:,} wrong, {percent(row['error_rate'])}")
        for n, row in lines
    ]


def _pictures(axes: Axes, result: Result, count: int, columns: int) -> None:
    ends = np.cumsum(result.arrays["counts"])
    for row, end, size in zip(strips(axes, count), ends, result.arrays["counts"], strict=True):
        some = [
            Tile(
                result.arrays["images"][n],
                framed=True,
                spot=spot_of(result, result.arrays["rows"][n]),
                below=[
                    (
                        text(result.notes["predicted"][n], 10),
                        TRUE_COLOUR if result.arrays["right"][n] else PREDICTED_COLOUR,
                    )
                ],
            )
            for n in range(end - size, end)
        ]
        blank = Tile(result.arrays["images"][0], below=[("", QUIET)], blank=True)
        tiles(row, some + [blank] * (columns - len(some)), columns=columns, cell=CELL)


def _tree(rules: Axes, axes: Axes, tree: pd.DataFrame) -> None:
    """Draw the nodes as one reads them, each with its errors."""
    end = 100 * max(float(tree["high"][tree["images"] > 0].max()), 0.01)
    for place in range(len(tree)):
        row = tree.iloc[place]
        axes.barh(place, 100 * row["error_rate"], height=0.62, color=PREDICTED_COLOUR, alpha=0.9)
        axes.plot([100 * row["low"], 100 * row["high"]], [place, place], color=INK, linewidth=1)
        words = f"{row['errors']:,} of {row['images']:,}; {percent(row['coverage'])} of all errors; {row['lift']:.1f} ×"
        axes.text(1.04 * end, place, words, fontsize=SMALL, va="center", color=INK)
        rules.text(0.04 * row["depth"], place, text(row["rule"], 60), fontsize=SMALL + 0.5, va="center", color=INK)
    ticks = [tick for tick in axes.get_xticks() if tick <= end]
    for each in (rules, axes):
        each.set(ylim=(len(tree) - 0.5, -0.5), yticks=[])
    rules.set_axis_off()
    axes.set(xlim=(0, 1.6 * end), xticks=ticks)
    axes.set_xlabel("error rate, %; right: errors, share of all errors, lift over the overall error rate")
    heading(rules, "Tree of errors")
    plain(axes, grid="x")

"""Precision, recall and F1 of each class."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from workbench.core.estimate import Estimate
from workbench.core.finding import Finding, Kind, Severity
from workbench.core.params import Params
from workbench.core.predictions import Predictions
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import join_names, percent, plural, verb
from workbench.data.sampling import worst_first
from workbench.plotting.colours import PREDICTED_COLOUR, TRUE_COLOUR
from workbench.plotting.hot_spots import place_bars
from workbench.plotting.pieces import INK, QUIET, SMALL, class_ticks, heading, interval_bars, new_figure, plain
from workbench.session.analysis import Analysis
from workbench.session.spots import class_spot, predicted_spot
from workbench.statistics.confusion import confusion_counts, f1, precision, recall
from workbench.statistics.rates import capped, rate, wilson
from workbench.statistics.separation import separate_groups

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from workbench.session.session import Session


FAR = 0.5
"""A class is a fault, not only harder, if its recall is surely below this share of the accuracy."""

MOST = 5
"""Weak classes that are reported."""


class PerClassParams(Params):
    """How many classes to draw."""

    classes: int = Field(30, ge=2, le=100, description="classes to draw, at most; those with the lowest F1")


class PerClass(Analysis[PerClassParams]):
    """How well is each class recognised, and which ones are separated best?"""

    group = "Errors"
    title = "Precision and recall by class"
    Params = PerClassParams
    kinds: ClassVar[tuple[Kind, ...]] = ("underperforming-class",)

    def compute(self, session: Session, params: PerClassParams) -> Result:
        """Compute precision and recall with Wilson intervals, F1 and the number of images of each class."""
        import pandas as pd

        predictions, names = session.predictions, session.class_names
        counts = confusion_counts(predictions.labels, predictions.predicted, len(names))
        right, of, taken = counts.diagonal(), counts.sum(axis=1), counts.sum(axis=0)
        table = pd.DataFrame({"class": list(names), "images": of, "predicted": taken, "right": right})
        for name, values, trials in (("precision", precision(counts), taken), ("recall", recall(counts), of)):
            low, high = wilson(right, trials)
            table[name], table[f"{name}_low"], table[f"{name}_high"] = values, low, high
        table["f1"] = f1(counts)
        order = np.argsort(table["f1"].fillna(2).to_numpy(), kind="stable")  # classes without images come last
        notes = {"order": order[: params.classes].tolist(), "accuracy": float(right.sum() / of.sum())}
        return Result({"classes": table}, findings=tuple(_findings(predictions, names, counts, table)), notes=notes)

    def draw(self, result: Result) -> Figure:
        """Draw bars with intervals beside the numbers, the class with the lowest F1 on top."""
        order, whole = result.notes["order"], result.tables["classes"]
        table = whole.iloc[order].reset_index(drop=True)
        said = "Lines: 95 % Wilson intervals. Dotted: accuracy over all images. Lowest F1 on top."
        if len(table) < len(whole):
            said += f" The {len(table)} of {plural(len(whole), 'class')} with the lowest F1; all are in the table."
        figure = new_figure(result, self.question(), width=11, height=0.75 + 0.32 * len(table), note=said)
        left, middle, right = figure.subplots(1, 3, sharey=True, width_ratios=[4, 4, 3.4])
        for axes, name, colour, title in (
            (left, "recall", TRUE_COLOUR, "Recall: share of the true class, %"),
            (middle, "precision", PREDICTED_COLOUR, "Precision: share of the predictions, %"),
        ):
            values = (100 * table[column].to_numpy() for column in (name, f"{name}_low", f"{name}_high"))
            interval_bars(axes, np.arange(len(table)), *values, colour=colour, height=0.62)
            axes.axvline(100 * result.notes["accuracy"], color=INK, linewidth=1, linestyle=":")
            axes.set_xlim(0, 100)
            heading(axes, title, colour=colour)
            plain(axes, grid="x")
        _numbers(right, table)
        class_ticks(left, table["class"])
        places = np.arange(len(table))
        recalled = [
            class_spot(row["class"], int(row["images"]), more=f"recall {percent(row['recall'])}")
            for _, row in table.iterrows()
        ]
        place_bars(left, places, recalled, 0.9)
        place_bars(right, places, recalled, 0.9)
        claimed = [
            predicted_spot(row["class"], int(row["predicted"]), more=f"precision {percent(row['precision'])}")
            for _, row in table.iterrows()
        ]
        place_bars(middle, places, claimed, 0.9)
        return figure


def _numbers(axes: Axes, table: pd.DataFrame) -> None:
    """Write the classification report level with the bars."""
    columns = {"recall": "recall", "precision": "precision", "f1": "F1", "images": "images"}
    axes.set_xlim(0, len(columns))
    plain(axes)
    axes.tick_params(labelbottom=False, labelleft=False)
    for at, (column, title) in enumerate(columns.items()):
        axes.text(at + 0.95, -0.62, title, ha="right", va="bottom", fontsize=SMALL + 0.5, color=QUIET)
        for place, value in enumerate(table[column]):
            words = "–" if np.isnan(value) else f"{value:,}" if column == "images" else f"{value:.3f}"
            axes.text(at + 0.95, place, words, ha="right", va="center", fontsize=SMALL + 1, color=INK)


def _findings(predictions: Predictions, names: tuple[str, ...], counts: Array, table: pd.DataFrame) -> list[Finding]:
    findings = _weak(predictions, names, counts)
    taken = np.flatnonzero(table["predicted"] > 0)
    loosest = int(taken[np.argmin(table["precision"].to_numpy()[taken])])
    share, accuracy = rate(int(counts[loosest, loosest]), int(counts[:, loosest].sum())), _accuracy(counts)
    rows = np.flatnonzero((predictions.predicted == loosest) & ~predictions.correct)
    findings.append(
        Finding(
            f"Predictions of {names[loosest]} are the least reliable: {counts[loosest, loosest]:,} of "
            f"{counts[:, loosest].sum():,} {verb(int(counts[loosest, loosest]), 'are')} correct, {share}.",
            severity=capped(Severity.MILD, int(counts[:, loosest].sum()))
            if share.high < accuracy.low
            else Severity.INFO,
            effect=share,
            evidence=worst_first(predictions, rows),
        )
    )
    best = [c for c in np.flatnonzero(table["images"] > 0) if table["recall_low"][c] > accuracy.value]
    if best:
        rows = np.flatnonzero(np.isin(predictions.labels, best) & ~predictions.correct)
        together = rate(int(counts.diagonal()[best].sum()), int(counts[best].sum()))
        findings.append(
            Finding(
                f"Recall surely above average: {join_names([names[c] for c in best], 8)}; together {together}.",
                severity=Severity.INFO,
                effect=together,
                evidence=worst_first(predictions, rows),
            )
        )
    if (group := separate_groups(counts)) is not None:
        findings.append(_group(predictions, names, counts, group))
    return findings


def _accuracy(counts: Array) -> Estimate:
    return rate(int(counts.trace()), int(counts.sum()))


def _weak(predictions: Predictions, names: tuple[str, ...], counts: Array) -> list[Finding]:
    """Report every class whose recall is surely below the accuracy, or else the class with the lowest recall."""
    accuracy, of = _accuracy(counts), counts.sum(axis=1)
    known = np.flatnonzero(of)
    shares = {int(c): rate(int(counts[c, c]), int(of[c])) for c in known}
    order = sorted(shares, key=lambda c: shares[c].value)
    below = [c for c in order if shares[c].high < accuracy.low]
    far = {c for c in below if shares[c].high < FAR * accuracy.value}
    if len(far) > max(len(known) // 3, 1):  # then the whole model is weak, not single classes
        far, below = set(), below[:1]
    findings = []
    for place, c in enumerate(below[:MOST] or order[:1]):
        share, rows = shares[c], np.flatnonzero((predictions.labels == c) & ~predictions.correct)
        lacking = [float(of[c] * (accuracy.value - recall) / len(predictions)) for recall in (share.high, share.low)]
        least = f"{names[c]} has {'the lowest' if place == 0 else 'low'} recall: "
        over = f"; the accuracy over all classes is {percent(accuracy.value)}."
        chance = f", which may be chance given the accuracy of {percent(accuracy.value)}."
        findings.append(
            Finding(
                f"{least}{counts[c, c]:,} of {plural(of[c], 'image')}, {share}{over if below else chance}",
                severity=capped(
                    Severity.SERIOUS if c in far else Severity.MILD if below else Severity.INFO, int(of[c])
                ),
                effect=share,
                evidence=worst_first(predictions, rows),
                advice=f"Look at its errors: what is {names[c]} predicted as, and are those labels right?"
                if len(rows)
                else "",
                kind="underperforming-class" if below else None,
                classes=(c,),
                cost=Estimate(
                    max(float(of[c] * (accuracy.value - share.value) / len(predictions)), 0.0),
                    *((max(end, 0.0) for end in lacking) if lacking[1] > 0 else ()),
                ),
                confirm=f"Retrain with more, or cleaner, training images of {names[c]}: its recall rises."
                if below
                else "",
            )
        )
    return findings


def _group(predictions: Predictions, names: tuple[str, ...], counts: Array, group: Array) -> Finding:
    inside = np.isin(np.arange(len(names)), group)
    crossing = int(counts[inside][:, ~inside].sum() + counts[~inside][:, inside].sum())
    within = int(counts[inside][:, inside].sum() - counts.diagonal()[inside].sum())
    share = rate(crossing, int(counts[inside].sum() + counts[~inside][:, inside].sum()))
    border = inside[predictions.labels] != inside[predictions.predicted]
    return Finding(
        f"{join_names([names[c] for c in group], 8)} are best separated from all other classes: "
        f"{plural(crossing, 'error')} across the boundary in "
        f"{plural(int(counts[inside].sum() + counts[~inside][:, inside].sum()), 'image')} of, or predicted as, these "
        f"classes, {share}; {within:,} within the group.",
        severity=Severity.INFO,
        effect=share,
        evidence=worst_first(predictions, np.flatnonzero(border)),
    )

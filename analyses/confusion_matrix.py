"""Confusion matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from workbench.core.estimate import Estimate
from workbench.core.finding import Finding, Severity
from workbench.core.params import Params
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import join_names, percent, plural
from workbench.data.sampling import worst_first
from workbench.plotting.colours import PREDICTED_COLOUR, TRUE_COLOUR
from workbench.plotting.hot_spots import place_cells
from workbench.plotting.pieces import FAINT, QUIET, SMALL, heading, new_figure, plain, table_map, text
from workbench.session.analysis import Analysis
from workbench.session.spots import cell_spot
from workbench.statistics.confusion import confusion_counts
from workbench.statistics.rates import ENOUGH, capped, rate, wilson

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from workbench.session.session import Session

MOST_NUMBERS = 30
"""Classes up to which the numbers of the cells can be read."""
MISSED = 0.5
"""Recall outside of the largest class, surely not reached, of a model that misses most of the other images."""
SURE = 0.05
"""p-value below which a model is surely worse than a guess."""
SELDOM = 0.25
"""Share of a class's images that must surely be missed, for a class that is never predicted to be a fault."""


class ConfusionMatrixParams(Params):
    """How much of a large matrix is drawn."""

    classes: int = Field(30, ge=2, le=60, description="most classes to draw; the ones with the most errors are kept")


class ConfusionMatrix(Analysis[ConfusionMatrixParams]):
    """Which classes does the model confuse?"""

    group = "Errors"
    title = "Confusion matrix"
    Params = ConfusionMatrixParams

    def compute(self, session: Session, params: ConfusionMatrixParams) -> Result:
        """Count images by true and predicted class."""
        import pandas as pd

        predictions, names = session.predictions, session.class_names
        counts = confusion_counts(predictions.labels, predictions.predicted, len(names))
        true, predicted = np.nonzero(counts)
        of = counts.sum(axis=1)
        table = pd.DataFrame(
            {
                "true": [names[c] for c in true],
                "predicted": [names[c] for c in predicted],
                "images": counts[true, predicted],
                "of": of[true],
                "rate": counts[true, predicted] / of[true],
                "correct": true == predicted,
            }
        ).sort_values(["correct", "images"], ascending=[True, False], kind="stable", ignore_index=True)
        wrong = counts.sum(axis=0) + of - 2 * counts.diagonal()
        shown = np.sort(np.argsort(-wrong, kind="stable")[: params.classes])
        notes = {"classes": len(names), "shown": [names[c] for c in shown]}
        arrays = {"counts": counts[np.ix_(shown, shown)], "of": of[shown]}
        return Result({"cells": table}, arrays=arrays, findings=tuple(_findings(session, counts)), notes=notes)

    def draw(self, result: Result) -> Figure:
        """Draw counts and rates side by side; the diagonal is grey, so that the colours show the errors."""
        counts, of, names = result.arrays["counts"], result.arrays["of"], result.notes["shown"]
        size = len(names)
        side = float(np.clip(0.42 * size, 2.6, 7.2))
        said = (
            "Rows: true class (teal). Columns: predicted class (orange). Colour: errors only; the diagonal "
            "is grey. Empty: no images."
        )
        if size < result.notes["classes"]:
            said += f" Shown: the {size} of {plural(result.notes['classes'], 'class')} with the most errors."
        figure = new_figure(result, self.question(), width=2 * side + 3.4, height=side + 1.0, note=said)
        left, right = figure.subplots(1, 2)
        spots = {
            (row, column): cell_spot(result, names[row], names[column], int(count), int(of[row]))
            for (row, column), count in np.ndenumerate(counts)
        }
        place_cells(left, spots)
        place_cells(right, spots)
        _matrix(left, counts, names, title="Images", unit="errors, images", form="{:.0f}")
        with np.errstate(invalid="ignore"):
            rates = 100 * counts / of[:, None]
        form = "{:.1f}" if size <= 15 else "{:.0f}"
        _matrix(right, rates, names, title="Share of the true class, %", unit="errors, % of the true class", form=form)
        return figure


def _is_useless(counts: Array) -> bool:
    """Whether a model is no better than always predicting the largest class, and this is no accident of a few images.

    The guess is wrong about all other images, so these decide: there must be enough of them, and the model must be
    wrong about surely more of the largest class than it is right about of the others (McNemar's exact test), or surely
    miss most of the others.

    Args:
        counts: `(K, K)` images by label and prediction.
    """
    from scipy.stats import binomtest

    of, right = counts.sum(axis=1), counts.diagonal()
    most = int(of.argmax())
    others, won, lost = int(of.sum() - of[most]), int(right.sum() - right[most]), int(of[most] - right[most])
    if others < ENOUGH or won > lost:
        return False
    worse = lost > 0 and binomtest(lost, won + lost, alternative="greater").pvalue < SURE
    return bool(worse or wilson(won, others)[1] < MISSED)


def _findings(session: Session, counts: Array) -> list[Finding]:
    predictions, names = session.predictions, session.class_names
    total, right = len(predictions), int(counts.trace())
    accuracy, most = rate(right, total), int(counts.sum(axis=1).argmax())
    guess = counts.sum(axis=1).max() / total
    several = len(np.unique(predictions.labels)) > 1 and total >= ENOUGH
    useless, unsure = _is_useless(counts), several and accuracy.low <= guess
    wrong = np.flatnonzero(~predictions.correct)
    worst = worst_first(predictions, wrong)
    findings = [
        Finding(
            f"{right:,} of {plural(total, 'image')} {'is' if total == 1 else 'are'} classified correctly: "
            f"accuracy {accuracy}"
            + (
                f", {'no' if useless else 'not surely'} better than always predicting {names[most]} ({percent(guess)})."
                if unsure
                else "."
            ),
            severity=Severity.CRITICAL if useless else Severity.INFO,
            effect=accuracy,
            evidence=worst,
            advice="Fix the training before anything else." if useless else "",
        )
    ]
    never = np.flatnonzero((counts.sum(axis=0) == 0) & (counts.sum(axis=1) > 0))
    if len(never):
        rows = np.flatnonzero(np.isin(predictions.labels, never))
        surely = wilson(0, counts[never].sum(axis=1))[1] < SELDOM
        findings.append(
            Finding(
                f"{plural(len(never), 'class')} never predicted, although the data has images of them: "
                f"{join_names([names[c] for c in never])}.",
                severity=capped(Severity.SERIOUS, len(rows)) if surely.any() else Severity.INFO,
                effect=Estimate(float(len(never))),
                evidence=worst_first(predictions, rows),
                advice="Check that the training data has these classes, in the same order.",
            )
        )
    cells = int((counts > 0).sum() - (counts.diagonal() > 0).sum())
    if len(wrong):
        errors = np.sort((counts - np.diag(counts.diagonal())).ravel())[::-1]
        few = int(np.searchsorted(errors.cumsum(), len(wrong) / 2)) + 1
        findings.append(
            Finding(
                f"Half of the {plural(len(wrong), 'error')} lie in {few} of {plural(cells, 'cell')} with errors."
                if len(wrong) > 1
                else "There is 1 error.",
                effect=Estimate(float(few)),
                evidence=worst,
            )
        )
    return findings


def _matrix(axes: Axes, values: Array, names: list[str], *, title: str, unit: str, form: str) -> None:
    import seaborn as sns
    from matplotlib.colors import ListedColormap

    size, diagonal = len(names), np.eye(len(names), dtype=bool)
    shown = np.nan_to_num(values)
    words = np.array([[form.format(v) if v > 0 and size <= MOST_NUMBERS else "" for v in row] for row in shown])
    font = float(np.clip(190 / size, SMALL, 8.5))
    common: dict[str, Any] = {
        "annot": words,
        "fmt": "",
        "annot_kws": {"fontsize": font},
        "square": True,
        "linewidths": 0.6,
        "linecolor": "white",
        "xticklabels": False,
        "yticklabels": False,
    }
    sns.heatmap(shown, mask=~diagonal, cmap=ListedColormap([FAINT]), cbar=False, ax=axes, **common)
    end = max(float(shown[~diagonal].max(initial=0.0)), 1.0)
    table_map(axes, shown, end=end, unit=unit, hidden=diagonal | (shown == 0), **common)
    for number in axes.texts[:size]:
        number.set_color(QUIET)
    plain(axes)
    axes.set_facecolor("#f8fafc")
    ticks = np.arange(size) + 0.5
    limit, points = (16, SMALL + 0.5) if size <= 15 else (14, SMALL)
    axes.set_xticks(
        ticks,
        [text(n, limit) for n in names],
        rotation=90 if size > 12 else 40,
        fontsize=points,
        ha="center" if size > 12 else "right",
        rotation_mode="anchor" if size <= 12 else "default",
        color=PREDICTED_COLOUR,
    )
    axes.set_yticks(ticks, [text(n, limit) for n in names], rotation=0, fontsize=points, color=TRUE_COLOUR)
    heading(axes, title)

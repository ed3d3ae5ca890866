"""Confusion matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from workbench.core.estimate import Estimate
from workbench.core.finding import Finding, Severity
from workbench.core.params import Params
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import join_names, percent, plural
from workbench.data.sampling import worst_first
from workbench.session.analysis import Analysis
from workbench.statistics.class_order import confusion_order
from workbench.statistics.confusion import confusion_counts
from workbench.statistics.rates import ENOUGH, capped, rate, wilson

from .drawing import draw
from .part import part_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from workbench.session.session import Session

MISSED = 0.5
"""Recall outside of the largest class, surely not reached, of a model that misses most of the other images."""
SURE = 0.05
"""p-value below which a model is surely worse than a guess."""
SELDOM = 0.25
"""Share of a class's images that must surely be missed, for a class that is never predicted to be a fault."""


class ConfusionMatrixParams(Params):
    """How much of a large matrix is drawn, and in which order."""

    classes: int = Field(
        30, ge=2, le=60, description="most classes to draw by name; the ones with the most errors are kept"
    )
    around: str | None = Field(
        None, description="class whose neighbours in the order are drawn; auto: the ones with the most errors"
    )
    order: Literal["auto", "data", "confusions"] = Field(
        "auto", description="of the classes: the data's, or confused ones beside each other; auto: by their number"
    )
    colours: Literal["auto", "linear", "log"] = Field(
        "auto", description="scale of the colours; auto: log where counts span orders of magnitude"
    )


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
        cut = len(names) > params.classes
        sorted_by = params.order if params.order != "auto" else "confusions" if cut else "data"
        order = confusion_order(counts) if sorted_by == "confusions" else np.arange(len(names))
        around = None if params.around is None else session.dataset.class_index(params.around)
        part = part_of(counts, order, params.classes, around=around)
        notes = {
            "classes": len(names),
            "shown": [names[c] for c in part.shown],
            "order": sorted_by,
            "around": "" if around is None else names[around],
            "log": params.colours == "log" or (params.colours == "auto" and part.spans_magnitudes),
            "largest": [[names[t], names[p], n, of_t] for t, p, n, of_t in part.largest],
        }
        return Result({"cells": table}, arrays=part.arrays, findings=tuple(_findings(session, counts)), notes=notes)

    def draw(self, result: Result) -> Figure:
        """Draw counts and rates side by side; of many classes the whole matrix without names, and a part with them."""
        return draw(result, self.question())


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

"""Generalisation: the training images against new ones, and both against a straight line through the pixels."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from analyses.generalisation.figure import draw_generalisation
from analyses.generalisation.linear_baseline import LinearPixels, linear_pixels
from workbench.core.estimate import Estimate
from workbench.core.finding import Finding, Kind, Severity
from workbench.core.params import Params
from workbench.core.result import Result
from workbench.core.wording import counted, percent
from workbench.data.sampling import evenly, worst_first
from workbench.session.analysis import Analysis
from workbench.session.held_out import Part, fitted_rows, parts
from workbench.statistics.rates import difference, odds_ratio, rate, wilson

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from workbench.session.session import Session

TIMES, POINTS = 10.0, 0.05
"""Overfitting is a fault from where the odds of an error on new images are surely so many times those on the fitted
ones, and the accuracy surely this much lower: 98 % and 93 % are 4 times, 100 % and 90 % are beyond counting."""
SHORT = 0.05
"""Underfitting is one from where the accuracy is surely this far below that of a straight line through the pixels."""
STEEP, CLIMB = 0.2, 0.03
"""A training ended too early if its last epoch lowered the loss by this share and raised the accuracy by this much."""


class GeneralisationParams(Params):
    """How many images are compared."""

    images: int = Field(100_000, ge=50, description="fitted, and validation, images to measure at most, drawn by seed")
    line: int = Field(5000, ge=50, le=50_000, description="training images for the straight line, and to ask it about")
    gap: float = Field(0.03, ge=0, le=1, description="accuracy lost on new images from which it is worth knowing")
    seed: int = Field(0, ge=0, description="of the images that are drawn")


class Generalisation(Analysis[GeneralisationParams]):
    """Does the model know its training images better than new ones, and has it learned enough?"""

    Params = GeneralisationParams
    needs_model: ClassVar[bool] = True
    kinds: ClassVar[tuple[Kind, ...]] = ("overfitting", "underfitting")
    quick: ClassVar[Mapping[str, Any] | None] = MappingProxyType({"images": 10_000, "line": 3000})

    def missing(self, session: Session) -> str | None:
        """Say so where nothing of the training is known."""
        if session.train is None and session.history is None:
            return (
                "It compares with the training images or with the curves of a run. This model came without either: "
                "open it with data that have a training part."
            )
        return None

    def compute(self, session: Session, params: GeneralisationParams) -> Result:
        """Compare accuracy and loss on fitted, validation and studied images, with those of a linear classifier."""
        shown, curves = parts(session, params.images, params.seed), _curves(session)
        line = None
        if session.train is not None:
            rows = fitted_rows(session)
            line = linear_pixels(session.train, rows, session.dataset, most=params.line, seed=params.seed)
        fitted, studied = shown.get("fitted"), shown.get("studied")
        new = shown.get("validation", studied)
        findings = []
        if fitted is not None and new is not None:
            findings.append(_overfitting(fitted, new, line, params))
            if new is not studied and studied is not None:
                findings += _elsewhere(new, studied)
        elif {"accuracy", "val_accuracy"} <= set(curves):
            findings.append(_from_curves(curves, params))
        else:
            findings.append(Finding("No image is known that it was not fitted to: overfitting cannot be told."))
        findings.append(_underfitting(session, fitted, line, curves))
        arrays = {f"loss_{name}": np.sort(part.said.loss)[evenly(len(part.said), 500)] for name, part in shown.items()}
        return Result({"parts": _table(shown, line), "epochs": curves}, arrays=arrays, findings=tuple(findings))

    def draw(self, result: Result) -> Figure:
        """Draw the accuracies, how the losses are spread, and the learning curves where there are any."""
        return draw_generalisation(result, self.question())


def _curves(session: Session) -> pd.DataFrame:
    """Return the columns of the history that are told, and the number of the epoch."""
    import pandas as pd

    history = session.history
    table = pd.DataFrame({"epoch": np.arange(1, 1 + (0 if history is None else len(history)))})
    for column in ("loss", "accuracy", "val_loss", "val_accuracy"):
        if history is not None and column in history and history[column].notna().any():
            table[column] = history[column].to_numpy()
    return table


def _table(shown: Mapping[str, Part], line: LinearPixels | None) -> pd.DataFrame:
    import pandas as pd

    rows = [("model", name, len(part.said), part.right, float(part.said.loss.mean())) for name, part in shown.items()]
    if line is not None:
        for name, correct in (("held out", line.held_out), ("studied", line.correct)):
            rows.append(("straight line", name, len(correct), int(correct.sum()), np.nan))
    table = pd.DataFrame(rows, columns=["who", "part", "images", "right", "loss"])
    low, high = wilson(table["right"], table["images"])
    table["accuracy"], table["low"], table["high"] = table["right"] / table["images"], low, high
    return table[["who", "part", "images", "right", "accuracy", "low", "high", "loss"]]


def _overfitting(fitted: Part, new: Part, line: LinearPixels | None, params: GeneralisationParams) -> Finding:
    """Compare the errors on new images with those on the fitted ones."""
    (gap, low, high), _ = difference(fitted.right, fitted.images, new.right, new.images)
    times, least, _ = odds_ratio(new.wrong, new.images, fitted.wrong, fitted.images)
    which = "validation" if new.training else "studied"
    said = (
        f"it recognises {rate(fitted.right, fitted.images)} of {counted(fitted.images, 'image')} that it was fitted to "
        f"and {rate(new.right, new.images)} of {counted(new.images, f'{which} image')}"
    )
    if low <= 0.01 or gap < params.gap:
        return Finding(f"No overfitting to speak of: {said}.", severity=Severity.INFO, effect=Estimate(gap, low, high))
    claim = f"The model knows its training images better than new ones: {said}."
    advice, confirm = "More images, augmentation or weight decay may narrow the gap.", ""
    severity: Severity = Severity.MILD
    differ = None if new.training or line is None else _line_drop(line)
    if least >= TIMES and low >= POINTS:
        if differ is not None and differ[1] > 0 and differ[0] >= gap / 4:
            claim += (
                f" A straight line through the pixels loses too, {100 * differ[0]:.1f} points: either it overfits, or "
                "the studied images are other ones than the training images, or otherwise labelled."
            )
            advice = "Keep a part of the training images out of the training, and measure on it."
            confirm = "The accuracy on training images that were not fitted: if that is high too, it does not overfit."
        else:
            severity = Severity.SERIOUS
            claim = (
                f"The model overfits: {said}. The odds of an error are {_times(times)} times as high on new images "
                f"(surely {_times(least)})."
            )
            advice = "Stop earlier, or add augmentation, dropout, weight decay or images; choose by validation images."
            confirm = "Train again with augmentation and dropout: the gap should shrink and the new images gain."
    return Finding(
        claim,
        severity=severity,
        effect=Estimate(gap, low, high),
        evidence=worst_first(new.said, np.flatnonzero(~new.said.correct))
        if not new.training
        else tuple(int(new.rows[row]) for row in worst_first(new.said, np.flatnonzero(~new.said.correct))),
        advice=advice,
        kind="overfitting",
        part="train" if new.training else "data",
        cost=Estimate(min(gap, 1.0), max(low, 0.0), min(high, 1.0)),
        confirm=confirm,
    )


def _times(value: float) -> str:
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"


def _line_drop(line: LinearPixels) -> tuple[float, float]:
    """How much accuracy the straight line loses from held-out training images to studied ones; value and low end."""
    (drop, low, _), _ = difference(
        int(line.held_out.sum()), len(line.held_out), int(line.correct.sum()), len(line.correct)
    )
    return drop, low


def _elsewhere(new: Part, studied: Part) -> list[Finding]:
    """Say where the studied images are recognised less than others that are new as well."""
    (drop, low, high), _ = difference(new.right, new.images, studied.right, studied.images)
    if low < 0.02:
        return []
    return [
        Finding(
            f"Overfitting does not explain the studied images: {percent(new.accuracy)} of the validation images, new "
            f"to the model as well, are recognised, but {rate(studied.right, studied.images)} of the studied ones.",
            effect=Estimate(drop, low, high),
            advice="Look whether the studied images are taken, scaled or labelled as the training images are.",
        )
    ]


def _from_curves(curves: pd.DataFrame, params: GeneralisationParams) -> Finding:
    """Compare the last values of the curves, where the images themselves are not known."""
    last = curves.iloc[-1]
    gap = float(last["accuracy"] - last["val_accuracy"])
    said = f"training accuracy {percent(last['accuracy'])}, validation accuracy {percent(last['val_accuracy'])}"
    if not gap >= params.gap:
        return Finding(f"No overfitting to be seen in the curves: at the end, {said}.", effect=Estimate(gap))
    return Finding(
        f"The curves end apart: {said}. The images are not known, so that no interval can be given.",
        severity=Severity.MILD,
        effect=Estimate(gap),
        advice="Open the run with its training data to measure it.",
        kind="overfitting",
        cost=Estimate(min(gap, 1.0)),
    )


def _underfitting(session: Session, fitted: Part | None, line: LinearPixels | None, curves: pd.DataFrame) -> Finding:
    """Compare with the straight line, and look whether the curves had come to rest."""
    said = session.predictions
    own = rate(int(said.correct.sum()), len(said))
    climbing = _climbing(curves)
    still = f" Its last epoch still took {percent(climbing)} off the loss: it was stopped early." if climbing else ""
    advice = "Train longer, or with a higher learning rate or a larger network; see that the inputs are scaled alike."
    confirm = "The same network after twice as many epochs: both accuracies should rise."
    if line is None:
        if not climbing:
            return Finding(f"The model recognises {own} of the studied images.", effect=own)
        return Finding(
            f"The model recognises {own} of the studied images.{still}",
            severity=Severity.MILD,
            effect=own,
            advice=advice,
            kind="underfitting",
            confirm=confirm,
        )
    straight = rate(int(line.correct.sum()), len(line.correct))
    short, _ = difference(int(line.correct.sum()), len(line.correct), int(said.correct.sum()), len(said))
    low, high = short.low, short.high
    ends = f"the model recognises {own} of the studied images, a straight line through the pixels {straight}"
    learned = fitted is None or fitted.share.high >= straight.value
    reached = float(curves["accuracy"].iloc[-1]) if "accuracy" in curves else None
    if low <= 0 and not (climbing and high >= -CLIMB):
        claim = (
            f"It has learned more than a straight line: {ends}." if high < 0 else f"No underfitting to be seen: {ends}."
        )
        if climbing:
            return Finding(
                claim.removesuffix(".") + "." + still,
                severity=Severity.MILD,
                effect=short,
                advice=advice,
                kind="underfitting",
                confirm=confirm,
            )
        return Finding(claim, severity=Severity.INFO, effect=short)
    if fitted is not None and reached is not None and reached > fitted.share.high + 0.1:
        return Finding(
            f"It is no underfitting: {ends}, but in training it had reached {percent(reached)} of images of which it "
            f"now recognises {percent(fitted.accuracy)}.",
            severity=Severity.MILD,
            effect=short,
            advice="Give the images as the training did: scale, colours, order of the classes.",
            kind="underfitting",
        )
    severity: Severity = Severity.SERIOUS if not learned and (low > SHORT or climbing) else Severity.MILD
    rows = line.rows[line.correct & ~said.correct[line.rows]]
    whole = f" Of the images that it was fitted to, it knows {percent(fitted.accuracy)}." if fitted else ""
    return Finding(
        f"The model has learned less than it could: {ends}.{whole}{still}",
        severity=severity,
        effect=short,
        evidence=worst_first(said, rows),
        advice=advice,
        kind="underfitting",
        cost=Estimate(*(min(max(end, 0.0), 1.0) for end in short), unit="%"),
        confirm=confirm,
    )


def _climbing(curves: pd.DataFrame) -> float | None:
    """Return the share that the last epoch took off the loss, where it was steep; validation values where there are."""
    loss, accuracy = ("val_loss", "val_accuracy") if "val_loss" in curves else ("loss", "accuracy")
    if loss not in curves or accuracy not in curves or len(curves) < 2:
        return None
    (before, after), (lower, upper) = curves[loss].iloc[-2:], curves[accuracy].iloc[-2:]
    fall = 1 - after / before if before > 0 else 0.0
    return float(fall) if fall >= STEEP and upper - lower >= CLIMB else None

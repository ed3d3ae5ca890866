"""Generalisation: the training images against new ones, and both against a linear classifier on the pixels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from workbench.core.estimate import Estimate
from workbench.core.finding import Finding, Kind, Severity
from workbench.core.image_set import ImageSet
from workbench.core.params import Params, Seed
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import percent, plural
from workbench.data.sampling import evenly, worst_first
from workbench.session.analysis import Analysis
from workbench.session.held_out import Part, parts, trained_images
from workbench.session.refit import refit
from workbench.statistics.rates import ENOUGH, capped, difference, odds_ratio, rate, wilson
from workbench.training.learning_curves import learning_curves

from .figure import draw_generalisation
from .linear_baseline import LinearPixels, linear_pixels

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from workbench.session.session import Session

TIMES = 10.0
"""Overfitting is a fault from where the odds of an error on new images are surely so many times those on the fitted
ones: accuracies of 98 % and 93 % are 4 times, 100 % and 90 % are beyond counting."""
POINTS = 0.05
"""And the accuracy on new images must surely be this much lower."""
SHORT = 0.05
"""Underfitting is a fault from where the accuracy is surely this far below that of the linear classifier."""
STEEP = 0.2
"""A training ended too early if its last epoch still lowered the loss by this share."""
CLIMB = 0.03
"""And raised the accuracy by this much."""


class GeneralisationParams(Params):
    """How many images are compared."""

    images: int = Field(
        100_000, ge=50, description="most fitted and most validation images to measure, chosen at random"
    )
    line: int = Field(
        5000,
        ge=50,
        le=50_000,
        description="most training images for the linear classifier, and most images to test it on",
    )
    gap: float = Field(0.03, ge=0, le=1, description="drop of accuracy on new images that is worth reporting")
    seed: Seed = Field(0, description="seed for choosing images")


class Generalisation(Analysis[GeneralisationParams]):
    """Is the model better on its training images than on new ones, and has it learned enough?"""

    group = "Training"
    title = "Generalisation gap"
    Params = GeneralisationParams
    needs_model: ClassVar[bool] = True
    kinds: ClassVar[tuple[Kind, ...]] = ("overfitting", "underfitting")
    quick: ClassVar[Mapping[str, Any] | None] = MappingProxyType({"images": 10_000, "line": 3000})

    def missing(self, session: Session) -> str | None:
        """Say so where nothing of the training is known."""
        if session.train is None and session.history is None:
            return (
                "It needs the training images or the learning curves of a run. This model has neither: "
                "open it with data that has a training part."
            )
        return None

    def compute(self, session: Session, params: GeneralisationParams) -> Result:
        """Compare accuracy and loss on fitted, validation and evaluated images, with those of a linear classifier."""
        shown, curves = parts(session, params.images, params.seed), learning_curves(session.history)
        line = None
        trained = trained_images(session)
        if trained is not None and trained.data.has_images:
            line = linear_pixels(trained.data, trained.fitted, session.dataset, most=params.line, seed=params.seed)
        fitted, studied = shown.get("fitted"), shown.get("studied")
        new = shown.get("validation", studied)
        findings = []
        if fitted is not None and new is not None:
            findings.append(_overfitting(fitted, new, line, params))
            if new is not studied and studied is not None:
                findings += _unexplained_drop(new, studied)
        elif {"accuracy", "val_accuracy"} <= set(curves):
            findings.append(_from_curves(curves, params))
        else:
            findings.append(Finding("No held-out images are known: overfitting cannot be measured."))
        findings.append(_underfitting(session, fitted, _yardsticks(session, line), curves))
        arrays = {
            f"loss_{name}": np.sort(part.predictions.loss)[evenly(part.images, 500)] for name, part in shown.items()
        }
        tables = {"parts": _table(shown, line), "epochs": curves}
        return Result(tables, arrays=arrays, findings=tuple(findings), sets=dict(_sets(shown, line)))

    def draw(self, result: Result) -> Figure:
        """Draw the accuracies, the distribution of the losses, and the learning curves where there are any."""
        return draw_generalisation(result, self.question())


def _sets(shown: Mapping[str, Part], line: LinearPixels | None) -> Iterator[tuple[str, ImageSet]]:
    """Yield the images that each accuracy is of, by its place in the table, those that are wrong first."""
    whose = [(part.rows, part.predictions.correct, part.training) for part in shown.values()]
    if line is not None:
        whose += [(line.held_rows, line.held_out, True), (line.rows, line.correct, False)]
    for place, (rows, correct, training) in enumerate(whose):
        yield f"bar {place}", ImageSet(rows[np.argsort(correct, kind="stable")], part="train" if training else "data")


def _table(shown: Mapping[str, Part], line: LinearPixels | None) -> pd.DataFrame:
    import pandas as pd

    rows = [
        ("model", name, part.images, part.right, float(part.predictions.loss.mean())) for name, part in shown.items()
    ]
    if line is not None:
        for name, correct in (("held out", line.held_out), ("studied", line.correct)):
            rows.append(("linear classifier", name, len(correct), int(correct.sum()), np.nan))
    table = pd.DataFrame(rows, columns=["who", "part", "images", "right", "loss"])
    low, high = wilson(table["right"], table["images"])
    table["accuracy"], table["low"], table["high"] = table["right"] / table["images"], low, high
    return table[["who", "part", "images", "right", "accuracy", "low", "high", "loss"]]


def _overfitting(fitted: Part, new: Part, line: LinearPixels | None, params: GeneralisationParams) -> Finding:
    """Compare the errors on new images with those on the fitted ones."""
    (gap, low, high), _ = difference(fitted.right, fitted.images, new.right, new.images)
    times, least, _ = odds_ratio(new.wrong, new.images, fitted.wrong, fitted.images)
    which = "validation" if new.training else "evaluated"
    both = (
        f"accuracy is {fitted.share} on {plural(fitted.images, 'image')} that it was trained on, and {new.share} on "
        f"{plural(new.images, f'{which} image')}"
    )
    if min(fitted.images, new.images) < ENOUGH:
        claim = f"Too few images to compare what was fitted with what is new: {both}."
        return Finding(claim, severity=Severity.INFO, effect=Estimate(gap, low, high))
    if low <= 0.01 or gap < params.gap:
        return Finding(f"No notable overfitting: {both}.", severity=Severity.INFO, effect=Estimate(gap, low, high))
    claim = f"The model is better on its training images than on new ones: {both}."
    wrong = ~new.predictions.correct
    advice, confirm = "More images, augmentation or weight decay may narrow the gap.", ""
    severity: Severity = Severity.MILD
    linear_drop = None if new.training or line is None else _linear_drop(line)
    if least >= TIMES and low >= POINTS:
        if linear_drop is not None and linear_drop.low > 0 and linear_drop.value >= gap / 4:
            claim += (
                f" A linear classifier on the pixels loses {100 * linear_drop.value:.1f} points, too: either the model "
                "overfits, or the evaluated images or their labels differ from the training images."
            )
            advice = "Hold out part of the training images, and measure on it."
            confirm = "Measure the accuracy on held-out training images: if it is high too, the model does not overfit."
        else:
            severity = Severity.SERIOUS
            claim = (
                f"The model overfits: {both}. The odds of an error are {_times(times)} times as high on new images "
                f"(at least {_times(least)} times, by the 95 % interval)."
            )
            advice = "Stop earlier, or add augmentation, dropout, weight decay or images; select by validation images."
            confirm = (
                "Train again with augmentation and dropout: the gap should shrink, and accuracy on new images rise."
            )
    return Finding(
        claim,
        severity=severity,
        effect=Estimate(gap, low, high),
        evidence=ImageSet(new.rows[worst_first(new.predictions, np.flatnonzero(wrong)).rows]),
        advice=advice,
        kind="overfitting",
        part="train" if new.training else "data",
        cost=Estimate(min(gap, 1.0), max(low, 0.0), min(high, 1.0)),
        confirm=confirm,
    )


def _times(value: float) -> str:
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"


def _linear_drop(line: LinearPixels) -> Estimate:
    """Return the accuracy that the linear classifier loses from held-out training images to evaluated ones."""
    return difference(int(line.held_out.sum()), len(line.held_out), int(line.correct.sum()), len(line.correct))[0]


def _unexplained_drop(new: Part, studied: Part) -> list[Finding]:
    """Say where the accuracy on the evaluated images is below that on other new images."""
    (drop, low, high), _ = difference(new.right, new.images, studied.right, studied.images)
    if low < 0.02:
        return []
    return [
        Finding(
            f"Overfitting does not explain the errors on the evaluated images: accuracy on validation images, which "
            f"are new to the model too, is {percent(new.accuracy)}, on the evaluated ones {studied.share}.",
            effect=Estimate(drop, low, high),
            advice="Check whether the evaluated images are taken, scaled and labelled as the training images are.",
        )
    ]


def _from_curves(curves: pd.DataFrame, params: GeneralisationParams) -> Finding:
    """Compare the last values of the curves, where the images themselves are not known."""
    last = curves.iloc[-1]
    gap = float(last["accuracy"] - last["val_accuracy"])
    ends = f"training accuracy {percent(last['accuracy'])}, validation accuracy {percent(last['val_accuracy'])}"
    if not gap >= params.gap:
        return Finding(f"The learning curves show no overfitting: at the end, {ends}.", effect=Estimate(gap))
    return Finding(
        f"The learning curves diverge: {ends}. Without the images, no interval can be given.",
        severity=Severity.MILD,
        effect=Estimate(gap),
        advice="Open the run with its training data to measure it.",
        kind="overfitting",
        cost=Estimate(min(gap, 1.0)),
    )


class Fit(Enum):
    """How much a model has learned, measured against a linear classifier on the pixels."""

    NOT_COMPARED = auto()
    """The training images are not known, so there is no such classifier."""
    BETTER = auto()
    AS_GOOD = auto()
    OTHER_INPUT = auto()
    """It had learned, and is now given its images in another way."""
    TOO_LITTLE = auto()


CLAIMS = {
    Fit.NOT_COMPARED: "Accuracy on the evaluated images is {own}.",
    Fit.BETTER: "The model has learned more than a linear classifier: {both}.",
    Fit.AS_GOOD: "No sign of underfitting: {both}.",
    Fit.OTHER_INPUT: "This is not underfitting: {both}. In training it reached {reached} on images of which it now "
    "classifies {fitted} correctly.",
    Fit.TOO_LITTLE: "The model has learned less than it could: {both}.",
}
"""What a finding says of each; `both` are the accuracies of the model and of the linear classifier."""
GIVE_AS_IN_TRAINING = "Give the images as in training: scale, colours, order of the classes."
TRAIN_LONGER = (
    "Train longer, or with a higher learning rate or a larger network; check that the inputs are scaled alike."
)
TWICE_AS_LONG = "Train the same network for twice as many epochs: both accuracies should rise."


@dataclass(frozen=True, eq=False, kw_only=True)
class Yardstick:
    """What a model should at least reach.

    Attributes:
        words: whose accuracy it is, for "that of …".
        rows: `(m,)` int, studied images that were asked.
        correct: `(m,)` bool, whether it is right on them.
        shortfall: its accuracy less that of the model on all studied images.
    """

    words: str
    rows: Array
    correct: Array
    shortfall: Estimate

    @property
    def accuracy(self) -> Estimate:
        """With its 95 % Wilson interval."""
        return rate(int(self.correct.sum()), len(self.correct))


def _yardsticks(session: Session, line: LinearPixels | None) -> Yardstick | None:
    """Return the linear classifier on the pixels, or the last layer fitted anew, if it is surely better than both."""
    if line is None:
        return None
    right, count = int(session.predictions.correct.sum()), len(session.predictions)
    gap = difference(int(line.correct.sum()), len(line.correct), right, count)[0]
    found = Yardstick(words="a linear classifier on the pixels", rows=line.rows, correct=line.correct, shortfall=gap)
    renewed = refit(session)
    if renewed is None or renewed.gain.low <= max(gap.low, 0.0):
        return found
    words = "a last layer that is fitted anew to the same features"
    return Yardstick(words=words, rows=np.arange(count), correct=renewed.correct, shortfall=renewed.gain)


def _underfitting(session: Session, fitted: Part | None, line: Yardstick | None, curves: pd.DataFrame) -> Finding:
    """Compare with what the model should at least reach, and look whether the curves had levelled off."""
    predictions = session.predictions
    right, count = int(predictions.correct.sum()), len(predictions)
    own = rate(right, count)
    linear, shortfall = (None, None) if line is None else (line.accuracy, line.shortfall)
    climbing = _climbing(curves)
    fit = _classify(fitted, shortfall, curves, climbing=climbing is not None)
    known = "" if fitted is None else percent(fitted.accuracy)
    reached = percent(float(curves["accuracy"].iloc[-1])) if "accuracy" in curves else ""
    whose = "" if line is None else line.words
    both = f"accuracy on the evaluated images is {own}, that of {whose} {linear}"
    claim = CLAIMS[fit].format(own=own, both=both, reached=reached, fitted=known)
    if fit is Fit.TOO_LITTLE and fitted is not None:
        claim += f" On the images it was trained on, accuracy is {known}."
    if climbing is not None and fit is not Fit.OTHER_INPUT:
        claim += f" The last epoch still lowered the loss by {percent(climbing)}: training was stopped early."
    effect = own if shortfall is None else shortfall
    if fit not in (Fit.OTHER_INPUT, Fit.TOO_LITTLE) and climbing is None:
        return Finding(claim, severity=Severity.INFO, effect=effect)
    if fit is not Fit.TOO_LITTLE or line is None or linear is None or shortfall is None:
        return Finding(
            claim,
            severity=Severity.MILD if climbing is not None else capped(Severity.MILD, len(predictions)),
            effect=effect,
            advice=GIVE_AS_IN_TRAINING if fit is Fit.OTHER_INPUT else TRAIN_LONGER,
            kind="underfitting",
            confirm="" if fit is Fit.OTHER_INPUT else TWICE_AS_LONG,
        )
    learned = fitted is None or fitted.share.high >= linear.value
    return Finding(
        claim,
        severity=capped(
            Severity.SERIOUS if not learned and (shortfall.low > SHORT or climbing is not None) else Severity.MILD,
            len(line.rows),
        ),
        effect=shortfall,
        evidence=worst_first(predictions, line.rows[line.correct & ~predictions.correct[line.rows]]),
        advice=TRAIN_LONGER,
        kind="underfitting",
        cost=Estimate(*(min(max(end, 0.0), 1.0) for end in shortfall), unit="%"),
        confirm=TWICE_AS_LONG,
    )


def _classify(fitted: Part | None, shortfall: Estimate | None, curves: pd.DataFrame, *, climbing: bool) -> Fit:
    """Tell how much the model has learned.

    Args:
        fitted: predictions of the images that the model was fitted to; None where they are not known.
        shortfall: accuracy of the linear classifier less that of the model; None where there is none.
        curves: of the training.
        climbing: whether the last epoch was still steep.
    """
    if shortfall is None:
        return Fit.NOT_COMPARED
    if shortfall.low <= 0 and not (climbing and shortfall.high >= -CLIMB):
        return Fit.BETTER if shortfall.high < 0 else Fit.AS_GOOD
    reached = float(curves["accuracy"].iloc[-1]) if "accuracy" in curves else None
    if fitted is not None and reached is not None and reached > fitted.share.high + 0.1:
        return Fit.OTHER_INPUT
    return Fit.TOO_LITTLE


def _climbing(curves: pd.DataFrame) -> float | None:
    """Return the share that the last epoch took off the loss, where it was steep; validation values where there are."""
    loss, accuracy = ("val_loss", "val_accuracy") if "val_loss" in curves else ("loss", "accuracy")
    if loss not in curves or accuracy not in curves or len(curves) < 2:
        return None
    (before, after), (lower, upper) = curves[loss].iloc[-2:], curves[accuracy].iloc[-2:]
    fall = 1 - after / before if before > 0 else 0.0
    return float(fall) if fall >= STEEP and upper - lower >= CLIMB else None

"""Learning curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from workbench.core.errors import WorkbenchError
from workbench.core.estimate import Estimate
from workbench.core.finding import Finding, Severity
from workbench.core.params import Params
from workbench.core.result import Result
from workbench.core.wording import percent, plural
from workbench.plotting.hot_spots import of_no_images
from workbench.plotting.pieces import BODY, INK, SMALL, heading, new_figure, plain
from workbench.session.analysis import Analysis
from workbench.training.learning_curves import CURVES, learning_curves

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from workbench.session.session import Session

TRAINING = "#64748b"
VALIDATION = "#2563eb"
RISEN = 0.1
"""Rise of the validation loss above its lowest value from which training went on for too long."""


class LearningCurvesParams(Params):
    """What counts as over- or underfitted."""

    gap: float = Field(0.03, ge=0, le=1, description="training minus validation accuracy that counts as overfitting")
    patience: int = Field(3, ge=1, le=100, description="last epochs that show whether training still improves")


class LearningCurves(Analysis[LearningCurvesParams]):
    """Has the training converged, and does the model overfit?"""

    group = "Training"
    title = "Learning curves"
    Params = LearningCurvesParams

    def missing(self, session: Session) -> str | None:
        """Say so where the model was not trained here."""
        history = session.history
        if history is None or len(history) == 0:
            return "Learning curves need the history of a run. This model has none: train it with `workbench train`."
        return None

    def compute(self, session: Session, params: LearningCurvesParams) -> Result:
        """Read gap, best epoch and trend from the history."""
        if session.history is None:
            raise WorkbenchError(self.missing(session) or "")
        table = learning_curves(session.history, ("epoch", *CURVES, "learning_rate"))
        findings = [*_fit(table, params), *_trend(table, params)]
        return Result({"epochs": table}, findings=tuple(findings))

    def draw(self, result: Result) -> Figure:
        """Draw loss, accuracy and learning rate over the epochs."""
        table = result.tables["epochs"]
        figure = new_figure(
            result,
            self.question(),
            width=11,
            height=3.3,
            note=(
                "Training values are means over the epoch with dropout active, so they are below what the trained "
                "model reaches on the same images. Dotted: the epoch with the lowest validation loss."
            ),
        )
        loss, accuracy, rate = figure.subplots(1, 3, width_ratios=[4, 4, 2.6])
        _curves(loss, table, "loss", "Loss, nats", 1)
        _curves(accuracy, table, "accuracy", "Accuracy, %", 100)
        if "learning_rate" in table:
            rate.plot(table["epoch"], table["learning_rate"], color=INK, linewidth=1.5, marker="o", markersize=3)
        else:
            rate.text(0.5, 0.5, "not recorded", ha="center", transform=rate.transAxes, fontsize=BODY)
        rate.set_ylim(bottom=0)
        rate.ticklabel_format(axis="y", style="sci", scilimits=(-2, 2))
        rate.yaxis.get_offset_text().set_fontsize(SMALL)
        heading(rate, "Learning rate")
        of_no_images(loss, accuracy, rate)
        for axes in (loss, accuracy, rate):
            axes.set_xlabel("epoch")
            axes.xaxis.get_major_locator().set_params(integer=True)
            plain(axes, grid="both")
        return figure


def _curves(axes: Axes, table: pd.DataFrame, column: str, title: str, factor: float) -> None:
    for name, label, colour, marker in (
        (column, "training", TRAINING, "s"),
        (f"val_{column}", "validation", VALIDATION, "o"),
    ):
        if name in table:
            values = factor * table[name]
            axes.plot(table["epoch"], values, color=colour, linewidth=1.8, marker=marker, markersize=3.5, label=label)
    if axes.lines:
        axes.legend(frameon=False, fontsize=SMALL + 0.5)
    if "val_loss" in table:
        axes.axvline(table["epoch"][_best(table)], color=VALIDATION, linewidth=1, linestyle=":")
    heading(axes, title)


def _best(table: pd.DataFrame) -> int:
    return int(np.nanargmin(table["val_loss"].to_numpy()))


def _fit(table: pd.DataFrame, params: LearningCurvesParams) -> list[Finding]:
    """Compare training and validation at the end."""
    if "val_loss" not in table or "val_accuracy" not in table or "accuracy" not in table:
        return [
            Finding(
                "No validation values were recorded, so overfitting cannot be measured in this run.",
                severity=Severity.MILD,
                advice="Hold out part of the training images for validation.",
            )
        ]
    last, best = table.iloc[-1], _best(table)
    gap = float(last["accuracy"] - last["val_accuracy"])
    epoch, lowest = int(table["epoch"][best]), float(table["val_loss"][best])
    risen = float(last["val_loss"]) / lowest - 1
    ends = (
        f"at the end, training accuracy is {percent(last['accuracy'])} and validation accuracy "
        f"{percent(last['val_accuracy'])}"
    )
    points = f"{100 * gap:+.1f} points"
    above = f"the validation loss is {percent(max(risen, 0.0))} above its lowest value"
    if risen >= RISEN:
        advice = f"Stop at epoch {epoch}, or add augmentation, dropout or weight decay."
        fit = Finding(
            f"The model overfits: {ends} ({points}), and {above}.",
            severity=Severity.SERIOUS,
            effect=Estimate(gap),
            advice=advice,
        )
    elif gap >= params.gap:
        claim = f"The model is better on its training images than on new ones: {ends} ({points}), but {above}."
        advice = "Stopping earlier would not help; more images, augmentation or weight decay may."
        fit = Finding(claim, severity=Severity.MILD, effect=Estimate(gap), advice=advice)
    else:
        fit = Finding(f"No overfitting: {ends} ({points}).", severity=Severity.INFO, effect=Estimate(gap))
    return [fit, _lowest(epoch, lowest, len(table))]


def _lowest(epoch: int, loss: float, epochs: int) -> Finding:
    return Finding(
        f"The validation loss is lowest after epoch {epoch} of {epochs}: {loss:.3f} nats.", effect=Estimate(loss)
    )


def _trend(table: pd.DataFrame, params: LearningCurvesParams) -> list[Finding]:
    """Say whether the last epochs still lowered the loss."""
    name, whose = ("val_loss", "validation") if "val_loss" in table else ("loss", "training")
    if name not in table or len(table) <= params.patience:
        claim = (
            f"{plural(len(table), 'epoch')} of training: too few to judge a trend over "
            f"{plural(params.patience, 'epoch')}."
        )
        return [Finding(claim, severity=Severity.MILD, advice="Train longer.")]
    values = table[name].to_numpy()
    before, after = float(np.nanmin(values[: -params.patience])), float(np.nanmin(values[-params.patience :]))
    gain = 1 - after / before if before > 0 else 0.0
    last = plural(params.patience, "last epoch").removeprefix("1 ")
    if gain >= 0.01:
        claim = f"Still improving: the {last} lowered the {whose} loss by {percent(gain)}, to {after:.3f} nats."
        return [
            Finding(
                claim,
                severity=Severity.MILD,
                effect=Estimate(gain),
                advice="Train longer, or with a higher learning rate: the model may not have converged.",
            )
        ]
    return [
        Finding(
            f"Training has converged: the {last} changed the lowest {whose} loss by {percent(max(gain, 0.0))}.",
            severity=Severity.INFO,
            effect=Estimate(gain),
        )
    ]

"""The temperature of a session's model, fitted on images that it is not measured on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.predictions import Predictions
from workbench.core.probabilities import some_rows
from workbench.core.types import Array
from workbench.session.held_out import trained_images
from workbench.statistics.calibration import COLDEST, HOTTEST, temperature

if TYPE_CHECKING:
    from workbench.session.session import Session

FEWEST = 20
"""Images of a half from which a temperature is fitted."""


@dataclass(frozen=True, eq=False)
class Recalibration:
    """Predictions with the temperature taken out.

    Attributes:
        predictions: of the images under study, logits divided by the temperature; the predicted classes are the same.
        temperature: to divide logits by, fitted on all images that may be used for it; None if they do not tell it,
            and then `predictions` are as they were.
        images: how many images it was fitted on.
        halves: whether these are the images under study; each half is then measured with the other's temperature.
    """

    predictions: Predictions
    temperature: float | None
    images: int
    halves: bool


def recalibrate(session: Session, seed: int = 0) -> Recalibration:
    """Fit the temperature on the run's validation images, else across the halves of the images under study."""
    predictions, trained = session.predictions, trained_images(session)
    rows = None if trained is None else trained.validation
    if trained is not None and rows is not None and (training := session.training) is not None:
        value = _fit_temperature(trained.relabelled(training.subset(rows).predictions, rows))
        if value is not None:
            return Recalibration(predictions.divided(value), value, _fitted_to(len(rows), predictions), halves=False)
    return across_halves(predictions, seed)


def across_halves(predictions: Predictions, seed: int = 0) -> Recalibration:
    """Fit on one half and apply to the other, both ways, so that no image is measured with its own temperature."""
    count = len(predictions)
    order = np.random.default_rng(seed).permutation(count)
    halves = order[: count // 2], order[count // 2 :]
    found = [_fit_temperature(_part(predictions, half)) for half in halves]
    if found[0] is None or found[1] is None or (whole := _fit_temperature(predictions)) is None:
        return Recalibration(predictions, None, count, halves=True)
    by = np.empty(count)
    by[halves[0]], by[halves[1]] = found[1], found[0]
    return Recalibration(predictions.divided(by), whole, _fitted_to(count, predictions), halves=True)


def _fitted_to(count: int, predictions: Predictions) -> int:
    """Return of how many of so many images a temperature is fitted."""
    return len(some_rows(count, predictions.logits.shape[1]))


def _fit_temperature(predictions: Predictions) -> float | None:
    """Return the temperature, or None where few images, no error or no hit leave it open."""
    if len(predictions) < FEWEST or predictions.correct.all():
        return None
    value = temperature(predictions)
    return value if COLDEST < value < HOTTEST else None


def _part(predictions: Predictions, rows: Array) -> Predictions:
    """Return some images, of very many a sample of them, to which a temperature is fitted."""
    return predictions.rows(rows[some_rows(len(rows), predictions.logits.shape[1])])

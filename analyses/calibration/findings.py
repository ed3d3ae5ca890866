"""What calibration finds: the confidence as a whole, a temperature, a threshold, the worst class, the errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.core.estimate import Estimate
from workbench.core.finding import Finding, Severity
from workbench.core.image_set import ImageSet
from workbench.core.predictions import Predictions
from workbench.core.wording import percent, plural
from workbench.session.held_out import studies_training
from workbench.statistics.calibration import selective, threshold_interval
from workbench.statistics.rates import ENOUGH, FEWEST, rate

from .recalibration import Recalibration

if TYPE_CHECKING:
    import pandas as pd

    from workbench.session.session import Session

HIDDEN = 0.5
"""Share of the errors that the confidence must surely hide for over-confidence to be a fault."""
AWAY = 0.03
"""Share of the images that these errors must surely be, too."""
FAR = 0.3
"""How far the confidence must surely lie below the accuracy for under-confidence to be a fault."""
UNLIKELY = 1e-3
"""Probability of as many errors, if the confidence were right, below which it is surely too high. With a quarter of the
errors at 98 % accuracy the difference is below a point, and no less wrong."""


def overall(session: Session, ece: Estimate, recalibration: Recalibration) -> Finding:
    """Compare the error rate that the confidence implies with the observed one."""
    predictions = session.predictions
    observed = rate(int((~predictions.correct).sum()), len(predictions))
    implied = float(1 - predictions.confidence.mean())
    hidden, low, high = (end - implied for end in observed)
    numbers = (
        f"its confidence implies an error rate of {percent(implied)} on {plural(len(predictions), 'image')}, "
        f"observed is {observed}; expected calibration error {Estimate(ece.value, ece.low, ece.high, unit='%')}"
    )
    hides = observed.low * (1 - HIDDEN) > implied and _more_than_implied(predictions) < UNLIKELY
    if low > 0.01 or hides:
        claim = f"The model is over-confident: {numbers}."
        surely = low > AWAY and implied < (1 - HIDDEN) * observed.low and _is_widespread(predictions)
        advice = f"Do not read its confidence as a probability{_remedy(recalibration)}."
        rows = np.flatnonzero(~predictions.correct)
    elif high < -0.01:
        claim, surely = f"The model is under-confident: {numbers}.", high < -FAR
        advice = f"Its confidence is too low to be read as a probability{_remedy(recalibration)}."
        rows = np.flatnonzero(predictions.correct)
    else:
        claim, surely = f"Over all images, confidence and accuracy agree: {numbers}.", False
        advice = "The confidence is off in places (see the diagram): a single temperature may not fix it."
        rows = np.flatnonzero(~predictions.correct)
    enough = len(predictions) >= ENOUGH
    serious = enough and (surely or ece.low > FAR) and not studies_training(session)
    mild = enough and (hides or (abs(hidden) > 0.01 and max(low, -high) > 0.01) or ece.low > AWAY)
    if not enough:
        claim, advice = f"Too few images to judge the confidence by: {numbers}.", ""
    order = np.argsort(-predictions.confidence[rows] if hidden > 0 else predictions.confidence[rows], kind="stable")
    cost = (max(low, 0.0), min(high, 1.0)) if hidden > 0 else (max(-high, 0.0), -low)
    return Finding(
        claim,
        severity=Severity.SERIOUS if serious else Severity.MILD if mild else Severity.INFO,
        effect=Estimate(ece.value, ece.low, ece.high),
        evidence=ImageSet(rows[order]),
        advice=advice,
        kind="miscalibration",
        cost=Estimate(abs(hidden), *cost),
        confirm="Measure again with the divided logits, on images that the temperature was not fitted on.",
    )


def _more_than_implied(predictions: Predictions) -> float:
    """Probability of at least as many errors if each answer were wrong as often as its confidence says: Poisson's."""
    from scipy.stats import poisson

    return float(poisson.sf(int((~predictions.correct).sum()) - 1, float((1 - predictions.confidence).sum())))


def _remedy(recalibration: Recalibration) -> str:
    """Say by what to divide the logits, and where that was fitted; empty without a temperature."""
    if recalibration.temperature is None:
        return ""
    images = plural(recalibration.images, "evaluated image" if recalibration.halves else "validation image")
    return f": divide the logits by {recalibration.temperature:.2f} (fitted on {images})"


def _is_widespread(predictions: Predictions) -> bool:
    """Whether over-confidence hides as many errors without the few classes (a fifth) that add most to it.

    If not, those classes are at fault (too rare in training, or labelled differently), not the confidence as a whole.
    """
    hidden = predictions.confidence - predictions.correct
    worst = np.argsort(-np.bincount(predictions.labels, weights=hidden))[: predictions.logits.shape[1] // 5]
    rest = ~np.isin(predictions.labels, worst)
    return bool((1 - predictions.confidence[rest]).sum() < (1 - HIDDEN) * (~predictions.correct[rest]).sum())


def of_temperature(recalibration: Recalibration, before: dict[str, Estimate], after: dict[str, Estimate]) -> Finding:
    """Say what dividing the logits by a temperature changes."""
    if recalibration.temperature is None:
        return Finding("No temperature can be fitted: the images have too few errors, or too few correct predictions.")
    part = (
        "fitted on one half of the images and measured on the other"
        if recalibration.halves
        else f"fitted on the run's {plural(recalibration.images, 'validation image')}"
    )
    return Finding(
        f"A temperature of {recalibration.temperature:.2f}, {part}, changes the expected calibration error from "
        f"{percent(before['ece'].value)} to {percent(after['ece'].value)} and the cross-entropy from "
        f"{before['nll'].value:.3f} to {after['nll'].value:.3f} nats; no prediction changes.",
        effect=Estimate(recalibration.temperature),
        advice=f"Divide the logits by {recalibration.temperature:.2f} before the softmax."
        if after["nll"].value < before["nll"].value
        else "",
    )


def of_threshold(predictions: Predictions, *, error_rate: float, resamples: int, seed: int) -> Finding:
    """Say from which confidence on predictions have at most this error rate."""
    curve, target = selective(predictions.confidence, predictions.correct), percent(error_rate)
    place = curve.within(error_rate)
    if place is None:
        return Finding(
            f"No threshold gives an error rate of at most {target}: the most confident predictions are wrong."
        )
    at, accepted, wrong = float(curve.threshold[place]), int(curve.accepted[place]), int(curve.wrong[place])
    (low, high), (fewest, most) = threshold_interval(
        predictions.confidence, predictions.correct, error_rate, resamples=resamples, seed=seed
    )
    share = accepted / len(predictions)
    between = covered = ""
    if low < high:  # else there are too few images, or all are alike
        low, high = min(low, at), max(high, at)
        between = f" (95 % interval {_nines(low).removesuffix(' %')}–{_nines(high)})"
        covered = f" ({percent(min(fewest, share)).removesuffix(' %')}–{percent(max(most, share))})"
    else:
        low = high = float("nan")
    return Finding(
        f"For an error rate of at most {target}, accept predictions from a confidence of {_nines(at)} on{between}: "
        f"these are {percent(share)} of the images{covered}, {wrong:,} of {accepted:,} "
        f"wrong, {rate(wrong, accepted)}.",
        effect=Estimate(at, low, high),
        evidence=ImageSet(np.flatnonzero((predictions.confidence >= at) & ~predictions.correct)),
    )


def _nines(confidence: float) -> str:
    """Write a confidence in per cent, with as many nines as it has."""
    short = min(max(1 - confidence, 1e-12), 1.0)
    return f"{100 * confidence:.{max(1, int(-np.floor(np.log10(short))) - 1)}f} %" if confidence < 1 else "100 %"


def worst_class(predictions: Predictions, classes: pd.DataFrame) -> list[Finding]:
    """Name the predicted class whose confidence is surely too high by most."""
    gaps = classes["gap_low"].where(classes["images"] >= FEWEST, -1).to_numpy()
    worst = int(gaps.argmax())
    if gaps[worst] <= 0:
        return []
    row, rows = classes.iloc[worst], np.flatnonzero((predictions.predicted == worst) & ~predictions.correct)
    observed = rate(len(rows), int(row["images"]))
    return [
        Finding(
            f"Predictions of {row['predicted']} are over-confident: their confidence implies an error rate of "
            f"{percent(1 - row['confidence'])} on {plural(int(row['images']), 'image')}, observed is {observed}.",
            effect=Estimate(float(row["gap"]), float(row["gap_low"]), float(row["gap_high"])),
            classes=(worst,),
            evidence=ImageSet(rows[np.argsort(-predictions.confidence[rows], kind="stable")]),
        )
    ]


def most_confident_errors(errors: pd.DataFrame) -> list[Finding]:
    """Count the errors that the model is sure of, and name the first."""
    if errors.empty:
        return []
    first = errors.iloc[0]
    confident = int((errors["calibrated"] >= 0.9).sum())
    return [
        Finding(
            f"{plural(confident, 'error')} of {len(errors):,} {'has' if confident == 1 else 'have'} a calibrated "
            f"confidence of 90 % or more; the most confident predicts {first['predicted']} for {first['true']} with "
            f"{_nines(first['calibrated'])}.",
            effect=Estimate(float(confident)),
            evidence=ImageSet(errors["row"].iloc[: max(confident, 1)]),
            advice="Look at these first: wrong labels and outliers are often among them.",
        )
    ]

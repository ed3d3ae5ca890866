"""Calibration: whether the confidence can be trusted, and above which threshold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from workbench.core.estimate import Estimate
from workbench.core.finding import Finding, Kind, Severity
from workbench.core.image_set import ImageSet
from workbench.core.params import Params, Seed
from workbench.core.predictions import Predictions
from workbench.core.probabilities import portions
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import percent, plural
from workbench.data.thumbnails import thumbnails_of
from workbench.session.analysis import Analysis
from workbench.session.held_out import studies_training
from workbench.session.spots import short_edge
from workbench.statistics.calibration import (
    bin_of,
    calibration_error,
    reliability,
    scores,
    selective,
    threshold_interval,
)
from workbench.statistics.confusion import confusion_counts
from workbench.statistics.rates import ENOUGH, FEWEST, rate, wilson

from .figure import draw_calibration
from .recalibration import Recalibration, recalibrate

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

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
CURVE = 400
"""Places of the risk-coverage curve that are kept."""


class CalibrationParams(Params):
    """How calibration is measured."""

    bins: int = Field(15, ge=2, le=100, description="bins of the calibration error and of the diagram")
    error_rate: float = Field(0.01, gt=0, lt=1, description="error rate to allow, for the confidence threshold")
    resamples: int = Field(400, ge=50, le=10_000, description="bootstrap resamples for the intervals")
    examples: int = Field(12, ge=1, le=24, description="most confident errors to show")
    pairs: int = Field(5, ge=1, le=30, description="class pairs to list, most errors first")
    seed: Seed = Field(0, description="seed for resampling and for splitting the images in halves")


class Calibration(Analysis[CalibrationParams]):
    """Can the model's confidence be trusted, and from which confidence on is it right?"""

    group = "Model"
    title = "Calibration"
    Params = CalibrationParams
    needs_model: ClassVar[bool] = True
    kinds: ClassVar[tuple[Kind, ...]] = ("miscalibration",)
    quick: ClassVar[Mapping[str, Any] | None] = MappingProxyType({"resamples": 200})

    def compute(self, session: Session, params: CalibrationParams) -> Result:
        """Measure confidence against accuracy, before and after a temperature from `recalibrate(session)`."""
        import pandas as pd

        predictions, names = session.predictions, session.class_names
        recalibration = recalibrate(session, params.seed)
        how = {"bins": params.bins, "resamples": params.resamples, "seed": params.seed}
        before, after = scores(predictions, **how), scores(recalibration.predictions, **how)
        measures = pd.DataFrame(
            [
                {
                    "measure": name,
                    "value": before[name].value,
                    "low": before[name].low,
                    "high": before[name].high,
                    **_after(after[name]),
                }
                for name in before
            ]
        )
        curve = selective(predictions.confidence, predictions.correct)
        low, high = wilson(curve.wrong, curve.accepted)
        coverage = pd.DataFrame(
            {"coverage": curve.coverage, "risk": curve.risk, "low": low, "high": high, "threshold": curve.threshold}
        )
        keep = np.unique(np.linspace(0, len(coverage) - 1, min(CURVE, len(coverage))).round().astype(int))
        errors = _errors(predictions, recalibration.predictions, names)
        shown = errors["row"].to_numpy()[: params.examples]
        tables = {
            "measures": measures,
            "bins": _bins(predictions, recalibration.predictions, params.bins),
            "classes": _classes(predictions, names, params.bins),
            "pairs": _pairs(predictions, names, params),
            "coverage": coverage.iloc[keep].reset_index(drop=True),
            "errors": errors,
        }
        findings = [
            _overall(session, before["ece"], recalibration),
            _temperature(recalibration, before, after),
            _threshold(predictions, params),
            *_worst_class(predictions, tables["classes"]),
            *_most_confident_errors(errors),
        ]
        notes = {
            "edges": [short_edge(predictions.confidence, edge) for edge in np.linspace(0, 1, params.bins + 1)],
            "temperature": recalibration.temperature,
            "error_rate": params.error_rate,
            "accuracy": predictions.correct.mean(),
        }
        return Result(
            tables,
            arrays={"images": thumbnails_of(session.dataset, shown)},
            findings=tuple(findings),
            sets=dict(_sets(predictions, recalibration.predictions, tables["pairs"], names, params.bins)),
            notes=notes,
        )

    def draw(self, result: Result) -> Figure:
        """Draw reliability, the classes and pairs, the risk-coverage curve, and the most confident errors."""
        return draw_calibration(result, self.question())


def _after(after: Estimate) -> dict[str, float]:
    return {"calibrated": after.value, "calibrated_low": after.low, "calibrated_high": after.high}


def _bins(predictions: Predictions, calibrated: Predictions, bins: int) -> pd.DataFrame:
    import pandas as pd

    parts = []
    for which, each in (("as it is", predictions), ("calibrated", calibrated)):
        for equal in ("width", "mass"):
            found = reliability(each.confidence, each.correct, bins=bins, equal=equal)
            parts.append(pd.DataFrame({"predictions": which, "equal": equal, "bin": np.arange(bins), **vars(found)}))
    return pd.concat(parts, ignore_index=True)


def _calibration_by_group(predictions: Predictions, groups: list[Array], bins: int) -> pd.DataFrame:
    """One row a group of images: its confidence, its accuracy, and how far the one is above the other."""
    import pandas as pd

    images = np.array([len(rows) for rows in groups], np.int64)
    right = np.array([predictions.correct[rows].sum() for rows in groups], np.int64)
    low, high = wilson(right, images)
    known = np.where(images > 0, images, np.nan)
    confidence = np.array([predictions.confidence[rows].sum() for rows in groups]) / known
    errors = [
        calibration_error(predictions.confidence[rows], predictions.correct[rows], bins=bins) if len(rows) else np.nan
        for rows in groups
    ]
    return pd.DataFrame(
        {
            "images": images,
            "confidence": confidence,
            "accuracy": right / known,
            "low": low,
            "high": high,
            "gap": confidence - right / known,
            "gap_low": confidence - high,
            "gap_high": confidence - low,
            "ece": errors,
        }
    )


def _classes(predictions: Predictions, names: tuple[str, ...], bins: int) -> pd.DataFrame:
    """Calibration of each predicted class: the true one is not known when the model is used."""
    table = _calibration_by_group(
        predictions, [np.flatnonzero(predictions.predicted == c) for c in range(len(names))], bins
    )
    table.insert(0, "predicted", list(names))
    return table


def _sets(
    predictions: Predictions, calibrated: Predictions, pairs: pd.DataFrame, names: tuple[str, ...], bins: int
) -> Iterator[tuple[str, ImageSet]]:
    """Yield the images of each bin of the calibrated confidence and of each pair, the errors first."""
    wrong_first = np.argsort(predictions.correct, kind="stable")
    place = bin_of(calibrated.confidence, bins=bins)[wrong_first]
    for number in np.unique(place).tolist():
        yield f"calibrated {number}", ImageSet(wrong_first[place == number])
    two = _two_largest(predictions)[wrong_first]
    for number, ends in enumerate(zip(pairs["one"], pairs["other"], strict=True)):
        pair = np.sort([names.index(end) for end in ends])
        yield f"pair {number}", ImageSet(wrong_first[(two == pair).all(axis=1)])


def _two_largest(predictions: Predictions) -> Array:
    """Return the two classes with the largest logits, `(N, 2)` ascending."""
    count, classes = predictions.logits.shape
    two = np.empty((count, 2), np.int64)
    for part in portions(count, classes):
        logits, rows = np.array(predictions.logits[part][:, ::-1]), np.arange(part.stop - part.start)
        for place in (0, 1):  # of equal ones the last
            largest = logits.argmax(axis=1)
            two[part, place] = classes - 1 - largest
            logits[rows, largest] = -np.inf
    return np.sort(two, axis=1)


def _pairs(predictions: Predictions, names: tuple[str, ...], params: CalibrationParams) -> pd.DataFrame:
    """Calibration where the choice is between two classes: those with the largest logits. Most errors first."""
    wrong = confusion_counts(predictions.labels, predictions.predicted, len(names))
    wrong = np.triu(wrong + wrong.T, 1)
    order = np.argsort(-wrong, axis=None, kind="stable")[: params.pairs]
    cells = np.stack(np.unravel_index(order[wrong.ravel()[order] > 0], wrong.shape), axis=1)
    two = _two_largest(predictions)
    table = _calibration_by_group(
        predictions, [np.flatnonzero((two == cell).all(axis=1)) for cell in cells], params.bins
    )
    table.insert(0, "one", [names[c] for c in cells[:, 0]])
    table.insert(1, "other", [names[c] for c in cells[:, 1]])
    return table


def _errors(predictions: Predictions, calibrated: Predictions, names: tuple[str, ...]) -> pd.DataFrame:
    """All errors, most confident after calibration first."""
    import pandas as pd

    rows = np.flatnonzero(~predictions.correct)
    rows = rows[np.argsort(-calibrated.confidence[rows], kind="stable")]
    return pd.DataFrame(
        {
            "row": rows,
            "true": [names[c] for c in predictions.labels[rows]],
            "predicted": [names[c] for c in predictions.predicted[rows]],
            "calibrated": calibrated.confidence[rows],
            "confidence": predictions.confidence[rows],
        }
    )


def _overall(session: Session, ece: Estimate, recalibration: Recalibration) -> Finding:
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


def _temperature(recalibration: Recalibration, before: dict[str, Estimate], after: dict[str, Estimate]) -> Finding:
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


def _threshold(predictions: Predictions, params: CalibrationParams) -> Finding:
    curve, target = selective(predictions.confidence, predictions.correct), percent(params.error_rate)
    place = curve.within(params.error_rate)
    if place is None:
        return Finding(
            f"No threshold gives an error rate of at most {target}: the most confident predictions are wrong."
        )
    at, accepted, wrong = float(curve.threshold[place]), int(curve.accepted[place]), int(curve.wrong[place])
    (low, high), (fewest, most) = threshold_interval(
        predictions.confidence, predictions.correct, params.error_rate, resamples=params.resamples, seed=params.seed
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


def _worst_class(predictions: Predictions, classes: pd.DataFrame) -> list[Finding]:
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


def _most_confident_errors(errors: pd.DataFrame) -> list[Finding]:
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

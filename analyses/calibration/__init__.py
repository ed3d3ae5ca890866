"""Calibration: whether the confidence can be believed, and what it is good for."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from analyses.calibration.figure import draw_calibration
from analyses.calibration.recalibration import Recalibrated, recalibrate
from workbench.core.estimate import Estimate
from workbench.core.finding import Finding, Kind, Severity
from workbench.core.params import Params
from workbench.core.predictions import Predictions
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import counted, percent
from workbench.data.sampling import MOST_EVIDENCE
from workbench.data.thumbnails import small
from workbench.session.analysis import Analysis
from workbench.session.held_out import studies_training
from workbench.statistics.calibration import calibration_error, reliability, scores, selective, threshold_interval
from workbench.statistics.confusion import confusion_counts
from workbench.statistics.rates import rate, wilson

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from workbench.session.session import Session

HIDDEN, AWAY, FAR = 0.5, 0.03, 0.3
"""Over-confidence is a fault from where it surely hides this share of the errors, and this share of the images;
under-confidence from where the confidence surely lies this far below the accuracy."""
CURVE = 400
"""Places of the risk-coverage curve that are kept."""


class CalibrationParams(Params):
    """How calibration is measured."""

    bins: int = Field(15, ge=2, le=100, description="bins of the calibration errors and of the diagram")
    error_rate: float = Field(0.01, gt=0, lt=1, description="share of the answers that may be wrong, for the threshold")
    resamples: int = Field(400, ge=50, le=10_000, description="bootstrap resamples for the intervals")
    examples: int = Field(12, ge=1, le=24, description="most confident errors to show")
    pairs: int = Field(5, ge=1, le=30, description="pairs of classes to list, most errors first")
    seed: int = Field(0, ge=0, description="of the resamples, and of the halves that temperatures are fitted on")


class Calibration(Analysis[CalibrationParams]):
    """Can the model's confidence be believed, and from which confidence on is it right?"""

    Params = CalibrationParams
    needs_model: ClassVar[bool] = True
    kinds: ClassVar[tuple[Kind, ...]] = ("miscalibration",)
    quick: ClassVar[Mapping[str, Any] | None] = MappingProxyType({"resamples": 200})

    def compute(self, session: Session, params: CalibrationParams) -> Result:
        """Measure confidence against accuracy, before and after a temperature from `recalibrate(session)`."""
        import pandas as pd

        said, names = session.predictions, session.class_names
        mended = recalibrate(session, params.seed)
        how = {"bins": params.bins, "resamples": params.resamples, "seed": params.seed}
        before, after = scores(said, **how), scores(mended.predictions, **how)
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
        curve = selective(said.confidence, said.correct)
        low, high = wilson(curve.wrong, curve.accepted)
        coverage = pd.DataFrame(
            {"coverage": curve.coverage, "risk": curve.risk, "low": low, "high": high, "threshold": curve.threshold}
        )
        keep = np.unique(np.linspace(0, len(coverage) - 1, min(CURVE, len(coverage))).round().astype(int))
        errors = _errors(said, mended.predictions, names)
        shown = errors["row"].to_numpy()[: params.examples]
        tables = {
            "measures": measures,
            "bins": _bins(said, mended.predictions, params.bins),
            "classes": _classes(said, names, params.bins),
            "pairs": _pairs(said, names, params),
            "coverage": coverage.iloc[keep].reset_index(drop=True),
            "errors": errors,
        }
        findings = [
            _overall(session, before["ece"]),
            _temperature(mended, before, after),
            _threshold(said, params),
            *_worst_class(said, tables["classes"]),
            *_surest_errors(errors),
        ]
        notes = {"temperature": mended.temperature, "error_rate": params.error_rate, "accuracy": said.correct.mean()}
        return Result(
            tables, arrays={"images": small(session.dataset.images[shown])}, findings=tuple(findings), notes=notes
        )

    def draw(self, result: Result) -> Figure:
        """Draw reliability, the classes and pairs, the risk-coverage curve, and the most confident errors."""
        return draw_calibration(result, self.question())


def _after(after: Estimate) -> dict[str, float]:
    return {"calibrated": after.value, "calibrated_low": after.low, "calibrated_high": after.high}


def _bins(said: Predictions, mended: Predictions, bins: int) -> pd.DataFrame:
    import pandas as pd

    parts = []
    for which, each in (("as it is", said), ("calibrated", mended)):
        for equal in ("width", "mass"):
            found = reliability(each.confidence, each.correct, bins=bins, equal=equal)
            parts.append(pd.DataFrame({"predictions": which, "equal": equal, "bin": np.arange(bins), **vars(found)}))
    return pd.concat(parts, ignore_index=True)


def _compared(said: Predictions, groups: list[Array], bins: int) -> pd.DataFrame:
    """One row a group of images: its confidence, its accuracy, and how far the one is above the other."""
    import pandas as pd

    images = np.array([len(rows) for rows in groups], np.int64)
    right = np.array([said.correct[rows].sum() for rows in groups], np.int64)
    low, high = wilson(right, images)
    known = np.where(images > 0, images, np.nan)
    confidence = np.array([said.confidence[rows].sum() for rows in groups]) / known
    errors = [
        calibration_error(said.confidence[rows], said.correct[rows], bins=bins) if len(rows) else np.nan
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


def _classes(said: Predictions, names: tuple[str, ...], bins: int) -> pd.DataFrame:
    """Calibration of each answer, the class that was predicted: the true one is not known when it is used."""
    table = _compared(said, [np.flatnonzero(said.predicted == c) for c in range(len(names))], bins)
    table.insert(0, "predicted", list(names))
    return table


def _pairs(said: Predictions, names: tuple[str, ...], params: CalibrationParams) -> pd.DataFrame:
    """Calibration where the choice is between two classes: those with the largest logits. Most errors first."""
    wrong = confusion_counts(said.labels, said.predicted, len(names))
    wrong = np.triu(wrong + wrong.T, 1)
    order = np.argsort(-wrong, axis=None, kind="stable")[: params.pairs]
    cells = np.stack(np.unravel_index(order[wrong.ravel()[order] > 0], wrong.shape), axis=1)
    first = said.logits.argsort(axis=1, kind="stable")[:, -2:]
    two = np.sort(first, axis=1)
    table = _compared(said, [np.flatnonzero((two == cell).all(axis=1)) for cell in cells], params.bins)
    table.insert(0, "one", [names[c] for c in cells[:, 0]])
    table.insert(1, "other", [names[c] for c in cells[:, 1]])
    return table


def _errors(said: Predictions, mended: Predictions, names: tuple[str, ...]) -> pd.DataFrame:
    """All errors, most confident after calibration first."""
    import pandas as pd

    rows = np.flatnonzero(~said.correct)
    rows = rows[np.argsort(-mended.confidence[rows], kind="stable")]
    return pd.DataFrame(
        {
            "row": rows,
            "true": [names[c] for c in said.labels[rows]],
            "predicted": [names[c] for c in said.predicted[rows]],
            "calibrated": mended.confidence[rows],
            "confidence": said.confidence[rows],
        }
    )


def _overall(session: Session, ece: Estimate) -> Finding:
    """Compare the errors that the confidence announces with those that are made."""
    said = session.predictions
    made, announced = rate(int((~said.correct).sum()), len(said)), float(1 - said.confidence.mean())
    hidden, low, high = made.value - announced, made.low - announced, made.high - announced
    numbers = (
        f"by its own confidence {percent(announced)} of the {counted(len(said), 'image')} would be wrong, and {made} "
        f"are; expected calibration error {percent(ece.value)} ({percent(ece.low).removesuffix(' %')}–"
        f"{percent(ece.high)})"
    )
    if low > 0.01:
        claim = f"The model is over-confident: {numbers}."
        surely = low > AWAY and announced < (1 - HIDDEN) * made.low and _throughout(said)
        advice = "Do not take its confidence for a probability: divide the logits by the temperature below."
        rows = np.flatnonzero(~said.correct)
    elif high < -0.01:
        claim, surely = f"The model is under-confident: {numbers}.", high < -FAR
        advice = "Its confidence is too low to be taken for a probability: divide the logits by the temperature below."
        rows = np.flatnonzero(said.correct)
    else:
        claim, surely = f"Over all images, confidence and accuracy agree: {numbers}.", False
        advice = "Confidence is off in places, see the diagram: one temperature may not mend it."
        rows = np.flatnonzero(~said.correct)
    serious = (surely or ece.low > FAR) and not studies_training(session)
    mild = abs(hidden) > 0.01 and max(low, -high) > 0.01
    order = np.argsort(-said.confidence[rows] if hidden > 0 else said.confidence[rows], kind="stable")
    cost = (max(low, 0.0), min(high, 1.0)) if hidden > 0 else (max(-high, 0.0), -low)
    return Finding(
        claim,
        severity=Severity.SERIOUS if serious else Severity.MILD if mild or ece.low > AWAY else Severity.INFO,
        effect=Estimate(ece.value, ece.low, ece.high),
        evidence=tuple(rows[order][:MOST_EVIDENCE].tolist()),
        advice=advice,
        kind="miscalibration",
        cost=Estimate(abs(hidden), *cost),
        confirm="Measure again after dividing the logits, on images that were not used for the temperature.",
    )


def _throughout(said: Predictions) -> bool:
    """Whether over-confidence hides as many errors without the few classes (a fifth) that add most to it.

    If not, those classes are at fault (too rare in training, or otherwise labelled), not the confidence as a whole.
    """
    hidden = said.confidence - said.correct
    worst = np.argsort(-np.bincount(said.labels, weights=hidden))[: said.logits.shape[1] // 5]
    rest = ~np.isin(said.labels, worst)
    return bool((1 - said.confidence[rest]).sum() < (1 - HIDDEN) * (~said.correct[rest]).sum())


def _temperature(mended: Recalibrated, before: dict[str, Estimate], after: dict[str, Estimate]) -> Finding:
    if mended.temperature is None:
        return Finding("A temperature cannot be fitted: the images have too few errors, or too few hits, to tell it.")
    part = (
        "fitted on one half of the images and measured on the other"
        if mended.halves
        else f"fitted on the run's {counted(mended.images, 'validation image')}"
    )
    return Finding(
        f"A temperature of {mended.temperature:.2f}, {part}, takes the expected calibration error from "
        f"{percent(before['ece'].value)} to {percent(after['ece'].value)} and the cross-entropy from "
        f"{before['nll'].value:.3f} to {after['nll'].value:.3f} nats; no answer changes.",
        effect=Estimate(mended.temperature),
        advice=f"Divide the logits by {mended.temperature:.2f} before the softmax."
        if after["nll"].value < before["nll"].value
        else "",
    )


def _threshold(said: Predictions, params: CalibrationParams) -> Finding:
    curve, wanted = selective(said.confidence, said.correct), percent(params.error_rate)
    place = curve.within(params.error_rate)
    if place is None:
        return Finding(f"No threshold makes the answers wrong in at most {wanted}: its surest answers are wrong.")
    at, accepted, wrong = float(curve.threshold[place]), int(curve.accepted[place]), int(curve.wrong[place])
    (low, high), (fewest, most) = threshold_interval(
        said.confidence, said.correct, params.error_rate, resamples=params.resamples, seed=params.seed
    )
    low, high = min(low, at), max(high, at)
    share = accepted / len(said)
    return Finding(
        f"To be wrong in at most {wanted} of what it answers, let it answer only from a confidence of "
        f"{_sure(at)} on (95 % interval {_sure(low).removesuffix(' %')}–{_sure(high)}): it then answers "
        f"{percent(share)} of the images ({percent(min(fewest, share)).removesuffix(' %')}–"
        f"{percent(max(most, share))}), {wrong:,} of {accepted:,} wrongly, {rate(wrong, accepted)}.",
        effect=Estimate(at, low, high),
        evidence=tuple(np.flatnonzero((said.confidence >= at) & ~said.correct)[:MOST_EVIDENCE].tolist()),
    )


def _sure(confidence: float) -> str:
    """Write a confidence in per cent, with as many nines as it has."""
    short = min(max(1 - confidence, 1e-12), 1.0)
    return f"{100 * confidence:.{max(1, int(-np.floor(np.log10(short))) - 1)}f} %" if confidence < 1 else "100 %"


def _worst_class(said: Predictions, classes: pd.DataFrame) -> list[Finding]:
    """Name the answer whose confidence is surely too high by most."""
    gaps = classes["gap_low"].fillna(-1).to_numpy()
    worst = int(gaps.argmax())
    if gaps[worst] <= 0:
        return []
    row, rows = classes.iloc[worst], np.flatnonzero((said.predicted == worst) & ~said.correct)
    made = rate(len(rows), int(row["images"]))
    return [
        Finding(
            f"The answer {row['predicted']} is surer than it should be: by its confidence "
            f"{percent(1 - row['confidence'])} of {counted(int(row['images']), 'image')} would be wrong, {made} are.",
            effect=Estimate(float(row["gap"]), float(row["gap_low"]), float(row["gap_high"])),
            classes=(worst,),
            evidence=tuple(rows[np.argsort(-said.confidence[rows], kind="stable")][:MOST_EVIDENCE].tolist()),
        )
    ]


def _surest_errors(errors: pd.DataFrame) -> list[Finding]:
    if errors.empty:
        return []
    first, sure = errors.iloc[0], int((errors["calibrated"] >= 0.9).sum())
    return [
        Finding(
            f"{counted(sure, 'error')} of {len(errors):,} {'has' if sure == 1 else 'have'} a calibrated confidence of "
            f"90 % or more; the surest takes {first['true']} for {first['predicted']} with "
            f"{_sure(first['calibrated'])}.",
            effect=Estimate(float(sure)),
            evidence=tuple(errors["row"].tolist()[:MOST_EVIDENCE]),
            advice="Look at these first: wrong labels and images that do not belong are often among them.",
        )
    ]

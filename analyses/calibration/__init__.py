"""Calibration: whether the confidence can be trusted, and above which threshold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from workbench.core.estimate import Estimate
from workbench.core.finding import Kind
from workbench.core.image_set import ImageSet
from workbench.core.params import Params, Seed
from workbench.core.predictions import Predictions
from workbench.core.probabilities import portions
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.data.thumbnails import thumbnails_of
from workbench.session.analysis import Analysis
from workbench.session.spots import short_edge
from workbench.statistics.calibration import bin_of, calibration_error, reliability, scores, selective
from workbench.statistics.confusion import confusion_counts
from workbench.statistics.rates import wilson

from .figure import draw_calibration
from .findings import most_confident_errors, of_temperature, of_threshold, overall, worst_class
from .recalibration import recalibrate

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from workbench.session.session import Session

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
            overall(session, before["ece"], recalibration),
            of_temperature(recalibration, before, after),
            of_threshold(predictions, error_rate=params.error_rate, resamples=params.resamples, seed=params.seed),
            *worst_class(predictions, tables["classes"]),
            *most_confident_errors(errors),
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

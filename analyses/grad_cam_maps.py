"""Grad-CAM of correct and wrong predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from workbench.core.attribution import Attribution
from workbench.core.dataset import Dataset
from workbench.core.estimate import Estimate
from workbench.core.finding import Finding, Severity
from workbench.core.params import ChooseFrom, Params
from workbench.core.predictions import Predictions
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import plural, probability, verb
from workbench.data.sampling import evenly, worst_first
from workbench.data.thumbnails import thumbnails_of
from workbench.plotting.colours import PREDICTED_COLOUR, TRUE_COLOUR, scale_of
from workbench.plotting.hot_spots import Spot, spot_of
from workbench.plotting.pieces import QUIET, colour_bar, colours_for, new_figure, say, text
from workbench.plotting.tiles import Tile, tiles, tiles_height
from workbench.session.analysis import Analysis
from workbench.statistics.rates import capped, rate

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from workbench.session.session import Session

CELL = 1.3
"""Width of a picture in inches."""
COLUMNS = 8


class GradCamMapsParams(Params):
    """Which layer, and how many pictures."""

    layer: Annotated[
        str | None,
        Field(description="layer to explain; auto: the last spatial layer that is not a pooling layer"),
        ChooseFrom("layers"),
    ] = None
    examples: int = Field(
        1, ge=1, le=4, description="correct and wrong predictions to show per class, most confident first"
    )
    classes: int = Field(12, ge=1, le=50, description="most classes to show; the ones with the most errors are kept")
    images: int = Field(1000, ge=1, le=100_000, description="images on which empty maps are counted, evenly spaced")


class GradCamMaps(Analysis[GradCamMapsParams]):
    """Where does the model look when it is right, and where when it is wrong?"""

    group = "Explanations"
    title = "Grad-CAM maps"
    Params = GradCamMapsParams
    needs_model = True
    needs_inside = "layers"

    def missing(self, session: Session) -> str | None:
        """Say so where the model is known to have no spatial layer."""
        if session.ready and not session.probe.spatial_layers:
            return super().missing(session) or session.probe.no_maps("Grad-CAM")
        return super().missing(session)

    def compute(self, session: Session, params: GradCamMapsParams) -> Result:
        """Explain the predicted class of the examples, and of a sample for the count of empty maps."""
        predictions, dataset = session.predictions, session.dataset
        examples = _examples(predictions, len(session.class_names), params)
        sample = evenly(len(dataset), params.images)
        shown = examples["row"].to_numpy()
        rows = np.concatenate([shown, sample])
        found = session.attribute("grad-cam", rows=rows, target="predicted", layer=params.layer)
        maps, sampled_maps = found.values[: len(shown)], found.values[len(shown) :]
        table = _describe(examples, maps, predictions, dataset)
        findings = _findings(predictions, sample, sampled_maps, found.layer or "")
        notes = {"layer": found.layer, "size": list(maps.shape[1:])}
        return Result(
            {"examples": table},
            arrays={"images": thumbnails_of(dataset, shown), "maps": maps},
            findings=tuple(findings),
            notes=notes,
        )

    def draw(self, result: Result) -> Figure:
        """Draw each example beside its map, two classes to a line."""
        table, images, maps = result.tables["examples"], result.arrays["images"], result.arrays["maps"]
        height, width = result.notes["size"]
        if table.empty:
            return say(new_figure(result, self.question(), height=2), "There is no prediction to show.")
        values = Attribution(
            maps,
            target=np.zeros(len(maps)),
            score="logit",
            signed=False,
            method="",
            params={},
            layer=None,
            image_size=images.shape[1:3],
        ).at_pixels()
        scale = scale_of(values, signed=False)
        pairs = [
            pair
            for (_, row), image, value in zip(table.iterrows(), images, values, strict=True)
            for pair in _pair(row, image, value, scale, spot_of(result, row["row"]))
        ]
        lines = tiles_height(pairs, COLUMNS, CELL)
        figure = new_figure(
            result,
            self.question(),
            width=COLUMNS * CELL + 1.1,
            height=lines,
            note=(
                "Teal: true class. Orange: predicted class with its probability. Grad-CAM of the predicted "
                f"class at layer {text(result.notes['layer'], 60)}, native size {height}×{width}, upsampled. "
                "All maps share one scale; grey: no positive evidence."
            ),
        )
        axes = figure.subplots()
        tiles(axes, pairs, columns=COLUMNS, cell=CELL)
        colour_bar(
            figure,
            axes,
            colours_for(signed=False, scale=scale, overlay=True),
            "evidence for the predicted class, logit" if lines > 2.5 else "evidence, logit",
            shrink=min(1.0, 3.5 / lines),
            aspect=25,
            pad=0.01,
        )
        return figure


def _examples(predictions: Predictions, classes: int, params: GradCamMapsParams) -> pd.DataFrame:
    """List row, class and whether it is right, for each class and each place; -1 where there is no such prediction."""
    import pandas as pd

    errors = np.bincount(predictions.labels[~predictions.correct], minlength=classes)
    present = np.bincount(predictions.labels, minlength=classes) > 0
    chosen = np.argsort(-np.where(present, errors, -1), kind="stable")[: min(params.classes, int(present.sum()))]
    listed = []
    for label in np.sort(chosen).tolist():
        for right in (True, False):
            rows = np.flatnonzero((predictions.labels == label) & (predictions.correct == right))
            rows = rows[np.argsort(-predictions.confidence[rows], kind="stable")][: params.examples]
            listed += [(int(row), label, right) for row in rows]
    return pd.DataFrame(listed, columns=["row", "label", "correct"])


def _describe(examples: pd.DataFrame, maps: Array, predictions: Predictions, dataset: Dataset) -> pd.DataFrame:
    """Add names, confidence, and how much evidence there is."""
    import pandas as pd

    rows, names = examples["row"].to_numpy(), dataset.class_names
    return pd.DataFrame(
        {
            "row": rows,
            "index": dataset.indices[rows],
            "true": [names[c] for c in predictions.labels[rows]],
            "predicted": [names[c] for c in predictions.predicted[rows]],
            "confidence": predictions.confidence[rows],
            "correct": examples["correct"].to_numpy(),
            "largest_evidence": maps.reshape(len(maps), -1).max(axis=1) if len(maps) else [],
        }
    )


def _pair(row: pd.Series, image: Array, value: Array, scale: float, spot: Spot) -> tuple[Tile, Tile]:
    """Return the image with its classes, and the image under its map."""
    predicted = f"{text(row['predicted'], 22)} {probability(row['confidence'])}%"
    first = (f"{text(row['true'], 26)}", TRUE_COLOUR)
    second = (
        ("correct, " + predicted.rsplit(" ", 1)[1], QUIET) if row["correct"] else (f"→ {predicted}", PREDICTED_COLOUR)
    )
    above = (("", QUIET), ("", QUIET))
    painted = Tile(image, above=above, overlay=value, scale=scale, spot=spot)
    return Tile(image, above=(first, second), spot=spot), painted


def _findings(predictions: Predictions, sample: Array, maps: Array, layer: str) -> list[Finding]:
    empty = maps.reshape(len(maps), -1).max(axis=1) <= 0
    share = rate(int(empty.sum()), len(maps))
    count = int(empty.sum())
    whose = f"{count:,} of {plural(len(maps), 'prediction')}"
    claim = f"{whose} {verb(min(count, len(maps)), 'have')} no positive evidence in {layer}, {share}"
    wrong = ~predictions.correct[sample]
    if wrong.any() and not wrong.all():
        parts = [rate(int(empty[which].sum()), int(which.sum())) for which in (~wrong, wrong)]
        claim += f"; correct predictions {parts[0]}, errors {parts[1]}"
    advice = "Grad-CAM shows nothing there: try another layer, or a pixel-level method such as integrated gradients."
    findings = [
        Finding(
            f"{claim}.",
            severity=capped(
                Severity.SERIOUS if share.low > 0.25 else Severity.MILD if empty.any() else Severity.INFO, len(empty)
            ),
            effect=share,
            evidence=worst_first(predictions, sample[empty]),
            advice=advice if empty.any() else "",
        )
    ]
    if maps.shape[1] * maps.shape[2] <= 16:
        height, width = maps.shape[1:]
        findings.append(
            Finding(
                f"A map of {layer} has only {height}×{width} places: it locates a part of the image, not a detail.",
                severity=Severity.MILD,
                effect=Estimate(float(height * width)),
                advice="An earlier layer has more places, but is less specific to the class.",
            )
        )
    return findings

"""Training images that helped the model with an image, and that harmed it: TracIn by the last layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from workbench.core.params import Params
from workbench.core.predictions import Predictions
from workbench.core.progress import report
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.data.thumbnails import thumbnails_of
from workbench.session.analysis import Analysis
from workbench.session.influence import NO_TRAINING, Layers, TrainingInfluence, extremes

from .figure import draw_influence
from .findings import HOW, findings_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from workbench.session.session import Session

LISTED = 2000
"""Training images that the table lists: no more can be among the 200 most harmful of a tenth of the images."""


class InfluenceParams(Params):
    """Which images, and how many training images for each."""

    row: int = Field(-1, ge=-1, description="a single image to ask about, by name or row; -1 for the surest errors")
    images: int = Field(200, ge=1, le=5000, description="errors to ask about, the surest ones")
    top: int = Field(20, ge=1, le=200, description="most harmful training images of each that are counted")
    listed: int = Field(5, ge=1, le=50, description="helpful and harmful training images of each to list")
    examples: int = Field(5, ge=1, le=20, description="images to show")
    layers: Layers = Field(
        "last",
        description="whose gradients: the last layer's, or those of all weights, which takes passes over the training "
        "images for each image: ask about a few",
    )


class Influence(Analysis[InfluenceParams]):
    """Which training images helped the model with its errors, and which harmed it?

    Influence is what a training step on one image does to the loss of another image's label, through the last layer:
    helpful where the loss falls. It is added up over the checkpoints that the run has kept (TracIn); without any, it is
    measured at the final weights alone. What a step changes below the last layer is left out, unless all weights are
    asked for: the first images are mostly the right ones, the order of the rest is rough (README).
    """

    group = "Labels"
    title = "Helpful and harmful images"
    Params = InfluenceParams
    needs_model = True
    needs_inside = "weights"
    names_training: ClassVar[bool] = True

    def missing(self, session: Session) -> str | None:
        """Say that the training images or the model's last layer are not known."""
        return super().missing(session) or (NO_TRAINING if session.train is None else None)

    def compute(self, session: Session, params: InfluenceParams) -> Result:
        """Ask for the influence of all training images on each image, and count who harms how many."""
        predictions, asked = session.predictions, TrainingInfluence(session, params.layers)
        rows = session.dataset.rows([params.row]) if params.row >= 0 else chosen(predictions, params.images)
        lists, harmed, total = dict[int, tuple[Array, Array, Array]](), np.zeros(len(asked.rows), np.int64), 0.0
        for some, found in asked.on(rows):
            for row, influences in zip(some.tolist(), found, strict=True):
                helpful, harmful = extremes(influences, max(params.top, params.listed))
                harmed[harmful[: params.top]] += 1
                places = np.concatenate([each[: params.listed] for each in (helpful, harmful)])
                count = min(len(helpful), params.listed)
                lists[row] = asked.rows[places], influences[places], np.arange(len(places)) < count
            total = total + found.sum(axis=0)
            report("Adding up influences", len(lists), len(rows))
        tables = {
            "images": _images(session, asked, lists),
            "training": _training(asked, harmed, np.asarray(total), asked.on_itself()),
        }
        shown = rows[: params.examples]
        seen = tables["images"][tables["images"]["row"].isin(shown)]["train_row"].to_numpy()
        worst = tables["training"]["train_row"].to_numpy()[: 2 * params.listed]
        train = asked.training.dataset
        return Result(
            tables,
            arrays={
                "images": thumbnails_of(session.dataset, shown),
                "training images": thumbnails_of(train, seen),
                "worst images": thumbnails_of(train, worst),
            },
            findings=tuple(findings_of(session, asked, tables, rows, params.top)),
            notes={
                "shown": shown.tolist(),
                "checkpoints": asked.checkpoints,
                "measured": asked.measured,
                "unit": asked.unit,
                "asked": len(rows),
                "top": params.top,
                "layers": params.layers,
            },
        )

    def draw(self, result: Result) -> Figure:
        """Draw images beside the training images that help the most and harm the most; below, who harms many."""
        return draw_influence(result, self.question())


def chosen(predictions: Predictions, count: int) -> Array:
    """Choose the surest errors, the surest first; without errors, the images with the largest losses."""
    wrong = np.flatnonzero(~predictions.correct)
    worth = predictions.confidence[wrong] if len(wrong) else predictions.loss
    order = np.argsort(-worth, kind="stable")[:count]
    return wrong[order] if len(wrong) else order


def _images(session: Session, asked: TrainingInfluence, lists: dict[int, tuple[Array, Array, Array]]) -> pd.DataFrame:
    """List what helps and harms each image the most."""
    import pandas as pd

    predictions, names = session.predictions, session.class_names
    labels, said = asked.labels, asked.training.predictions
    lines = [
        {
            "row": row,
            "label": names[predictions.labels[row]],
            "predicted": names[predictions.predicted[row]],
            "did": HOW[0] if good else HOW[1],
            "train_row": other,
            "influence": value,
            "its_label": names[labels[other]],
            "probability_of_its_label": said.probabilities[other, labels[other]],
        }
        for row, (others, values, helps) in lists.items()
        for other, value, good in zip(others.tolist(), values.tolist(), helps.tolist(), strict=True)
    ]
    columns = ("row", "label", "predicted", "did", "train_row", "influence", "its_label", "probability_of_its_label")
    return pd.DataFrame(lines, columns=list(columns))


def _training(asked: TrainingInfluence, harmed: Array, total: Array, own: Array | None) -> pd.DataFrame:
    """List training images by how many images they harm, then by how much."""
    import pandas as pd

    order = np.lexsort((total, -harmed))[:LISTED]
    rows, data, said = asked.rows[order], asked.training.dataset, asked.training.predictions
    labels = asked.labels[rows]
    return pd.DataFrame(
        {
            "train_row": rows,
            "label": [data.class_names[c] for c in labels],
            "predicted": [data.class_names[c] for c in said.predicted[rows]],
            "images_harmed": harmed[order],
            "influence_on_all": total[order],
            "self_influence": np.full(len(rows), np.nan) if own is None else own[order],
            "probability_of_label": said.probabilities[rows, labels],
        }
    )

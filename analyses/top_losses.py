"""Images with the highest loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from workbench.core.estimate import Estimate
from workbench.core.finding import Finding, Severity
from workbench.core.image_set import ImageSet
from workbench.core.params import Params
from workbench.core.result import Result
from workbench.core.wording import percent, plural, probability
from workbench.data.thumbnails import thumbnails_of
from workbench.plotting.colours import PREDICTED_COLOUR, TRUE_COLOUR
from workbench.plotting.hot_spots import spot_of
from workbench.plotting.pieces import QUIET, new_figure, text
from workbench.plotting.tiles import Tile, image_name, tiles, tiles_height
from workbench.session.analysis import Analysis
from workbench.statistics.rates import capped, rate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from workbench.session.session import Session


class TopLossesParams(Params):
    """How many images, and what counts as confident."""

    count: int = Field(24, ge=1, le=100, description="images to list")
    sure: float = Field(0.95, ge=0.5, le=1, description="probability from which a wrong prediction counts as confident")


class TopLosses(Analysis[TopLossesParams]):
    """Which images have the highest loss?"""

    group = "Errors"
    title = "Highest losses"
    Params = TopLossesParams

    def compute(self, session: Session, params: TopLossesParams) -> Result:
        """Sort by cross-entropy of the label, largest first; ties by row."""
        import pandas as pd

        predictions, dataset, names = session.predictions, session.dataset, session.class_names
        order = np.argsort(-predictions.loss, kind="stable")
        rows = order[: params.count]
        labels, predicted = predictions.labels[rows], predictions.predicted[rows]
        table = pd.DataFrame(
            {
                "row": rows,
                "index": dataset.indices[rows],
                "true": [names[c] for c in labels],
                "predicted": [names[c] for c in predicted],
                "confidence": predictions.confidence[rows],
                "probability_of_true": predictions.probabilities[rows, labels],
                "loss": predictions.loss[rows],
                "correct": predictions.correct[rows],
            }
        )
        sure = order[~predictions.correct[order] & (predictions.confidence[order] >= params.sure)]
        share = rate(len(sure), len(predictions))
        findings = [
            Finding(
                f"{plural(len(sure), 'image')} of {len(predictions):,} {'is' if len(sure) == 1 else 'are'} "
                f"misclassified with a confidence of at least {percent(params.sure)}, {share}.",
                severity=capped(
                    Severity.SERIOUS if share.low > 0.01 else Severity.MILD if len(sure) else Severity.INFO,
                    len(predictions),
                ),
                effect=share,
                evidence=ImageSet(sure),
                advice="Look at them first: wrong labels and outliers are frequent here." if len(sure) else "",
            )
        ]
        total = float(predictions.loss.sum())
        if total > 0:
            hundredth = max(len(predictions) // 100, 1)
            carried = float(predictions.loss[order[:hundredth]].sum() / total)
            findings.append(
                Finding(
                    f"The {plural(hundredth, 'image')} with the highest loss ({percent(hundredth / len(predictions))} "
                    f"of all) {'accounts' if hundredth == 1 else 'account'} for {percent(carried)} of the total "
                    f"loss; mean loss {total / len(predictions):.3f} nats.",
                    effect=Estimate(carried),
                    evidence=ImageSet(order[:hundredth]),
                )
            )
        return Result({"losses": table}, arrays={"images": thumbnails_of(dataset, rows)}, findings=tuple(findings))

    def draw(self, result: Result) -> Figure:
        """Draw the images, worst first."""
        table, columns = result.tables["losses"], min(8, len(result.tables["losses"]))
        cell = 1.28
        pictures = [
            Tile(
                image,
                above=[(text(row.true, 17), TRUE_COLOUR), (f"{text(row.predicted, 11)} {said}%", PREDICTED_COLOUR)],
                below=[(f"loss {row.loss:.2f}", QUIET), image_name(result, at)],
                spot=spot_of(result, at),
            )
            for image, row, at, said in zip(
                result.arrays["images"],
                table.itertuples(),
                table["row"].tolist(),
                map(probability, table["confidence"]),
                strict=True,
            )
        ]
        figure = new_figure(
            result,
            self.question(),
            width=max(columns * cell + 0.2, 6.0),
            height=tiles_height(pictures, columns, cell),
            note=(
                "Teal: true class. Orange: predicted class with its probability. Loss: cross-entropy of the "
                "true class in nats."
            ),
        )
        tiles(figure.subplots(), pictures, columns=columns, cell=cell)
        return figure

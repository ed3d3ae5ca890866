"""True against predicted class: where in an image the margin of an error comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from workbench.core.errors import WorkbenchError
from workbench.core.finding import Finding, Severity
from workbench.core.params import ChooseFrom, Params
from workbench.core.predictions import Predictions
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import plural
from workbench.data.objects import object_masks, plain
from workbench.data.sampling import evenly
from workbench.data.thumbnails import thumbnails_of
from workbench.session import contrasts
from workbench.session.analysis import Analysis
from workbench.statistics.confusion import confusion_counts
from workbench.statistics.rates import rate

from .figure import draw_contrasts
from .findings import about, findings_of, of_layer

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from workbench.session.session import Session

MUTE = 0.8
"""Share of the background's pixels that are exactly zero above which the findings say so."""


class ContrastMapsParams(Params):
    """Which errors, and how they are explained."""

    images: int = Field(6, ge=1, le=30, description="errors to show, the worst of each most confused pair first")
    row: int = Field(-1, ge=-1, description="a single image to show instead, by name or row; -1 for the errors")
    pixel_method: contrasts.Method = "integrated-gradients"
    reference: contrasts.Reference = "mean"
    layer: Annotated[
        str | None,
        Field(description="layer for HiResCAM; auto: the last spatial layer that is not a pooling layer"),
        ChooseFrom("layers"),
    ] = None
    examined: int = Field(200, ge=1, le=20_000, description="errors to average over, evenly spaced")


class ContrastMaps(Analysis[ContrastMapsParams]):
    """Which parts of an image speak for the true class of an error, and which for the predicted one?

    The logit of the true class minus that of the predicted one, f_true - f_predicted, is explained. A correct
    prediction is contrasted with the second most probable class.
    """

    group = "Explanations"
    title = "Contrast maps"
    Params = ContrastMapsParams
    needs_model = True
    needs_inside = "layers"

    def compute(self, session: Session, params: ContrastMapsParams) -> Result:
        """Explain the margin of the shown images and of a sample of all errors, and add it up over places."""
        if not session.probe.spatial_layers:
            raise WorkbenchError(session.probe.no_maps("HiResCAM, which is shown beside the pixels,"))
        predictions, count = session.predictions, len(session.dataset)
        wrong = np.flatnonzero(~predictions.correct)
        if params.row >= 0:
            shown = sample = session.dataset.rows([params.row])
        else:
            shown = _worst(predictions, len(session.class_names), params.images)
            sample = wrong[evenly(len(wrong), params.examined)]
        rows = np.unique(np.concatenate([shown, sample]))
        table, arrays, notes = _measured(session, rows, params)
        if not len(rows):
            claim = f"None of {plural(count, 'image')} is classified wrongly: there is no error to explain."
            return Result({"errors": table}, findings=(Finding(claim, severity=Severity.INFO, effect=rate(0, count)),))
        at = np.searchsorted(rows, shown)
        counting = table.iloc[np.searchsorted(rows, sample)]
        findings = (
            [about(table.iloc[at[0]], str(session.dataset.names[params.row]), notes)]
            if params.row >= 0
            else findings_of(counting, notes)
        )
        order = np.concatenate([at, np.setdiff1d(np.arange(len(rows)), at)])
        return Result(
            {"errors": table.iloc[order].reset_index(drop=True)},
            arrays={"images": thumbnails_of(session.dataset, shown), **{k: v[at] for k, v in arrays.items()}},
            findings=(*findings, of_layer(counting, notes)),
            notes=notes,
        )

    def draw(self, result: Result) -> Figure:
        """Draw each image beside its two maps, the sums of cells, and how the margin adds up."""
        return draw_contrasts(result, self.question())


def _measured(
    session: Session, rows: Array, params: ContrastMapsParams
) -> tuple[pd.DataFrame, dict[str, Array], dict[str, Any]]:
    """Explain some images: a line for each of how its margin adds up, the maps, and what they are."""
    import pandas as pd

    predictions, names, index = session.predictions, session.dataset.class_names, session.dataset.indices
    labels, against = predictions.labels[rows], contrasts.rivals(predictions, rows)
    taken = {"layer": params.layer, "reference": params.reference}
    fine = contrasts.contrast(session, params.pixel_method, rows, (labels, against), **taken)
    coarse = contrasts.contrast(session, "hires-cam", rows, (labels, against), layer=params.layer)
    values, masks = contrasts.spread_over_pixels(fine), object_masks(np.asarray(session.dataset.images[rows]))
    cells, quiet = contrasts.sum_over_cells(values), values[~masks] == 0
    shaded = masks & plain(masks)[:, None, None]
    margins = contrasts.margins(predictions, rows, labels, against)
    on, beyond, behind = contrasts.on_object_and_background(values, masks)
    grid = cells.shape[1:]
    flat = cells.reshape(len(rows), grid[0] * grid[1])
    largest = np.abs(flat).argmax(axis=1)
    hires = coarse.values.sum(axis=(1, 2), dtype=np.float64)
    table = pd.DataFrame(
        {
            "row": rows,
            "index": index[rows],
            "true": [names[c] for c in labels],
            "predicted": [names[c] for c in predictions.predicted[rows]],
            "against": [names[c] for c in against],
            "confidence": predictions.confidence[rows],
            "margin": margins,
            "on_object": on,
            "on_background": beyond,
            "left_over": margins - values.sum(axis=(1, 2)),
            "background_share": behind,
            "completeness_gap": fine.details.get("completeness gap", np.full(len(rows), np.nan)),
            "largest_cell": [contrasts.place(each // grid[1], each % grid[1], grid) for each in largest],
            "largest_value": flat[np.arange(len(rows)), largest],
            "hires_sum": hires,
            "hires_left_over": margins - hires,
        }
    )
    notes = {
        "title": contrasts.title(params.pixel_method),
        "layer": coarse.layer or "",
        "complete": "completeness gap" in fine.details,
        "sizes": {k: "×".join(map(str, each.values.shape[1:])) for k, each in (("pixels", fine), ("layer", coarse))},
        "reference": str(fine.params.get("reference") or ""),
        "silent": bool(quiet.size and quiet.mean() > MUTE),
    }
    return table, {"pixels": fine.at_pixels(), "layer": coarse.at_pixels(), "cells": cells, "masks": shaded}, notes


def _worst(predictions: Predictions, classes: int, most: int) -> Array:
    """Rows of the error with the highest loss of each directed pair, commonest pair first; then of all that is left."""
    wrong = np.flatnonzero(~predictions.correct)
    wrong = wrong[np.argsort(-predictions.loss[wrong], kind="stable")]
    counts = confusion_counts(predictions.labels, predictions.predicted, classes)
    pair = predictions.labels[wrong] * classes + predictions.predicted[wrong]
    first = np.unique(pair, return_index=True)[1]
    first = first[np.lexsort((first, -counts.ravel()[pair[first]]))]
    return np.concatenate([wrong[first], np.delete(wrong, first)])[:most]

"""True against predicted class: where in an image the margin of an error comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from workbench.core.errors import WorkbenchError
from workbench.core.estimate import Estimate
from workbench.core.finding import Finding, Severity
from workbench.core.image_set import ImageSet
from workbench.core.params import ChooseFrom, Params
from workbench.core.predictions import Predictions
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import number, plural, probability, verb
from workbench.data.objects import object_masks, plain
from workbench.data.sampling import evenly
from workbench.data.thumbnails import thumbnails_of
from workbench.plotting.colours import PREDICTED_COLOUR, TRUE_COLOUR, scale_of
from workbench.plotting.hot_spots import place_spot, spot_of
from workbench.plotting.pieces import (
    INK,
    QUIET,
    SMALL,
    colours_for,
    heading,
    new_figure,
    on_paper,
    say,
    scale_bar,
    text,
)
from workbench.plotting.pieces import plain as bare
from workbench.plotting.tiles import Tile, image_name, strips, tiles, tiles_height
from workbench.session import contrasts
from workbench.session.analysis import Analysis
from workbench.statistics.bootstrap import estimate
from workbench.statistics.confusion import confusion_counts
from workbench.statistics.rates import capped, rate

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from workbench.session.session import Session

UNITS = {"pixels": "logits per pixel", "layer": "logits per place", "cells": "logits per cell"}
CELL = 1.6
"""Width of a picture in inches."""
FOOT = 0.34
"""Room for the colour bars below, in rows of the figure."""
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
            [_about(table.iloc[at[0]], str(session.dataset.names[params.row]), notes)]
            if params.row >= 0
            else _findings(counting, notes)
        )
        order = np.concatenate([at, np.setdiff1d(np.arange(len(rows)), at)])
        return Result(
            {"errors": table.iloc[order].reset_index(drop=True)},
            arrays={"images": thumbnails_of(session.dataset, shown), **{k: v[at] for k, v in arrays.items()}},
            findings=(*findings, _of_layer(counting, notes)),
            notes=notes,
        )

    def draw(self, result: Result) -> Figure:
        """Draw each image beside its two maps, the sums of cells, and how the margin adds up."""
        if result.tables["errors"].empty:
            return say(new_figure(result, self.question(), height=2.0), "There is no error to explain.")
        notes, arrays, count = result.notes, result.arrays, len(result.arrays["images"])
        table = result.tables["errors"].iloc[:count]
        scales = {name: scale_of(arrays[name], signed=True) for name in UNITS}
        lines = [
            [
                Tile(
                    arrays["images"][n],
                    above=_classes(row),
                    below=[image_name(result, row["row"])],
                    spot=spot_of(result, row["row"]),
                ),
                Tile(
                    on_paper(arrays["pixels"][n], scales["pixels"], arrays["masks"][n]),
                    above=[(notes["title"], INK), (notes["sizes"]["pixels"], QUIET)],
                    framed=True,
                    spot=spot_of(result, row["row"]),
                ),
                Tile(
                    arrays["images"][n],
                    above=[("HiResCAM", INK), (f"{notes['sizes']['layer']}, enlarged", QUIET)],
                    overlay=arrays["layer"][n],
                    signed=True,
                    scale=scales["layer"],
                    contrast=True,
                    spot=spot_of(result, row["row"]),
                ),
            ]
            for n, (_, row) in enumerate(table.iterrows())
        ]
        tall = tiles_height(lines[0], 3, CELL)
        figure = new_figure(
            result,
            self.question(),
            width=3 * CELL + tall + 5.4,
            height=tall * (count + FOOT) + 0.4,
            note="Explained: the logit of the true class minus that of the other, which is the predicted class of an "
            "error. Teal: evidence for the true class; orange: for the other. Maps in a column share one scale, and "
            f"so do all cells. HiResCAM at {text(notes['layer'], 60)}. Shaded: the object, the largest part that "
            "differs from a plain background.",
        )
        pictures, cells, bars = figure.subplots(1, 3, width_ratios=[3 * CELL, tall, 4.2])
        for strip, line in zip(strips(pictures, count), lines, strict=True):
            tiles(strip, line, columns=3, cell=CELL)
        whole = (-np.inf, np.inf, -np.inf, np.inf)
        for place, (strip, values) in enumerate(zip(strips(cells, count), arrays["cells"], strict=True)):
            _heat(strip, values, scales["cells"])
            spot = spot_of(result, table["row"].iloc[place])
            place_spot(strip, whole, spot)
            place_spot(bars, (-np.inf, np.inf, place - 0.48, place + 0.48), spot)
        _waterfall(bars, table, "reference" if notes["complete"] else "remainder")
        heading(pictures, "Where the margin comes from")
        heading(cells, "Sum per cell")
        for axes in (pictures, cells, bars):
            axes.set_ylim(count - 0.5 + FOOT, -0.5)
        foot = FOOT / (count + FOOT)
        for axes, name, left, width in (
            (pictures, "pixels", 0.345, 0.28),
            (pictures, "layer", 0.69, 0.28),
            (cells, "cells", 0.02, 0.8),
        ):
            colours = colours_for(signed=True, scale=scales[name], overlay=name == "layer", contrast=True)
            scale_bar(axes.inset_axes((left, 0.58 * foot, width, 0.2 * foot)), colours, UNITS[name])
        return figure


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


def _method(notes: dict[str, Any]) -> str:
    name = notes["title"] + (f" with reference {notes['reference']!r}" if notes["reference"] else "")
    return name if notes["complete"] else f"{name}, whose values need not sum to the margin"


def _findings(table: pd.DataFrame, notes: dict[str, Any]) -> list[Finding]:
    over, seen = plural(len(table), "error"), table[table["on_background"].notna()]
    margin, found = estimate(table["margin"].to_numpy()), []
    if len(seen):
        behind, on, beyond, rest = (
            estimate(seen[name].to_numpy()) for name in ("background_share", "on_object", "on_background", "left_over")
        )
        first = seen.sort_values("background_share", ascending=False, kind="stable")["row"]
        if np.isfinite(behind.value):
            but = ", but this method gives exactly zero to pixels equal to the reference"
            found.append(
                Finding(
                    f"{contrasts.in_percent(behind)} of the evidence for the predicted class lies on the background "
                    f"({_method(notes)}){but if notes['silent'] else ''}.",
                    severity=capped(
                        Severity.SERIOUS
                        if behind.low > 0.5
                        else Severity.MILD
                        if behind.value > 0.25 or notes["silent"]
                        else Severity.INFO,
                        len(seen),
                    ),
                    effect=behind,
                    evidence=ImageSet(first),
                    advice="Choose a reference that differs from the background."
                    if notes["silent"]
                    else "Look at the first images: is it the outline of the object, or something in the background?",
                )
            )
        found.append(
            Finding(
                f"Over {plural(len(seen), 'error')} on a plain background, the object contributes {on} logits to the "
                f"margin, the background {beyond}; {'the reference' if notes['complete'] else 'the remainder'} is "
                f"{rest}.",
                severity=Severity.INFO,
                effect=beyond,
                evidence=ImageSet(first),
            )
        )
    if len(seen) < len(table):
        others = len(table) - len(seen)
        none = rate(others, len(table))
        found.append(
            Finding(
                f"{others:,} of {over}, {none}, {verb(others, 'have')} no plain background: object and background "
                "cannot be separated there.",
                severity=Severity.INFO,
                effect=none,
                evidence=ImageSet(table[table["on_background"].isna()]["row"]),
            )
        )
    if notes["complete"]:
        gap = estimate(table["completeness_gap"].abs().to_numpy())
        far = gap.value > 0.1 * abs(margin.value)
        worst = table.sort_values("completeness_gap", key=abs, ascending=False, kind="stable")["row"]
        found.append(
            Finding(
                f"{notes['title']} misses the difference to the reference by {gap} logits (completeness gap); the mean "
                f"margin is {margin}.",
                severity=capped(Severity.MILD, len(table)) if far else Severity.INFO,
                effect=gap,
                evidence=ImageSet(worst),
                advice="Use more steps where a contribution matters that is not much larger." if far else "",
            )
        )
    return found


def _about(row: pd.Series, name: str, notes: dict[str, Any]) -> Finding:
    """Say how the margin of one image adds up."""
    parts = [("object", row["on_object"]), ("background", row["on_background"])]
    if np.isnan(parts[1][1]):
        parts = [("whole image, which has no plain background,", row["on_object"])]
    parts.append(("reference" if notes["complete"] else "remainder", row["left_over"]))
    sums = ", ".join(f"{name} {number(value)}" for name, value in parts)
    return Finding(
        f"{name}: the logit of {row['true']} minus that of {row['against']} is {number(row['margin'])}: "
        f"{sums} ({_method(notes)}). Strongest cell: {row['largest_cell']}, {number(row['largest_value'])}.",
        effect=Estimate(float(row["margin"])),
        evidence=ImageSet([int(row["row"])]),
    )


def _of_layer(table: pd.DataFrame, notes: dict[str, Any]) -> Finding:
    rest = estimate(table["hires_left_over"].abs().to_numpy())
    return Finding(
        f"HiResCAM at {notes['layer']}, {notes['sizes']['layer']} places, sums to the margin up to {rest} logits.",
        severity=Severity.INFO,
        effect=rest,
        advice="The remainder is a constant (the difference of two biases) only if a single linear layer follows.",
    )


def _classes(row: pd.Series) -> list[tuple[str, str]]:
    second = f"→ {text(row['predicted'], 16)} {probability(row['confidence'])}%"
    if row["margin"] >= 0:
        second = f"not {text(row['against'], 16)}"
    return [(text(row["true"], 20), TRUE_COLOUR), (second, PREDICTED_COLOUR)]


def _heat(axes: Axes, values: Array, scale: float) -> None:
    """Draw the sums of an image's cells; those that matter as numbers too."""
    axes.imshow(on_paper(values, scale), interpolation="nearest")
    axes.set_axis_off()
    decimals = 1 if scale >= 1 else 2
    for (y, x), value in np.ndenumerate(values):
        if abs(value) >= 0.15 * scale >= 0.01:  # what is smaller would read 0.00
            colour = "white" if abs(value) > 0.6 * scale else INK
            said = number(value, decimals)
            axes.text(x, y, said, fontsize=SMALL, color=colour, ha="center", va="center")
    height, width = (side - 0.5 for side in values.shape)
    frame = [-0.5, width, width, -0.5, -0.5], [-0.5, -0.5, height, height, -0.5]
    axes.plot(*frame, color=QUIET, linewidth=0.5, clip_on=False)


def _waterfall(axes: Axes, table: pd.DataFrame, rest: str) -> None:
    """Draw for each image what reference, object and background give, and the margin that they add up to."""
    values = np.nan_to_num(table[["on_object", "on_background", "left_over", "margin"]].to_numpy())
    low, high = min(float(values.min()), -1e-6), max(float(values.max()), 1e-6)
    for n, (_, row) in enumerate(table.iterrows()):
        seen = not np.isnan(row["on_background"])
        parts = [
            (rest, row["left_over"]),
            ("object" if seen else "all pixels", row["on_object"]),
            ("background", row["on_background"]),
            ("= margin", row["margin"]),
        ]
        for at, (name, value) in zip(n + np.array([-0.27, -0.09, 0.09, 0.27]), parts, strict=True):
            bold = "bold" if name == "= margin" else "normal"
            axes.text(
                -0.02,
                at,
                name,
                fontsize=SMALL,
                color=INK,
                ha="right",
                va="center",
                fontweight=bold,
                transform=axes.get_yaxis_transform(),
            )
            if np.isnan(value):
                axes.text(0.01 * (high - low), at, "no plain background", fontsize=SMALL, color=QUIET, va="center")
                continue
            axes.barh(at, value, height=0.14, color=TRUE_COLOUR if value > 0 else PREDICTED_COLOUR, linewidth=0)
            away = (0.02 if value >= 0 else -0.02) * (high - low)
            axes.text(
                value + away,
                at,
                number(value),
                fontsize=SMALL,
                color=INK,
                va="center",
                fontweight=bold,
                ha="left" if value >= 0 else "right",
            )
    heading(axes, "Parts of the margin, logits")
    bare(axes, grid="x")
    axes.set_yticks([])
    axes.axvline(0, color=QUIET, linewidth=0.8)
    axes.set_xlim(low - 0.2 * (high - low), high + 0.2 * (high - low))

"""Feature maps of one image, and channels that are dead on all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from workbench.core.errors import WorkbenchError
from workbench.core.finding import Finding, Severity
from workbench.core.image_set import ImageSet
from workbench.core.params import Params
from workbench.core.progress import report
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import plural, verb
from workbench.data.sampling import evenly
from workbench.data.thumbnails import as_rgb, different_images, thumbnails_of
from workbench.plotting.colours import PREDICTED_COLOUR, TRUE_COLOUR, scale_of
from workbench.plotting.hot_spots import place_spot, spot_of
from workbench.plotting.pieces import (
    BODY,
    INK,
    QUIET,
    SMALL,
    colour_bar,
    colours_for,
    montage,
    new_figure,
    show_map,
    text,
)
from workbench.session.analysis import Analysis
from workbench.statistics.rates import ENOUGH, rate

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from workbench.models.probe import Probe
    from workbench.session.session import Session


class FeatureMapsParams(Params):
    """Which image, and how much of the network."""

    row: int = Field(0, ge=0, description="image to show, by name or row")
    images: int = Field(512, ge=1, le=100_000, description="images on which dead channels are counted, evenly spaced")
    channels: int = Field(16, ge=1, le=64, description="most channels of each layer to draw, strongest first")
    layers: int = Field(12, ge=1, le=50, description="most layers to draw and count, evenly spaced")


class FeatureMaps(Analysis[FeatureMapsParams]):
    """What does each layer respond to in an image, and which channels are dead?"""

    group = "Model"
    title = "Feature maps"
    Params = FeatureMapsParams
    needs_model = True
    needs_inside = "layers"

    def missing(self, session: Session) -> str | None:
        """Say so where the model is known to have no feature maps."""
        if session.ready and not session.probe.spatial_layers:
            return super().missing(session) or session.probe.no_maps("This analysis")
        return super().missing(session)

    def compute(self, session: Session, params: FeatureMapsParams) -> Result:
        """Read all layers in one pass: the maps of one image, and the range of every channel over many."""
        import pandas as pd

        dataset, predictions, probe = session.dataset, session.predictions, session.probe
        if params.row >= len(dataset):
            raise WorkbenchError(
                f"`row` must lie in 0…{len(dataset) - 1}, one of {plural(len(dataset), 'image')}. Got {params.row}."
            )
        if reason := self.missing(session):
            raise WorkbenchError(reason)
        layers = _spaced(probe.spatial_layers, params.layers)
        read = probe.compile(
            ("feature maps", tuple(layers)), lambda batch: [probe.trace(batch).maps(n) for n in layers], (probe.images,)
        )
        rows = evenly(len(dataset), params.images)
        low, high = _ranges(read, session, rows, len(layers), probe)
        arrays: dict[str, Array] = {"image": thumbnails_of(dataset, [params.row])[0]}
        lines = []
        for number, (name, maps) in enumerate(zip(layers, read(dataset.floats([params.row])), strict=True)):
            own = np.moveaxis(np.asarray(maps, np.float32)[0], -1, 0)  # (F, h, w)
            strongest = np.argsort(-np.abs(own).max(axis=(1, 2)), kind="stable")[: params.channels]
            arrays[f"maps_{number}"], arrays[f"channels_{number}"] = own[strongest], strongest
            silent, constant = high[number] <= 0, high[number] == low[number]
            lines.append(
                {
                    "layer": name,
                    "kind": probe.layers[name].kind,
                    "size": f"{own.shape[1]}×{own.shape[2]}",
                    "channels": len(own),
                    "silent": int(silent.sum()),
                    "constant": int(constant.sum()),
                    "dead": int((silent | constant).sum()),
                    "lowest": float(low[number].min()),
                    "highest": float(high[number].max()),
                }
            )
        table = pd.DataFrame(lines)
        label, predicted = int(dataset.labels[params.row]), int(predictions.predicted[params.row])
        notes = {
            "true": dataset.class_names[label],
            "predicted": dataset.class_names[predicted],
            "right": label == predicted,
            "confidence": float(predictions.confidence[params.row]),
            "counted": len(rows),
            "all_layers": len(probe.spatial_layers),
        }
        return Result(
            {"layers": table},
            arrays=arrays,
            findings=tuple(_findings(table, len(rows), params.row, different_images(dataset, rows))),
            notes=notes,
        )

    def draw(self, result: Result) -> Figure:
        """Draw a row of channels for each layer, below the image."""
        table, notes = result.tables["layers"], result.notes
        caption = (
            "The channels of each layer with the largest values, strongest first; they share one scale, layers do not. "
            f"Dead: never above 0, or constant, over {plural(notes['counted'], 'image')}."
        )
        if len(table) < notes["all_layers"]:
            caption += f" Shown: {len(table)} of {plural(notes['all_layers'], 'layer')}."
        figure = new_figure(result, self.question(), width=12, height=0.95 * len(table) + 0.95, note=caption)
        grid = figure.add_gridspec(len(table) + 1, 2, width_ratios=[1.7, 10])
        axes = figure.add_subplot(grid[0, 0])
        axes.imshow(as_rgb(result.arrays["image"]), interpolation="nearest")
        place_spot(axes, (-np.inf, np.inf, -np.inf, np.inf), spot_of(result, int(result.params.get("row", 0))))
        axes.set_axis_off()
        _classes(figure, grid[0, 1], result)
        columns = max(len(result.arrays[f"channels_{number}"]) for number in range(len(table)))
        for row in table.itertuples():
            _layer(figure, grid, row, result, columns)
        return figure


def _spaced(names: list[str], most: int) -> list[str]:
    """Return at most `most` names, evenly spaced, the last one included."""
    return names[-1:] if most == 1 else [names[place] for place in evenly(len(names), most)]


def _ranges(read: Any, session: Session, rows: Array, layers: int, probe: Probe) -> tuple[list[Array], list[Array]]:
    """Return the lowest and the highest value of every channel of every layer over `rows`: `(F,)` each."""
    low, high = [np.array(np.inf)] * layers, [np.array(-np.inf)] * layers
    for start in range(0, len(rows), probe.max_rows):
        part = rows[start : start + probe.max_rows]
        for number, maps in enumerate(read(session.dataset.floats(part))):
            values = np.asarray(maps, np.float32)
            low[number] = np.minimum(low[number], values.min(axis=(0, 1, 2)))
            high[number] = np.maximum(high[number], values.max(axis=(0, 1, 2)))
        report("Feature maps", min(start + len(part), len(rows)), len(rows))
    return low, high


def _findings(table: pd.DataFrame, images: int, row: int, different: int) -> list[Finding]:
    """Say for every layer how many channels are dead, worst first; layers without dead ones in one sentence."""
    findings = []
    with_dead = table[table["dead"] > 0]
    line: Any  # pandas' types know no columns
    for line in with_dead.iloc[
        np.argsort(-(with_dead["dead"] / with_dead["channels"]).to_numpy(), kind="stable")
    ].itertuples():
        share = rate(int(line.dead), int(line.channels))
        some = "" if different >= ENOUGH else f"; {different} of them {verb(different, 'are')} different"
        findings.append(
            Finding(
                f"{line.layer}: {line.dead} of {plural(int(line.channels), 'channel')} {verb(line.dead, 'are')} dead "
                f"on {plural(images, 'image')}, {share} "
                f"({line.silent} never above 0, {line.constant} constant)"
                f"{some}.",
                severity=Severity.INFO
                if different < ENOUGH or share.value <= 0.1  # what differs little need not show in a channel
                else Severity.SERIOUS
                if share.value > 0.5
                else Severity.MILD,
                effect=share,
                evidence=ImageSet([row]),
                advice="A lower learning rate or another initialiser keeps more channels alive; dead "
                "ones can be pruned."
                if share.value > 0.1
                else "",
            )
        )
    alive = table[table["dead"] == 0]
    if len(alive):
        channels = int(alive["channels"].sum())
        findings.append(
            Finding(
                f"No dead channel among the {channels:,} of {plural(len(alive), 'layer')} "
                f"({', '.join(alive['layer'][:6])}"
                f"{', …' if len(alive) > 6 else ''}) on {plural(images, 'image')}.",
                severity=Severity.INFO,
                effect=rate(0, channels),
                evidence=ImageSet([row]),
            )
        )
    return findings


def _classes(figure: Figure, place: Any, result: Result) -> None:
    """Write the true and the predicted class of the image."""
    axes, notes = figure.add_subplot(place), result.notes
    axes.set_axis_off()
    verdict = "correct" if notes["right"] else "wrong"
    for at, (words, colour) in enumerate(
        (
            (text(result.image_name(int(result.params.get("row", 0))), 80), INK),
            (f"true class: {text(notes['true'], 60)}", TRUE_COLOUR),
            (f"predicted: {text(notes['predicted'], 60)}, {notes['confidence']:.1%} ({verdict})", PREDICTED_COLOUR),
        )
    ):
        axes.text(0, 0.8 - 0.3 * at, words, fontsize=BODY, color=colour, va="center", transform=axes.transAxes)


def _layer(figure: Figure, grid: Any, row: Any, result: Result, columns: int) -> None:
    number = int(row.Index)
    maps = result.arrays[f"maps_{number}"]
    signed = bool(row.lowest < 0)
    mappable = colours_for(signed=signed, scale=scale_of(maps, signed=signed))
    label, axes = figure.add_subplot(grid[number + 1, 0]), figure.add_subplot(grid[number + 1, 1])
    label.set_axis_off()
    dead = f"{row.dead} dead" if row.dead else "none dead"
    lines = (
        (text(row.layer, 25), INK, 0.72),
        (f"{text(row.kind, 20)}, {row.size}", QUIET, 0.5),
        (f"{plural(int(row.channels), 'channel')}, {dead}", QUIET, 0.28),
    )
    for words, colour, height in lines:
        label.text(
            1,
            height,
            words,
            fontsize=SMALL + (1 if colour == INK else 0),
            color=colour,
            ha="right",
            va="center",
            transform=label.transAxes,
        )
    blank = np.full((columns - len(maps), *maps.shape[1:]), np.nan)
    axes.set_anchor("W")
    show_map(axes, montage(np.concatenate([maps, blank]), columns), mappable)
    colour_bar(figure, axes, mappable, "activation", panchor=False, aspect=8, pad=0.01, shrink=0.9)

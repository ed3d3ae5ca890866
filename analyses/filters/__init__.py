"""Filters of the convolutions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.finding import Finding, Severity
from workbench.core.image_set import ImageSet
from workbench.core.params import ChooseFrom, Params
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import plural
from workbench.data.sampling import evenly
from workbench.data.thumbnails import small
from workbench.plotting.colours import NO_EVIDENCE_COLOUR, scale_of
from workbench.plotting.hot_spots import image_spot
from workbench.plotting.pieces import (
    QUIET,
    SMALL,
    colour_bar,
    colours_for,
    heading,
    montage,
    new_figure,
    plain,
    show_map,
    text,
)
from workbench.plotting.tiles import Tile, tiles, tiles_height
from workbench.session.analysis import Analysis
from workbench.statistics.rates import rate

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from workbench.models.probe import Probe
    from workbench.session.session import Session

NEGLIGIBLE = 0.05
"""A filter is negligible if its norm is below this share of its layer's median."""
MOST_LAYERS = 8
"""Layers whose norms are drawn; of more, the first and the last ones."""
MOST_FILTERS = 64
"""Filters of the first layer that are drawn."""
CELL = 1.2
"""Width of a picture in inches."""


class FiltersParams(Params):
    """Which filters to excite, and how long."""

    layer: Annotated[
        str | None,
        Field(
            description="layer whose filters are maximised; auto: the last spatial layer that is not a pooling layer"
        ),
        ChooseFrom("layers"),
    ] = None
    excite: int = Field(8, ge=0, le=32, description="filters to find a maximising input for; 0 for none")
    steps: int = Field(64, ge=1, le=1000, description="steps of gradient ascent from noise")
    images: int = Field(128, ge=1, le=10_000, description="images for choosing the filters that respond most")


class Filters(Analysis[FiltersParams]):
    """What do the filters detect, in the first layer and in a deep one?"""

    group = "Model"
    title = "Filters"
    Params = FiltersParams
    needs_model = True
    needs_inside = "weights"

    def missing(self, session: Session) -> str | None:
        """Say so where the model is known to have no filters."""
        if session.ready and not session.probe.filter_layers:
            return super().missing(session) or "Filters are weights of a convolution. This model has no convolution."
        return super().missing(session)

    def compute(self, session: Session, params: FiltersParams) -> Result:
        """Read kernels and norms; maximise the input of the filters that respond most to the data."""
        import pandas as pd

        probe = session.probe
        if reason := self.missing(session):
            raise WorkbenchError(reason)
        layers = probe.filter_layers
        kernels = {name: _per_filter(probe.filters(name), probe.layers[name].kind) for name in layers}
        first = kernels[layers[0]]
        strongest = np.argsort(-_norms(first), kind="stable")[:MOST_FILTERS]
        arrays = {
            "first": first[strongest],
            **{f"norms_{n}": np.sort(_norms(kernels[name]))[::-1] for n, name in enumerate(layers)},
        }
        table = pd.DataFrame([_line(name, probe.layers[name].kind, kernels[name]) for name in layers])
        findings = _findings(table)
        tables = {"layers": table}
        wanted = params.excite and (probe.spatial_layers or params.layer is not None)
        layer = probe.spatial_layer(params.layer, method="Maximising a filter") if wanted else None
        if layer is not None:
            try:
                tables["excited"], arrays["excited"], finding = _excite_filters(session, probe, layer, params)
            except Unavailable as error:
                finding = Finding(f"Activation maximisation failed: {str(error).rstrip('.')}.", severity=Severity.MILD)
            findings.append(finding)
        return Result(
            tables,
            arrays=arrays,
            findings=tuple(findings),
            notes={"first": layers[0], "layer": layer, "filters": len(first)},
        )

    def draw(self, result: Result) -> Figure:
        """Draw the first layer's weights, the norms of all layers, and the exciting inputs."""
        table, excited = result.tables["layers"], result.tables.get("excited")
        pictures = _tiles(result)
        columns = 8
        below = tiles_height(pictures, columns, CELL) + 0.35 if pictures else 0.0
        lines = 1 if len(table) <= MOST_LAYERS // 2 else 2
        upper = 2.7 if lines == 1 else 3.6
        figure = new_figure(
            result, self.question(), width=columns * CELL + 0.4, height=upper + below, note=_caption(result)
        )
        parts = figure.subfigures(
            2 if pictures else 1, 1, height_ratios=[upper, below] if pictures else None, squeeze=False
        )[:, 0]
        left, right = parts[0].subfigures(1, 2, width_ratios=[4.4, 5.4])
        axes = left.subplots()
        heading(axes, f"Weights of {text(result.notes['first'])}")
        _weights(left, axes, result.arrays["first"])
        _norm_panels(right, result, lines)
        if pictures and excited is not None:
            axes = parts[1].subplots()
            heading(axes, f"Inputs that maximise filters of {text(result.notes['layer'], 40)}")
            tiles(axes, pictures, columns=columns, cell=CELL)
        return figure


def _per_filter(kernel: Array, kind: str) -> Array:
    """`(height, width, C, F)` weights of any convolution to one kernel per filter, `(F, height, width, C)`."""
    if "Depthwise" in kind or "Separable" in kind:  # every input channel has kernels of its own
        height, width, channels, each = kernel.shape
        return np.moveaxis(kernel.reshape(height, width, channels * each, 1), 2, 0)
    return np.moveaxis(kernel, 2 if "Transpose" in kind else 3, 0)


def _norms(kernels: Array) -> Array:
    return np.asarray(np.sqrt((kernels.astype(np.float64) ** 2).sum(axis=(1, 2, 3))))


def _line(name: str, kind: str, kernels: Array) -> dict[str, object]:
    norms = _norms(kernels)
    return {
        "layer": name,
        "kind": kind,
        "kernel": f"{kernels.shape[1]}×{kernels.shape[2]}×{kernels.shape[3]}",
        "filters": len(norms),
        "weakest": float(norms.min()),
        "median": float(np.median(norms)),
        "strongest": float(norms.max()),
        "negligible": int((norms < NEGLIGIBLE * np.median(norms)).sum()),
    }


def _findings(table: pd.DataFrame) -> list[Finding]:
    total, weak = int(table["filters"].sum()), int(table["negligible"].sum())
    share = rate(weak, total)
    rows = zip(table["negligible"], table["filters"], table["layer"].astype(str), strict=True)
    where = "; ".join(f"{few} of {all_} in {name}" for few, all_, name in rows if few)
    return [
        Finding(
            f"{weak} of {plural(total, 'filter')} in {plural(len(table), 'layer')} are negligible (norm below 5 % "
            f"of the layer's median), {share}" + (f": {where}." if where else "."),
            severity=Severity.MILD if share.value > 0.1 else Severity.INFO,
            effect=share,
            advice="They can be pruned without loss." if weak else "",
        )
    ]


def _excite_filters(
    session: Session, probe: Probe, layer: str, params: FiltersParams
) -> tuple[pd.DataFrame, Array, Finding]:
    """Maximise the filters that respond most to the data, and compare with the image that excites each most."""
    import pandas as pd

    from .excitation import excite

    dataset = session.dataset
    rows = evenly(len(dataset), params.images)
    responses = np.concatenate(
        [
            probe.feature_maps(dataset.floats(rows[start : start + 256]), layer).mean(axis=(1, 2))
            for start in range(0, len(rows), 256)
        ]
    )  # (n, F)
    chosen = np.argsort(-responses.max(axis=0), kind="stable")[: params.excite]
    best = responses[:, chosen].argmax(axis=0)
    inputs = excite(probe, layer, chosen.tolist(), steps=params.steps)
    reached = probe.feature_maps(inputs, layer).mean(axis=(1, 2))[np.arange(len(chosen)), chosen]
    table = pd.DataFrame(
        {
            "filter": chosen,
            "excited": reached,
            "best_image": responses[best, chosen],
            "row": rows[best],
            "class": [dataset.class_names[c] for c in dataset.labels[rows[best]]],
        }
    )
    won = int((reached > table["best_image"]).sum())
    share = rate(won, len(chosen))
    finding = Finding(
        f"{layer}: for {won} of {plural(len(chosen), 'filter')}, {share}, gradient ascent finds an input with a "
        f"larger response than any of {plural(len(rows), 'image')}.",
        severity=Severity.INFO if won == len(chosen) else Severity.MILD,
        effect=share,
        evidence=ImageSet(dict.fromkeys(rows[best])),
        advice="" if won == len(chosen) else "For the others, use more steps: the input shown is no maximum.",
    )
    return table, small((255 * inputs).round().astype(np.uint8)), finding


def _caption(result: Result) -> str:
    first, total = len(result.arrays["first"]), result.notes["filters"]
    said = (
        "Weights: strongest filter first"
        + (f", {first} of {total}" if first < total else "")
        + "; all share one scale."
    )
    channels = result.arrays["first"].shape[-1]
    if channels == 3:
        said = "Weights: strongest filter first, in the input's own colours; grey is 0; all share one scale."
    elif channels > 1:
        said += f" Mean over {plural(channels, 'input channel')}."
    if len(result.tables["layers"]) > MOST_LAYERS:
        said += f" Shown: the first and last {MOST_LAYERS // 2} of {len(result.tables['layers'])} convolutions."
    if "excited" in result.tables:
        said += " Above each input: mean response of its filter; below: that of the image with the largest response."
    return said


def _weights(figure: Figure, axes: Axes, kernels: Array) -> None:
    """Draw `(F, height, width, C)` kernels: RGB as a picture, one channel in signed colours."""
    columns = int(np.ceil(np.sqrt(len(kernels) * 1.4)))
    scale = scale_of(kernels if kernels.shape[-1] == 3 else kernels.mean(axis=-1), signed=True)
    mappable = colours_for(signed=True, scale=scale)
    if kernels.shape[-1] == 3:
        show_map(axes, montage(np.clip(0.5 + kernels / (2 * scale or 1.0), 0, 1), columns, fill=1.0), mappable)
        axes.text(
            0,
            -0.03,
            f"from −{scale:.2g} (dark) over 0 (grey) to {scale:.2g} (full colour)",
            transform=axes.transAxes,
            fontsize=SMALL,
            color=QUIET,
            va="top",
        )
        return
    show_map(axes, montage(kernels.mean(axis=-1), columns), mappable, gap=0.82)
    colour_bar(figure, axes, mappable, "weight", aspect=25, pad=0.02)


def _norm_panels(figure: Figure, result: Result, lines: int) -> None:
    """Draw the sorted norms of each layer's filters."""
    table = result.tables["layers"]
    numbers = list(range(len(table)))
    if len(numbers) > MOST_LAYERS:
        numbers = numbers[: MOST_LAYERS // 2] + numbers[-MOST_LAYERS // 2 :]
    panels = figure.subplots(lines, -(-len(numbers) // lines), squeeze=False).ravel()
    for axes in panels[len(numbers) :]:
        axes.set_axis_off()
    for axes, number in zip(panels, numbers, strict=False):
        norms = result.arrays[f"norms_{number}"]
        axes.fill_between(
            np.arange(len(norms) + 1), np.append(norms, norms[-1]), step="post", color=NO_EVIDENCE_COLOUR, linewidth=0
        )
        axes.set_ylim(bottom=0)
        axes.set_xlim(0, len(norms))
        axes.set_xlabel("filters, sorted")
        heading(axes, text(str(table["layer"][number]).rpartition("/")[2], 13 if len(numbers) < 4 else 10))
        plain(axes, grid="y")
    panels[0].set_ylabel("norm of the weights")


def _tiles(result: Result) -> list[Tile]:
    if "excited" not in result.tables:
        return []
    rows = result.tables["excited"]["row"].tolist()
    return [
        Tile(
            image,
            above=[(f"filter {row.filter}: {row.excited:.2g}", QUIET)],
            below=[(f"best image: {row.best_image:.2g}", QUIET)],
            spot=image_spot(at, f"filter {row.filter} responds most to {result.image_title(at)}; {row.best_image:.2g}"),
        )
        for image, row, at in zip(result.arrays["excited"], result.tables["excited"].itertuples(), rows, strict=True)
    ]

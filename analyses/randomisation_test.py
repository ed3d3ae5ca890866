"""Maps of networks whose weights are randomised, layer by layer."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from workbench.attribution.applicable import CONTROL, methods_on
from workbench.core.attribution import BLIND
from workbench.core.errors import WorkbenchError
from workbench.core.estimate import Estimate, columns
from workbench.core.finding import Finding, Severity
from workbench.core.image_set import ImageSet
from workbench.core.params import ChooseFrom, Params, Seed
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import plural
from workbench.data.sampling import balanced_rows, evenly
from workbench.data.thumbnails import small, thumbnails_of
from workbench.faithfulness.randomisation import ALIKE, Randomisation, randomise
from workbench.plotting.colours import VERDICT_COLOURS, scale_of
from workbench.plotting.hot_spots import Spot, of_no_images, spot_of
from workbench.plotting.pieces import FAINT, INK, QUIET, SMALL, colours_for, new_figure, plain, scale_bar, text
from workbench.plotting.tiles import Tile, tiles, tiles_height
from workbench.session.analysis import Analysis
from workbench.statistics.rates import capped
from workbench.statistics.significance import mean_with_interval

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from workbench.attribution.explainer import Explainer
    from workbench.session.session import Session

FEWEST = 20
"""Fewer images give no useful number."""
USUAL = (
    "saliency",
    "input-x-gradient",
    "integrated-gradients",
    "guided-backprop",
    "guided-grad-cam",
    "grad-cam",
    CONTROL,
)
"""Methods tested by default: one of each kind, one that is known to fail, and the control."""
MEASURES = {
    "spearman": ("rank correlation", INK),
    "absolute": ("of magnitudes", "#8b5cf6"),
    "ssim": ("SSIM", "#0891b2"),
}
MARGIN = 1.35
"""Inches for the names of the methods."""
MAPS = 7.0
"""Inches for the maps."""
CURVES = 2.2
"""Inches for the curves."""
HEAD = 0.38
"""Inches above the maps."""
FOOT = 0.6
"""Inches below them."""
BETWEEN = (-1.0, 1.0)
"""Smallest and largest similarity of two maps."""


class RandomisationTestParams(Params):
    """Which methods to test, and how to randomise the weights."""

    methods: Annotated[
        tuple[str, ...], Field(description="methods to test; default: one of each kind"), ChooseFrom("explainers")
    ] = ()
    mode: Literal["cascading", "independent"] = Field(
        "cascading", description="randomise layers cumulatively, from the output back; or one layer at a time"
    )
    images: int = Field(FEWEST, ge=FEWEST, le=1000, description="images to measure on, balanced over the classes")
    examples: int = Field(1, ge=1, le=4, description="images to show")
    seed: Seed = Field(0, description="seed for random weights and for choosing images")


class RandomisationTest(Analysis[RandomisationTestParams]):
    """Do the maps depend on the network's weights?"""

    group = "Explanations"
    title = "Randomisation test"
    Params = RandomisationTestParams
    needs_model = True
    needs_inside = "weights"

    def compute(self, session: Session, params: RandomisationTestParams) -> Result:
        """Explain the predicted class of some images with trained and with randomised weights."""
        import pandas as pd

        probe, dataset = session.probe, session.dataset
        methods, _ = methods_on(probe, params.methods or _usual(session))
        rows = balanced_rows(dataset.labels, params.images, params.seed)
        images, target = dataset.floats(rows), session.predictions.predicted[rows]
        shown = evenly(len(rows), params.examples)
        found: dict[str, Randomisation] = {}
        maps, sizes = [], []
        for name, method in methods.items():
            background = session.background if method.needs_background else None
            found[name] = randomise(
                probe, method, images, target, background=background, mode=params.mode, seed=params.seed
            )
            if not found[name].stages:
                raise WorkbenchError("The randomisation test needs layers with weights. This model has none.")
            maps.append(found[name].maps[:, shown])
            sizes.append(_size(session, name, method, rows[:1]))
        tables = {
            "methods": _verdicts(methods, found),
            "stages": _stages(found),
            "images": pd.DataFrame(
                {
                    "row": rows,
                    "index": dataset.indices[rows],
                    **{name: each.spearman.mean(axis=0) for name, each in found.items()},
                }
            ),
        }
        return Result(
            tables,
            arrays={"images": thumbnails_of(dataset, rows[shown]), "maps": np.stack(maps), "rows": rows[shown]},
            findings=tuple(_findings(tables["methods"], rows, params.mode)),
            notes={"stages": list(next(iter(found.values())).stages), "sizes": sizes},
        )

    def draw(self, result: Result) -> Figure:
        """Draw the maps of each method in a row, and beside them how similar they stay."""
        table, stages, maps = result.tables["methods"], result.notes["stages"], result.arrays["maps"]
        columns, lines = maps.shape[1] + 1, maps.shape[2]
        cell = MAPS / columns
        spots = [spot_of(result, row) for row in result.arrays["rows"]]
        pictures = [
            tile
            for of_method, signed in zip(maps, table["signed"], strict=True)
            for image, values, spot in zip(result.arrays["images"], of_method.swapaxes(0, 1), spots, strict=True)
            for tile in (
                Tile(image, above=[("", QUIET)], spot=spot),
                *(_tile(each, bool(signed), spot) for each in values),
            )
        ]
        height = tiles_height(pictures, columns, cell)
        size = {"width": MARGIN + MAPS + CURVES, "height": height + HEAD + FOOT}
        figure = new_figure(result, self.question(), note=_said(result), **size)
        axes = figure.subplots()
        tiles(axes, pictures, columns=columns, cell=cell)
        for column, words in enumerate(["image", "trained", *stages, "random", "random"]):
            axes.text(column, -0.08, text(words.rpartition("/")[2], 11), fontsize=SMALL, color=INK)
        block = height / cell / len(table)
        for place, (_, row) in enumerate(table.iterrows()):
            top = place * block + 0.13 * block / lines
            _name(axes, row, result.notes["sizes"][place], (-MARGIN / cell, top))
            where = (columns + 0.35, top, CURVES / cell - 0.45, block * (1 - 0.22 / lines))
            panel = axes.inset_axes(where, transform=axes.transData)
            part = result.tables["stages"][result.tables["stages"]["method"] == row["method"]]
            _curves(panel, part, named=place == len(table) - 1)
            if place == 0:
                _legend(panel)
        _bars(axes, height / cell + 0.15 / cell, cell, table)
        axes.set_xlim(-MARGIN / cell, columns + CURVES / cell)
        axes.set_ylim((height + FOOT) / cell, -HEAD / cell)
        axes.set_anchor("N")
        return figure


def _usual(session: Session) -> tuple[str, ...]:
    from workbench.attribution.methods import explainers

    known = explainers()
    return tuple(name for name in USUAL if name in known and known[name].missing(session.probe) is None)


def _size(session: Session, name: str, method: Explainer, rows: Array) -> str:
    """Native size of a method's map."""
    height, width = session.dataset.image_shape[:2]
    if method.needs_layer():
        height, width = session.attribute(name, rows).values.shape[1:]
    return f"{height}×{width}"


def _verdicts(methods: Mapping[str, Explainer], found: Mapping[str, Randomisation]) -> pd.DataFrame:
    """One row a method: its similarity with interval, that at the last stage, and that of two random networks."""
    import pandas as pd

    lines = []
    for name, each in found.items():
        method = methods[name]
        line = {"method": name, "title": method.title, "signed": method.signed, "blind": each.blind}
        line |= columns("similarity", each.similarity)
        line |= columns("last", mean_with_interval(each.spearman[-1], within=BETWEEN))
        lines.append(line | columns("floor", mean_with_interval(each.floor[0], within=BETWEEN)))
    return pd.DataFrame(lines)


def _stages(found: Mapping[str, Randomisation]) -> pd.DataFrame:
    """One row a method, measure and stage; the last stage is that of two random networks."""
    import pandas as pd

    lines: list[tuple[object, ...]] = []
    for name, each in found.items():
        for k, measure in enumerate(MEASURES):
            values = [*getattr(each, measure), each.floor[k]]
            for stage, of_images in zip((*each.stages, "two random"), values, strict=True):
                lines.append((name, measure, stage, *mean_with_interval(of_images, within=BETWEEN)))
    return pd.DataFrame(lines, columns=["method", "measure", "stage", "mean", "low", "high"])


def _findings(table: pd.DataFrame, rows: Array, mode: str) -> list[Finding]:
    how = "one layer at a time is" if mode == "independent" else "the layers are"
    blind, rest, sensitive = [], [], []
    few = capped(Severity.MILD, len(rows))
    for row in table.to_dict("records"):
        title, alike, floor = row["title"], Estimate.of(row, "similarity"), Estimate.of(row, "floor")
        if not np.isfinite(alike.value):
            rest.append(Finding(f"{title}: the maps are flat, so there is nothing to compare.", severity=few))
        elif row["method"] == CONTROL:
            said = f"The control ({title.lower()} numbers) has similarity {alike}, as expected: it ignores the weights."
            rest.append(Finding(said, severity=Severity.INFO, effect=alike))
        elif row["blind"]:
            said = (
                f"{title} {BLIND}: while {how} randomised, its maps keep a rank correlation of {alike}; the maps of "
                f"two random networks have {floor}."
            )
            advice = "It reproduces the image. Do not use its maps to explain what this model looks at."
            blind.append(
                Finding(
                    said,
                    severity=capped(Severity.SERIOUS, len(rows)),
                    effect=alike,
                    evidence=ImageSet(rows),
                    advice=advice,
                )
            )
        else:
            sensitive.append((title, alike))
    if sensitive:
        most = max((alike for _, alike in sensitive), key=lambda alike: alike.value)
        said = "; ".join(f"{title} {alike}" for title, alike in sensitive)
        said = f"The maps of {plural(len(sensitive), 'method')} change with the weights; remaining similarity: {said}."
        rest.insert(0, Finding(said, severity=Severity.INFO, effect=most))
    if len(rows) < FEWEST:
        rest.append(Finding(f"Measured on only {plural(len(rows), 'image')}; use at least {FEWEST}.", severity=few))
    return blind + rest


def _said(result: Result) -> str:
    alone = result.params["mode"] == "independent"
    weights = f"this layer{' only' if alone else ' and all layers behind it'}"
    return (
        f"Column: the layer that is randomised ({weights}); last two columns: two networks with all weights random, "
        "whose similarity is the noise floor. Each map has its own scale, with its maximum above it; its native size "
        "is below the method's name. Curves: similarity to the trained network's map, mean over the images with 95 % "
        "intervals, on the object's pixels (SSIM: all pixels); last dots: the two random networks. "
        f"Dotted: {ALIKE}; a method surely above it is blind to the weights."
    )


def _tile(values: Array, signed: bool, spot: Spot) -> Tile:
    """A map on its own scale, with its maximum above it."""
    scale = scale_of(values, signed)
    ink = colours_for(signed=signed, scale=scale).to_rgba(values, bytes=True)[..., :3]
    return Tile(small(ink), above=[(f"{'±' if signed else ''}{scale:.1g}", QUIET)], spot=spot)


def _name(axes: Axes, row: pd.Series, size: str, place: tuple[float, float]) -> None:
    """Write a method's name, its map's size, and its verdict."""
    blind = bool(row["blind"]) and row["method"] != CONTROL
    verdict = textwrap.fill(BLIND, 18) if blind else "the control" if row["method"] == CONTROL else ""
    words = [(textwrap.fill(text(row["title"], 32), 18), INK, "bold"), (size, QUIET, "normal")]
    words.append((verdict, VERDICT_COLOURS[BLIND] if blind else QUIET, "normal"))
    shift = 0.0
    for said, colour, weight in words:
        axes.annotate(
            said,
            place,
            xytext=(0, -shift),
            textcoords="offset points",
            va="top",
            ha="left",
            fontsize=SMALL + 0.5,
            color=colour,
            fontweight=weight,
            linespacing=1.15,
        )
        shift += (said.count("\n") + 1) * (SMALL + 0.5) * 1.3


def _curves(axes: Axes, table: pd.DataFrame, *, named: bool) -> None:
    """Draw how similar the maps of one method stay from stage to stage."""
    of_no_images(axes)
    for name, (_, colour) in reversed(MEASURES.items()):  # the rank correlation over the others
        part = table[table["measure"] == name]
        places = np.arange(len(part))
        axes.vlines(places, part["low"], part["high"], color=colour, linewidth=0.8, alpha=0.6)
        axes.plot(places[:-1], part["mean"].iloc[:-1], color=colour, linewidth=1.3, marker="o", markersize=2)
        axes.plot(places[-1:], part["mean"].iloc[-1:], color=colour, marker="o", markersize=3.5)
    axes.axhline(0, color=FAINT, linewidth=0.8, zorder=0)
    axes.axhline(ALIKE, color=QUIET, linewidth=0.8, linestyle=":", zorder=0)
    plain(axes)
    axes.set_ylim(-0.35, 1.08)
    axes.set_yticks([0, 0.5, 1])
    axes.tick_params(labelsize=SMALL)
    names = [text(each.rpartition("/")[2], 12) for each in part["stage"]] if named else []
    axes.set_xticks(range(len(part)), names or [""] * len(part), rotation=90)


def _legend(axes: Axes) -> None:
    for (words, colour), place in zip(MEASURES.values(), ((0, 12), (0, 3), (62, 3)), strict=True):
        axes.annotate(
            words,
            (0, 1),
            xycoords="axes fraction",
            xytext=place,
            textcoords="offset points",
            fontsize=SMALL,
            color=colour,
            va="bottom",
        )


def _bars(axes: Axes, top: float, cell: float, table: pd.DataFrame) -> None:
    """Draw the colour bars below the maps."""
    kinds = [signed for signed in (True, False) if (table["signed"] == signed).any()]
    for place, signed in enumerate(kinds):
        panel = axes.inset_axes((2.7 * place / cell, top, 2.3 / cell, 0.1 / cell), transform=axes.transData)
        words = f"{'signed' if signed else 'unsigned'} map, share of its maximum"
        scale_bar(panel, colours_for(signed=signed, scale=1), words)

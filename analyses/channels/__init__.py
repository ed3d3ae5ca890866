"""Dead and redundant channels, and what each channel of a layer is for."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from workbench.core.errors import WorkbenchError, unknown
from workbench.core.estimate import Estimate
from workbench.core.finding import Finding, Kind, Severity
from workbench.core.params import ChooseFrom, Params
from workbench.core.predictions import scores_of
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import plural
from workbench.data.lazy_images import Some
from workbench.data.sampling import balanced_rows, evenly
from workbench.data.thumbnails import different_images, small
from workbench.plotting.colours import NO_EVIDENCE_COLOUR, PREDICTED_COLOUR
from workbench.plotting.hot_spots import of_no_images, spot_of
from workbench.plotting.pieces import (
    INK,
    QUIET,
    SMALL,
    class_ticks,
    colour_bar,
    colours_for,
    heading,
    new_figure,
    plain,
    text,
)
from workbench.plotting.tiles import Tile, tiles, tiles_height
from workbench.session.analysis import Analysis
from workbench.session.refit import refit
from workbench.statistics.confusion import confusion_counts
from workbench.statistics.rates import rate

from .findings import LINE, dead_channel_findings, redundant_channel_findings

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from workbench.session.session import Session

    from .ablation import Unit

MOST_LAYERS = 16
"""Layers in the figure; of more, the last ones."""
MOST_ROWS = 12
"""Channels whose effect on the recalls is drawn."""
MOST_CLASSES = 20
"""Classes whose recalls are drawn."""
CELL = 0.55
"""Width of a picture in inches."""
TOP = 9
"""Images of each channel that are drawn, twice."""


class ChannelsParams(Params):
    """Which layer is looked at closely, and on how many images."""

    layer: Annotated[
        str | None,
        Field(description="layer whose channels are switched off; auto: the last hidden spatial layer"),
        ChooseFrom("layers"),
    ] = None
    images: int = Field(512, ge=2, le=100_000, description="images on which channels are read, evenly spaced")
    tried: int = Field(300, ge=1, le=20_000, description="images on which channels are switched off, balanced")
    channels: int = Field(256, ge=1, le=4096, description="most channels to switch off, most relevant first")
    alike: float = Field(0.98, ge=0.5, le=1, description="correlation from which two channels count as redundant")
    show: int = Field(4, ge=1, le=12, description="channels whose images are shown, most relevant first")


class Channels(Analysis[ChannelsParams]):
    """Which channels are dead or redundant, and what is lost without each?

    A channel is read where the next layer reads it, after activation and normalisation. It is dead if it is constant
    over all images, and zeroed if its weights are exactly zero.
    """

    group = "Model"
    title = "Dead and redundant channels"
    Params = ChannelsParams
    needs_model = True
    needs_inside = "layers"
    kinds: ClassVar[tuple[Kind, ...]] = ("dead-channels",)
    quick: ClassVar[Mapping[str, Any] | None] = MappingProxyType({"images": 256, "tried": 60, "channels": 64})

    def compute(self, session: Session, params: ChannelsParams) -> Result:
        """Read all units once, then switch the channels of one layer off."""
        import pandas as pd

        from . import ablation

        probe, data = session.probe, session.dataset
        if params.layer is not None and params.layer not in probe.layers:
            raise unknown("layer", params.layer, probe.layers)
        found = ablation.units(probe)
        if not found:
            raise WorkbenchError("Channels are read behind layers with a kernel. This model shows none.")
        rows = evenly(len(data), params.images)
        read = ablation.responses(probe, data, rows, [unit.end for unit in found])
        lines, dead, twin = [], {}, {}
        for unit, (low, high, values) in zip(found, read, strict=True):
            dead[unit.name] = (high - low <= 1e-6 * np.maximum(np.abs(high), 1e-3)) & (len(rows) > 1)
            twin[unit.name] = ablation.twins(values)
            lines.append(
                _layer_row(unit, probe.layers[unit.name].kind, dead[unit.name], twin[unit.name][1] >= params.alike)
            )
        table = pd.DataFrame(lines, columns=[*LINE])
        renewed = refit(session) if table["zeroed"].any() else None
        findings = [
            *dead_channel_findings(table, len(rows), different_images(data, rows), renewed),
            *redundant_channel_findings(table, params.alike),
        ]
        findings.sort(key=lambda each: -each.severity.rank)
        end, name = _layer_to_ablate(found, params.layer, probe.layers)
        notes: dict[str, Any] = {"layer": name, "images": len(rows)}
        if end is None or name is None:
            none = Finding("The model has no hidden layer whose channels could be switched off.")
            return Result({"layers": table}, findings=(*findings, none), notes=notes)
        ablation_table, arrays, effects, notes["shown"] = _ablate_layer(session, params, end)
        if name in dead:
            ablation_table.insert(1, "dead", dead[name][ablation_table["channel"]])
            ablation_table.insert(2, "twin", twin[name][0][ablation_table["channel"]])
        findings += _effects(name, ablation_table, effects, min(params.tried, len(data)))
        return Result(
            {"layers": table, "channels": ablation_table},
            arrays=arrays,
            findings=tuple(findings),
            notes=notes | {"names": list(session.class_names)},
        )

    def draw(self, result: Result) -> Figure:
        """Draw the state of all layers, what is lost without a channel, and the images that channels are for."""
        table, notes = result.tables["layers"], result.notes
        shown = table if len(table) <= MOST_LAYERS else table.tail(MOST_LAYERS)
        pictures = _tiles(result)
        closer = result.tables.get("channels")
        rows = 0 if closer is None else min(len(closer), MOST_ROWS)
        above = max(1.1 + 0.3 * len(shown), 1.5 + 0.27 * rows, 2.2)
        below = tiles_height(pictures, 2 * TOP + 3, CELL) + 0.45 if pictures else 0.0
        caption = f"Dead: constant over {plural(notes['images'], 'image')}. Zeroed: all weights exactly 0. " + (
            f"Channels of {text(notes['layer'], 40)}: sorted by how much recall changes without them; images with the "
            "channel's largest value, and with its largest contribution to the logit of the predicted class."
            if pictures
            else ""
        )
        figure = new_figure(result, self.question(), width=12, height=above + below, note=caption)
        parts = figure.subfigures(
            2 if pictures else 1, 1, height_ratios=[above, below] if pictures else None, squeeze=False
        )[:, 0]
        panels = parts[0].subplots(1, 2 if rows else 1, squeeze=False, width_ratios=[4, 6] if rows else None)[0]
        _states(panels[0], shown)
        if rows and closer is not None:
            _losses(parts[0], panels[1], result, rows)
        if pictures:
            axes = parts[1].subplots()
            tiles(axes, pictures, columns=2 * TOP + 3, cell=CELL)
            heading(
                axes,
                f"Channels of {text(notes['layer'], 40)}: images with the largest activation, and with the largest "
                "relevance",
            )
        return figure


def _layer_row(unit: Unit, kind: str, dead: Array, alike: Array) -> dict[str, Any]:
    zeroed = np.isin(np.arange(unit.channels), unit.zeroed)
    share = rate(int((dead | zeroed).sum()), unit.channels)
    values = (
        unit.name,
        kind,
        unit.channels,
        int((dead | zeroed).sum()),
        *share,
        int(zeroed.sum()),
        int((alike & ~dead).sum()),
        unit.output,
    )
    return dict(zip(LINE, values, strict=True))


def _layer_to_ablate(found: list[Unit], asked: str | None, layers: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return where the channels of the wanted layer are read, and its name."""
    if asked is not None:
        return next((unit.end for unit in found if asked in (unit.name, unit.end) and not unit.output), asked), asked
    hidden = [unit for unit in found if not unit.output]
    spatial = [unit for unit in hidden if layers[unit.end].spatial]
    if not hidden:
        return None, None
    best = (spatial or hidden)[-1]
    return best.end, best.name


def _ablate_layer(
    session: Session, params: ChannelsParams, end: str
) -> tuple[pd.DataFrame, dict[str, Array], Array, list[int]]:
    """Switch the channels of one layer off.

    Returns:
        A line for each channel, what the figure needs, `(f, K, K)` change of the confusion counts, and the channels
        whose images are shown.
    """
    import pandas as pd

    from . import ablation

    probe, data, classes = session.probe, session.dataset, len(session.class_names)
    rows = balanced_rows(data.labels, params.tried, seed=0)
    labels, images = data.labels[rows], Some(data, rows)
    before = np.concatenate([probe.logits(data.floats(rows[n : n + 256])) for n in range(0, len(rows), 256)])
    said = before.argmax(axis=1)
    answer, relevance = ablation.activation_and_relevance(probe, images, said, end)
    order = np.argsort(-np.abs(relevance).mean(axis=0), kind="stable")
    chosen = np.sort(order[: params.channels])
    predicted, logit = ablation.without_each_channel(probe, images, said, end, chosen)
    whole = confusion_counts(labels, said, classes)
    counts = np.stack([confusion_counts(labels, each, classes) for each in predicted.T])
    effects = counts - whole
    of = np.maximum(whole.sum(axis=1), 1)
    change = np.einsum("fkk->fk", effects) / of  # of each class's recall
    wrong = effects * ~np.eye(classes, dtype=bool)
    worst, best = wrong.reshape(len(chosen), -1).argmax(axis=1), wrong.reshape(len(chosen), -1).argmin(axis=1)
    names, at = session.class_names, np.arange(len(chosen))
    hit = change.argmin(axis=1)
    suffers = [names[c] if lost < 0 else "–" for c, lost in zip(hit, change[at, hit], strict=True)]

    def pairs(cells: Array, sign: int) -> list[str]:
        more = sign * wrong.reshape(len(chosen), -1)[at, cells] > 0
        named = (f"{names[cell // classes]} → {names[cell % classes]}" for cell in cells)
        return [name if any_ else "–" for name, any_ in zip(named, more, strict=True)]

    table = pd.DataFrame(
        {
            "channel": chosen,
            "relevance": np.abs(relevance).mean(axis=0)[chosen],
            "logit_drop": (
                scores_of(before, one_unit=probe.one_unit)[np.arange(len(rows)), said][:, None] - logit
            ).mean(axis=0),
            "accuracy_change": np.einsum("fkk->f", effects) / len(rows),
            "class": suffers,
            "recall_change": change[at, hit],
            "more_errors": pairs(worst, 1),
            "more": wrong.reshape(len(chosen), -1)[at, worst],
            "fewer_errors": pairs(best, -1),
            "fewer": -wrong.reshape(len(chosen), -1)[at, best],
        }
    )
    shown = order[: params.show]
    tops = [np.argsort(-values[:, k], kind="stable")[:TOP] for k in shown for values in (answer, relevance)]
    pictures = np.stack([np.asarray(data.images[rows[top]]) for top in tops])
    arrays = {"change": change, "images": small(pictures), "rows": np.stack([rows[top] for top in tops])}
    return table, arrays, effects, [int(k) for k in shown]


def _effects(name: str, ablation_table: pd.DataFrame, effects: Array, tried: int) -> list[Finding]:
    """Say which channel a class depends on most, and how many can be removed one at a time."""
    images = effects.shape[0]
    without = int((ablation_table["accuracy_change"] == 0).sum())
    share = rate(without, images)
    findings = [
        Finding(
            f"{name}: {without:,} of {plural(images, 'channel')}, {share}, can be switched off one at a time without "
            f"changing the accuracy on {plural(tried, 'image')}.",
            severity=Severity.INFO,
            effect=share,
        )
    ]
    place = int(ablation_table["recall_change"].argmin())
    row: Any = ablation_table.iloc[place]
    if row["recall_change"] < 0:
        findings.insert(
            0,
            Finding(
                f"{name}: without channel {row['channel']} the recall of {row['class']} falls by "
                f"{-100 * row['recall_change']:.1f} points; most new errors: {row['more_errors']} ({row['more']:,}).",
                severity=Severity.INFO,
                effect=Estimate(float(row["recall_change"])),
            ),
        )
    return findings


def _states(axes: Axes, table: pd.DataFrame) -> None:
    """Draw the share of dead, zeroed and redundant channels of each layer."""
    of_no_images(axes)
    places, of = np.arange(len(table)), table["channels"].to_numpy()
    start = np.zeros(len(table))
    for column, colour, name in (
        ("zeroed", INK, "zeroed"),
        ("dead", PREDICTED_COLOUR, "dead"),
        ("redundant", NO_EVIDENCE_COLOUR, "redundant"),
    ):
        values = table[column].to_numpy() - (table["zeroed"].to_numpy() if column == "dead" else 0)
        axes.barh(places, 100 * values / of, left=start, color=colour, height=0.65, linewidth=0, label=name)
        start += 100 * values / of
    class_ticks(
        axes,
        [
            f"{text(str(name).rpartition('/')[2], 16)}, {count:,}"
            for name, count in zip(table["layer"], of, strict=True)
        ],
        limit=26,
    )
    axes.set_xlim(0, max(20.0, 1.05 * float(start.max(initial=0))))
    axes.set_xlabel("share of the layer's channels, %")
    axes.legend(ncols=3, frameon=False, fontsize=SMALL, loc="lower left", bbox_to_anchor=(0, 0.99), borderpad=0.1)
    axes.set_title("Layers and their channels\n", loc="left", fontsize=9.5, fontweight="bold", color=INK)
    plain(axes, grid="x")


def _losses(figure: Any, axes: Axes, result: Result, rows: int) -> None:
    """Draw how the recall of each class changes without a channel."""
    closer, change = result.tables["channels"], 100 * result.arrays["change"]
    order = np.argsort(-np.abs(change).max(axis=1), kind="stable")[:rows]
    classes = np.argsort(-np.abs(change).max(axis=0), kind="stable")[:MOST_CLASSES]
    classes = np.sort(classes)
    shown = change[np.ix_(order, classes)]
    mappable = colours_for(signed=True, scale=float(np.abs(shown).max(initial=0)))
    axes.imshow(mappable.to_rgba(shown), aspect="auto", interpolation="nearest")
    class_ticks(axes, [f"channel {closer['channel'].iloc[k]}" for k in order])
    names = [text(result.notes["names"][k], 12) for k in classes]
    axes.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor")
    if len(classes) <= 12:
        largest = float(np.abs(shown).max(initial=0))
        for (row, column), value in np.ndenumerate(shown):
            if value:
                dark = abs(value) > 0.7 * largest
                label = f"{value:+.0f}".replace("-", "−")
                axes.text(column, row, label, ha="center", va="center", fontsize=SMALL, color="white" if dark else INK)
    plain(axes)
    heading(axes, "Change of recall without a channel")
    colour_bar(figure, axes, mappable, "percentage points", shrink=0.8, aspect=25, pad=0.02)


def _tiles(result: Result) -> list[Tile]:
    """One line a channel: its name, nine images that excite it, a gap, and nine in which it is most relevant."""
    if "channels" not in result.tables:
        return []
    images, rows, lines = result.arrays["images"], result.arrays["rows"], []
    blank = Tile(np.full((*images.shape[2:4], 3), 255, np.uint8), blank=True)
    for number, channel in enumerate(result.notes["shown"]):
        lines += [Tile(blank.image, above=[(f"channel {channel}", INK)], below=[("", QUIET)], blank=True), blank]
        for half in (0, 1):
            own = [
                Tile(image, spot=spot_of(result, row))
                for image, row in zip(images[2 * number + half], rows[2 * number + half], strict=True)
            ]
            lines += own + [blank] * (TOP - len(own) + (half == 0))
    return lines

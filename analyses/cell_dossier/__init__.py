"""Everything about one cell of the confusion matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from workbench.core.estimate import Estimate
from workbench.core.finding import Finding, Severity
from workbench.core.image_set import ImageSet
from workbench.core.params import ChooseFrom, Params
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import number, percent, plural
from workbench.data.objects import object_masks, plain
from workbench.data.sampling import evenly, worst_first
from workbench.data.thumbnails import small
from workbench.plotting.colours import PREDICTED_COLOUR, TRUE_COLOUR, scale_of
from workbench.plotting.hot_spots import Spot, place_bars, spot_of
from workbench.plotting.pieces import (
    INK,
    QUIET,
    SMALL,
    colours_for,
    heading,
    interval_bars,
    new_figure,
    on_paper,
    say,
    scale_bar,
    text,
)
from workbench.plotting.pieces import plain as bare
from workbench.plotting.tiles import Tile, image_name, tiles, tiles_height
from workbench.session import contrasts
from workbench.session.analysis import Analysis
from workbench.session.spots import cell_spot, finding_spot
from workbench.statistics.bootstrap import estimate
from workbench.statistics.clusters import DRAWS, LEAST, Clusters, find_clusters, medoids
from workbench.statistics.confusion import confusion_counts
from workbench.statistics.rates import capped, rate, wilson

from .cell import cell_rates, compare_directions, most_frequent_error

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from workbench.session.session import Session

RIGHT = 60
"""Correct predictions of each class to compare with."""
MEDOIDS = 6
"""Images of a cluster to show."""
CELL = 1.6
"""Width of an image in inches."""
LARGE = 1.9
"""Width of a mean map in inches."""
NARROW = 8
"""Cells, of 49, that must hold half of a map for it to be off the object."""
UNCOVERED = 0.5
"""Share of these cells that the object must cover less than."""


class CellDossierParams(Params):
    """Which cell, and how its errors are explained."""

    true: Annotated[
        str | None, Field(description="true class; auto: that of the most frequent error"), ChooseFrom("classes")
    ] = None
    predicted: Annotated[
        str | None, Field(description="predicted class; auto: that of the most frequent error"), ChooseFrom("classes")
    ] = None
    method: contrasts.Method = "integrated-gradients"
    reference: contrasts.Reference = "mean"
    errors: int = Field(300, ge=1, le=5000, description="most errors of the cell to explain, evenly spaced")


class CellDossier(Analysis[CellDossierParams]):
    """How often is one class predicted as another, and which parts of the images speak for it?

    The maps explain f_true - f_predicted. Those of the errors are added up over 7×7 cells and clustered.
    """

    group = "Errors"
    title = "One class predicted as another"
    Params = CellDossierParams
    needs_model = True
    needs_inside = "outputs"

    def compute(self, session: Session, params: CellDossierParams) -> Result:
        """Count the cell and its mirror image, explain its errors beside correct predictions, and cluster the maps."""
        predictions, names = session.predictions, session.class_names
        counts = confusion_counts(predictions.labels, predictions.predicted, len(names))
        asked = [None if name is None else session.class_index(name) for name in (params.true, params.predicted)]
        cell = most_frequent_error(counts, *asked)
        if cell is None:
            of, other = (
                names[k] if k is not None else word
                for k, word in zip(asked, ("any class", "another class"), strict=True)
            )
            none = Finding(f"No image of {of} is predicted as {other}.")
            return Result({"cell": cell_rates(counts, [], names)}, findings=(none,))
        rates = cell_rates(counts, [cell, cell[::-1]], names)
        everyone = np.flatnonzero((predictions.labels == cell[0]) & (predictions.predicted == cell[1]))
        findings = compare_directions(rates, worst_first(predictions, everyone))
        if not len(everyone):
            return Result({"cell": rates}, findings=tuple(findings))
        rows = [everyone[evenly(len(everyone), params.errors)]]
        for each in cell:
            right = np.flatnonzero((predictions.labels == each) & predictions.correct)
            rows.append(right[evenly(len(right), RIGHT)])
        every, ends = np.concatenate(rows), np.cumsum([len(each) for each in rows])[:-1]
        method = contrasts.applicable_method(session, params.method)
        found = contrasts.contrast(session, method, every, cell, reference=params.reference)
        maps = np.split(contrasts.spread_over_pixels(found), ends)
        margins = np.split(contrasts.margins(predictions, every, *cell), ends)
        pictures = np.asarray(session.dataset.images[every])
        masks, cells = object_masks(pictures), contrasts.sum_over_cells(maps[0])
        objects = np.split(masks & plain(masks)[:, None, None], ends)
        vectors = cells.reshape(len(cells), -1)
        groups = find_clusters(vectors)
        inside = [groups.labels == k for k in range(groups.count)]
        nearest = [medoids(vectors, groups.labels, k, MEDOIDS) for k in range(groups.count)]
        shown = np.concatenate(nearest)
        table = _clusters(groups, cells, masks[: len(cells)], margins[0])
        arrays = {
            "means": np.stack([_mean(each) for each in (*maps, *(maps[0][each] for each in inside))]),
            "objects": np.stack([_mean(each) > 0.5 for each in (*objects, *(objects[0][each] for each in inside))]),
            "images": small(pictures[shown]),
            "rows": every[shown],
            "margin": margins[0][shown],
            **{f"margins {k}": each for k, each in enumerate(margins)},
        }
        notes = {
            "title": contrasts.title(method),
            "size": "×".join(map(str, found.values.shape[1:])),
            "examined": [len(each) for each in rows],
            "shown": [len(each) for each in nearest],
        }
        evidence = [worst_first(predictions, rows[0][own]) for own in inside]
        tables = {"clusters": table, "cell": rates}
        return Result(tables, arrays=arrays, findings=(*findings, *_grouped(table, groups, evidence)), notes=notes)

    def draw(self, result: Result) -> Figure:
        """Draw rates, mean maps and margins above, and the clusters with their medoids below."""
        rates = result.tables["cell"]
        if "clusters" not in result.tables:
            return say(new_figure(result, self.question(), height=2.0), "There are no such errors to show.")
        notes, arrays, table = result.notes, result.arrays, result.tables["clusters"]
        true, predicted = (text(rates[column][0], 18) for column in ("true", "predicted"))
        names = [(f"{true} → {predicted}", INK), (f"correct {true}", TRUE_COLOUR)]
        names += [(f"correct {predicted}", PREDICTED_COLOUR)]
        scale = scale_of(arrays["means"], signed=True)
        mean = [on_paper(values, scale, mask) for values, mask in zip(arrays["means"], arrays["objects"], strict=True)]
        means = [
            Tile(picture, above=[name, (f"mean of {plural(count, 'map')}", QUIET)], framed=True)
            for picture, name, count in zip(mean, names, notes["examined"], strict=False)
        ]
        lines = _lines(result, table, mean[len(names) :])
        tall, low = tiles_height(means, 3, LARGE) + 0.8, tiles_height(lines, 1 + MEDOIDS, CELL) + 0.3
        figure = new_figure(
            result,
            self.question(),
            width=12.0,
            height=tall + low + 0.4,
            note=f"Explained: the logit of {true} (teal) minus that of {predicted} (orange), by {notes['title']}, "
            f"{notes['size']}. Mean maps share one scale; shaded: where most images show the object. Lines: 95 % "
            "Wilson intervals. Images of a cluster: nearest to its centre, with row and margin in logits.",
        )
        above, below = figure.subfigures(2, 1, height_ratios=[tall, low], squeeze=False)[:, 0]
        bars, maps, margins = above.subplots(1, 3, width_ratios=[2.6, 3 * LARGE, 3.0])
        _bars(bars, rates)
        cells = [
            cell_spot(result, row["true"], row["predicted"], int(row["images"]), int(row["of"]))
            for _, row in rates.iterrows()
        ]
        place_bars(bars, np.arange(len(cells)), cells, 0.9)
        tiles(maps, means, columns=3, cell=LARGE)
        heading(maps, "Mean maps")
        bottom = maps.get_ylim()[0]
        maps.set_ylim(bottom + 0.42, 0)
        bar = maps.inset_axes((0.0, bottom + 0.17, 0.9, 0.09), transform=maps.transData)
        scale_bar(bar, colours_for(signed=True, scale=scale, contrast=True), "logits per pixel")
        _histogram(margins, [arrays[f"margins {k}"] for k in range(len(names))], names)
        clusters = below.subplots()
        tiles(clusters, lines, columns=1 + MEDOIDS, cell=CELL)
        heading(clusters, "Clusters of the errors' maps" if len(table) > 1 else "The errors' maps form one cluster")
        return figure


def _mean(values: Array) -> Array:
    return values.mean(axis=0) if len(values) else np.zeros(values.shape[1:])


def _clusters(groups: Clusters, cells: Array, masks: Array, margins: Array) -> pd.DataFrame:
    """Describe each cluster: its size, and where half of its mean map lies.

    Args:
        groups: of the n errors.
        cells: `(n, 7, 7)` sums of their maps.
        masks: `(n, H, W)` bool, where the object is.
        margins: `(n,)` logits.
    """
    import pandas as pd

    covered, lines = contrasts.coverage(masks).reshape(len(masks), -1), []
    covered[~plain(masks)] = np.nan
    for k in range(groups.count):
        own = groups.labels == k
        low, high = (float(end) for end in wilson(own.sum(), len(own)))
        found, weights, place = contrasts.core(cells[own].mean(axis=0))
        on = estimate(covered[own][:, found] @ weights, within=(0, 1))
        lines.append(
            {
                "cluster": k + 1,
                "errors": int(own.sum()),
                "share": own.mean(),
                "low": low,
                "high": high,
                "half_in_cells": len(found),
                "cells": cells[0].size,
                "place": place,
                "object_covers": on.value,
                "covers_low": on.low,
                "covers_high": on.high,
                "margin": margins[own].mean(),
            }
        )
    return pd.DataFrame(lines)


def _grouped(table: pd.DataFrame, groups: Clusters, evidence: list[ImageSet]) -> list[Finding]:
    """Say how many clusters there are, and where each one's mean map lies."""
    count = len(groups.labels)
    if count < LEAST:
        claim = f"{plural(count, 'error')}: too few to look for clusters; at least {LEAST} are needed."
    elif len(table) == 1:
        claim = (
            f"The maps of {plural(count, 'error')} form one cluster: {groups.reached} of {DRAWS} random sets without "
            f"clusters split as well (silhouette {number(groups.silhouette)})."
        )
    else:
        claim = (
            f"The maps of {plural(count, 'error')} form {plural(len(table), 'cluster')}: none of {DRAWS} "
            f"random sets without clusters splits as well (silhouette {number(groups.silhouette)}, p = "
            f"{1 / (DRAWS + 1):.2g})."
        )
    findings = [Finding(claim)]
    for (_, row), rows in zip(table.iterrows(), evidence, strict=True):
        share = rate(int(row["errors"]), count)
        whose = (
            f"Cluster {row['cluster']}, {row['errors']:,} of {plural(count, 'error')}, {share}"
            if len(table) > 1
            else "All errors"
        )
        claim = f"{whose}: half of the mean map lies in {row['half_in_cells']} of {row['cells']} cells, {row['place']}"
        elsewhere = row["half_in_cells"] <= NARROW and row["covers_high"] < UNCOVERED
        if np.isfinite(row["object_covers"]):
            on = Estimate(row["object_covers"], row["covers_low"], row["covers_high"])
            claim += f"; the object covers {contrasts.in_percent(on)} of them"
        findings.append(
            Finding(
                f"{claim}{', so the object does not explain them' if elsewhere else ''}.",
                severity=capped(Severity.SERIOUS, int(row["errors"])) if elsewhere else Severity.INFO,
                effect=share,
                evidence=rows,
                advice="Look at this place: a mark that comes with the class is a shortcut." if elsewhere else "",
            )
        )
    return findings


def _lines(result: Result, table: pd.DataFrame, mean: list[Array]) -> list[Tile]:
    """One line of pictures for each cluster: its mean map, and the images nearest to its centre."""
    arrays, lines, start = result.arrays, [], 0
    blank = Tile(np.full((*arrays["images"].shape[1:3], 3), 255, np.uint8), below=[("", QUIET)], blank=True)
    for place, ((_, row), picture, count) in enumerate(zip(table.iterrows(), mean, result.notes["shown"], strict=True)):
        size = f"{row['cluster']}: {plural(row['errors'], 'error')}, {percent(row['share'])}"
        below = [(size, INK), (f"mean margin {number(row['margin'])}", QUIET)]
        lines.append(Tile(picture, below=below, framed=True, spot=_spot(result, len(table) - place, row)))
        for n in range(start, start + count):
            below = [image_name(result, arrays["rows"][n]), (number(arrays["margin"][n]), QUIET)]
            lines.append(Tile(arrays["images"][n], below=below, spot=spot_of(result, arrays["rows"][n])))
        lines += [blank] * (MEDOIDS - count)
        start += count
    return lines


def _spot(result: Result, from_end: int, row: pd.Series) -> Spot | None:
    """Return the spot of a cluster: the findings of all clusters are the last ones."""
    place = len(result.findings) - from_end
    count = len(result.findings[place].evidence)
    return finding_spot(result, place, f"cluster {row['cluster']}: {plural(count, 'image')}") if count else None


def _bars(axes: Axes, rates: pd.DataFrame) -> None:
    """Draw both rates with their intervals."""
    values = (100 * rates[column].to_numpy() for column in ("rate", "low", "high"))
    interval_bars(axes, np.arange(2), *values, colour=PREDICTED_COLOUR, height=0.4)
    end = 100 * float(rates["high"].max())
    for place, (_, row) in enumerate(rates.iterrows()):
        axes.text(
            0, place - 0.34, f"{text(row['true'], 17)} → {text(row['predicted'], 17)}", fontsize=SMALL + 0.5, color=INK
        )
        label = f"{row['images']:,} of {row['of']:,}" + (f", {percent(row['rate'])}" if row["of"] else "")
        axes.text(0, place + 0.34, label, fontsize=SMALL, color=QUIET, va="center")
    axes.set_yticks([])
    axes.set_ylim(1.6, -0.6)
    axes.set_xlim(0, 1.1 * end)
    axes.set_xlabel("share of the images of the true class, %")
    heading(axes, "The cell and its reverse")
    bare(axes, grid="x")


def _histogram(axes: Axes, margins: list[Array], names: list[tuple[str, str]]) -> None:
    """Draw the margins of the errors, and of correct predictions of both classes."""
    bins = np.histogram_bin_edges(np.concatenate(margins), 24).tolist()
    for values, (name, colour) in zip(margins, names, strict=True):
        if len(values):
            share = np.full(len(values), 100 / len(values))
            axes.hist(values, bins, weights=share, histtype="stepfilled", color=colour, alpha=0.3)
            axes.hist(values, bins, weights=share, histtype="step", color=colour, linewidth=1.2, label=f" {name}")
    axes.set(xlabel="margin, logits", ylabel="share of each group, %")
    axes.set_ylim(0, 1.5 * axes.get_ylim()[1])
    if any(len(values) for values in margins):
        axes.legend(frameon=False, fontsize=SMALL, loc="upper left", handlelength=1.2)
    heading(axes, "Margins")
    bare(axes, grid="y")

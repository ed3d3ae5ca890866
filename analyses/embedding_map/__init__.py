"""Map of the embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from workbench.core.estimate import Estimate
from workbench.core.finding import Finding, Severity
from workbench.core.image_set import ImageSet
from workbench.core.params import Params, Seed
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import percent, plural, verb
from workbench.data.thumbnails import as_rgb, thumbnails_of
from workbench.plotting.colours import SURENESS, of_classes
from workbench.plotting.hot_spots import Spot, place_scatter, place_spot, spot_of
from workbench.plotting.pieces import INK, SMALL, heading, new_figure, scale_bar, text
from workbench.session.analysis import Analysis
from workbench.session.spots import region_spot
from workbench.statistics.nearest import nearest
from workbench.statistics.rates import capped

from .overlap import Neighbourhoods, mean_share, overlap_of_pairs, purity_of_classes
from .tsne import measure_trustworthiness, to_plane

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from workbench.session.session import Session

RIGHT = "#94a3b8"
WRONG = "#b91c1c"
OVERLAP = 0.1
"""Share of neighbours of the other class that an overlap worth knowing surely exceeds."""
PAIRS = 3
"""Overlaps that findings name."""
LABELLED = 20
"""Classes whose names are written on the map; of more, those with the most images, and of equal ones some all over."""
TILES = 16
"""Pictures along the longer side of the map."""


class EmbeddingMapParams(Params):
    """How large the map is, and what counts as near."""

    images: int = Field(4000, ge=10, le=20_000, description="most images on the map; of more, a random sample")
    perplexity: float = Field(
        30, ge=2, le=200, description="perplexity of t-SNE, about how many neighbours it keeps together"
    )
    neighbours: int = Field(15, ge=1, le=100, description="nearest neighbours for purity and trustworthiness")
    seed: Seed = Field(0, description="seed for the sample and for t-SNE")


class EmbeddingMap(Analysis[EmbeddingMapParams]):
    """Which classes does the model separate, and where do its errors lie?"""

    group = "Model"
    title = "Embedding map"
    Params = EmbeddingMapParams
    needs_model = True
    quick = None

    def compute(self, session: Session, params: EmbeddingMapParams) -> Result:
        """Lay the embeddings out in the plane, and count neighbours of each class before that."""
        import pandas as pd

        predictions, names = session.predictions, session.class_names
        count = min(params.images, len(predictions))
        rows = np.sort(np.random.default_rng(params.seed).permutation(len(predictions))[:count])
        labels, embeddings = predictions.labels[rows], session.embeddings[rows]
        near = nearest(
            embeddings, embeddings, max(params.neighbours, int(3 * params.perplexity)), own=np.arange(len(embeddings))
        )
        places, by_tsne = to_plane(embeddings, near, perplexity=params.perplexity, seed=params.seed)
        k = min(params.neighbours, near[1].shape[1])
        sample = Neighbourhoods(rows=rows, labels=labels, near=labels[near[1][:, :k]], names=names)
        points = pd.DataFrame(
            {
                "row": rows,
                "x": places[:, 0].round(4),
                "y": places[:, 1].round(4),
                "label": [names[c] for c in labels],
                "predicted": [names[c] for c in predictions.predicted[rows]],
                "correct": predictions.correct[rows],
                "confidence": predictions.confidence[rows],
            }
        )
        tables = {"points": points, "classes": purity_of_classes(sample), "pairs": overlap_of_pairs(sample)}
        shown = _points_to_picture(places, TILES)
        pictures = thumbnails_of(session.dataset, rows[shown], 32)
        arrays = {"label": labels, "tiles": pictures, "tile_points": shown}
        trust = measure_trustworthiness(embeddings, places, params.neighbours)
        findings = [
            *_purity(sample, tables["classes"]),
            *_overlaps(sample, tables["pairs"]),
            _fidelity(trust, by_tsne, count, len(predictions)),
        ]
        return Result(tables, arrays=arrays, findings=tuple(findings), notes={"classes": list(names), "t-SNE": by_tsne})

    def draw(self, result: Result) -> Figure:
        """Draw the map four times: by class, correctness and confidence, and as the images themselves."""
        points, names = result.tables["points"], result.notes["classes"]
        how = "t-SNE" if result.notes["t-SNE"] else "First two principal components"
        figure = new_figure(
            result,
            self.question(),
            width=10.2,
            height=9.6,
            note=(
                f"{how} of the embeddings: neighbours on the map are near for the model, but the axes and distances "
                f"between clusters have no meaning. Frames: true class.{_left_out(result)}"
            ),
        )
        panels = figure.subplots(2, 2)
        x, y, colours = points["x"].to_numpy(), points["y"].to_numpy(), of_classes(len(names))
        labels = result.arrays["label"]
        size = float(np.clip(9000 / max(len(points), 1), 2.5, 40))
        for axes in panels.flat[:3]:
            place_scatter(axes, x, y, partial(_square_of, result))
        _dots(panels[0, 0], x, y, [colours[c] for c in labels], size)
        heading(panels[0, 0], "True class")
        _names(panels[0, 0], np.stack([x, y], axis=1), labels, names, colours)
        _correctness(panels[0, 1], points, size)
        _confidence(panels[1, 0], points, size)
        heading(panels[1, 1], "The images at their places")
        _pictures(panels[1, 1], result, colours)
        for axes in panels.flat:
            _frame(axes, x, y)
        return figure


def _square_of(result: Result, places: Array) -> Spot:
    """Return the spot of a square of the map: its image, or this part of the map, whose images the page lists."""
    points = result.tables["points"]
    if len(places) == 1:
        return spot_of(result, int(points["row"].iloc[int(places[0])]))
    return region_spot(result, points[["x", "y"]].to_numpy()[places])


def _purity(sample: Neighbourhoods, table: pd.DataFrame) -> list[Finding]:
    labels, names, neighbours = sample.labels, sample.names, sample.most
    if not neighbours:
        return [Finding("A single image has no neighbours: there is nothing to compare it with.")]
    own = sample.own_shares()
    known = np.isfinite(own)
    if not known.any():
        return [Finding("Each class has a single image: none has a neighbour of its class to be compared with.")]
    purity = mean_share(float(own[known].mean()), int(known.sum()))
    chance = float((np.bincount(labels)[labels[known]] - 1).mean() / (len(labels) - 1))
    counted = sample.besides(labels[known])
    least, most = int(counted.min()), int(counted.max())
    nearest = plural(most, "nearest neighbour") if least == most else f"{least} to {most} nearest neighbours"
    why = " (as many as its class has other images)" if least < neighbours else ""
    overall = Finding(
        f"On average, {purity} of the {nearest}{why} of an image have its class; by chance it would be "
        f"{percent(chance)}.",
        effect=purity,
    )
    table = table[table["purity"].notna()]
    if len(table) < 2:
        return [overall]
    best = table.iloc[-1]
    purity = mean_share(float(best["purity"]), int(best["images"]))
    purest = Finding(
        f"{best['class']} is separated best: {purity} of the neighbours of its images are also {best['class']}.",
        effect=purity,
        classes=(list(names).index(best["class"]),),
    )
    return [overall, purest]


def _overlaps(sample: Neighbourhoods, table: pd.DataFrame) -> list[Finding]:
    labels, names, findings = sample.labels, sample.names, []
    for line in table[:PAIRS].to_dict("records"):
        one, other, images, overlap = (line[key] for key in ("one_index", "other_index", "images", "overlap"))
        if overlap <= 0:
            break
        counted, inside = int(line["neighbours"]), (labels == one) | (labels == other)
        foreign = np.where(inside, sample.shares_of(np.where(labels == one, other, one), counted), -1.0)
        order = np.argsort(-foreign, kind="stable")
        share = mean_share(overlap, images)
        sure = share.low > OVERLAP
        near = plural(counted, "nearest neighbour")
        why = "" if counted == sample.most else " (as many as the smaller class has other images)"
        findings.append(
            Finding(
                f"{names[one]} and {names[other]} overlap: {share} of the {near}{why} of their "
                f"{plural(images, 'image')} {verb(images, 'are')} of the other class.",
                severity=capped(Severity.MILD, images) if sure else Severity.INFO,
                effect=share,
                evidence=ImageSet(sample.rows[order[foreign[order] > 0]]),
                advice="Look at the images among the other class: wrong labels, or classes that look alike."
                if sure
                else "",
                classes=(one, other),
            )
        )
    return findings


def _fidelity(trust: tuple[float, int, int] | None, by_tsne: bool, shown: int, of: int) -> Finding:
    whole = ("its" if of == 1 else "all") if shown == of else f"{shown:,} of"
    how = "t-SNE, started from the principal components" if by_tsne else "first two principal components"
    size = f"The map shows {whole} {plural(of, 'image')} ({how})"
    if trust is None:
        return Finding(f"{size}; too few to measure its trustworthiness.")
    value, k, measured = trust
    among = "" if measured == shown else f", on {measured:,} of them"
    claim = f"{size}: trustworthiness {value:.3f} at k = {k}{among} (1: all neighbours on the map are true neighbours)."
    if value >= 0.9:
        return Finding(claim, effect=Estimate(value))
    return Finding(
        claim,
        severity=capped(Severity.MILD, measured),
        effect=Estimate(value),
        advice="Trust the neighbour counts more than distances on the map.",
    )


def _points_to_picture(places: Array, across: int) -> Array:
    """Points `(m,)` int to show as pictures: of each square of a grid over the map the one nearest to its centre."""
    at, _ = _squares(places, across)
    squares = at.round().astype(np.int64)
    off = np.abs(at - squares).max(axis=1)
    order = np.lexsort((off, squares[:, 1], squares[:, 0]))
    first = np.ones(len(order), bool)
    first[1:] = (np.diff(squares[order], axis=0) != 0).any(axis=1)
    return np.sort(order[first])


def _squares(places: Array, across: int) -> tuple[Array, float]:
    """Places in sides of the grid's squares, whose centres are whole numbers, and that side."""
    side = max(float(np.ptp(places, axis=0).max()) / (across - 1), 1e-9)
    return (places - places.min(axis=0)) / side, side


def _frame(axes: Axes, x: Array, y: Array) -> None:
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_color("#e5e7eb")
    half = max(float(np.ptp(x)), float(np.ptp(y)), 1e-6) * 0.54
    axes.set_xlim((x.min() + x.max()) / 2 - half, (x.min() + x.max()) / 2 + half)
    axes.set_ylim((y.min() + y.max()) / 2 - half, (y.min() + y.max()) / 2 + half)


def _dots(axes: Axes, x: Array, y: Array, colours: object, size: float, **how: object) -> None:
    axes.scatter(x, y, s=size, c=colours, linewidths=0, **{"alpha": 0.8, **how})  # type: ignore[arg-type]


def _left_out(result: Result) -> str:
    classes = len(result.notes["classes"])
    return (
        f" Names: {LABELLED} of {plural(classes, 'class')}, those with the most images." if classes > LABELLED else ""
    )


def _named(sizes: Array) -> list[int]:
    """Return the classes whose names are written on the map."""
    if len(sizes) <= LABELLED:
        return list(range(len(sizes)))
    least = np.sort(sizes)[-LABELLED]
    larger, equal = np.flatnonzero(sizes > least), np.flatnonzero(sizes == least)
    some = equal[np.linspace(0, len(equal) - 1, LABELLED - len(larger)).round().astype(np.int64)]
    return [*larger.tolist(), *some.tolist()]


def _names(axes: Axes, places: Array, labels: Array, names: Sequence[str], colours: Sequence[str]) -> None:
    """Write each class's name at the middle of its images, lines that would touch one above the other."""
    from matplotlib.patheffects import withStroke

    x, y = places.T
    sizes = np.bincount(labels, minlength=len(names))
    shown = [c for c in _named(sizes) if sizes[c]]
    span = max(float(np.ptp(x)), float(np.ptp(y)), 1e-6)
    at = {c: [float(np.median(x[labels == c])), float(np.median(y[labels == c]))] for c in shown}
    order = sorted(shown, key=lambda c: at[c][1])
    for _ in range(40):
        for one, other in ((a, b) for place, a in enumerate(order) for b in order[place + 1 :]):
            wide = 0.011 * span * (len(text(names[one], 18)) + len(text(names[other], 18)))
            gap = 0.045 * span - (at[other][1] - at[one][1])
            if abs(at[one][0] - at[other][0]) < wide and 0 < gap < 0.09 * span:
                at[one][1] -= gap / 2
                at[other][1] += gap / 2
    for c in shown:
        axes.text(
            at[c][0],
            at[c][1],
            text(names[c], 18),
            fontsize=SMALL + 1,
            fontweight="bold",
            color=colours[c],
            ha="center",
            va="center",
            path_effects=[withStroke(linewidth=2.6, foreground="white")],
        )


def _correctness(axes: Axes, points: pd.DataFrame, size: float) -> None:
    from matplotlib.collections import PathCollection

    right = points["correct"].to_numpy(bool)
    for chosen, colour, word in ((right, RIGHT, "correct"), (~right, WRONG, "wrong")):
        found = points[chosen]
        if len(found):
            label = f"{word}: {len(found):,}"
            _dots(axes, found["x"].to_numpy(), found["y"].to_numpy(), colour, size * 1.3, label=label)
    heading(axes, "Correct or wrong")
    legend = axes.legend(loc="lower left", fontsize=SMALL + 0.5, frameon=True, edgecolor="none", labelcolor=INK)
    for handle in legend.legend_handles:
        if isinstance(handle, PathCollection):
            handle.set_sizes([28])


def _confidence(axes: Axes, points: pd.DataFrame, size: float) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    # The least confident on top: they are the ones to be seen.
    order = np.argsort(-points["confidence"].to_numpy(), kind="stable")
    found = points.iloc[order]
    confidence = found["confidence"].to_numpy()
    scale = ScalarMappable(Normalize(0, 1), LinearSegmentedColormap.from_list("sureness", SURENESS))
    _dots(axes, found["x"].to_numpy(), found["y"].to_numpy(), scale.to_rgba(confidence), size)
    heading(axes, "Confidence")
    bar = axes.inset_axes((0.05, 0.08, 0.36, 0.025))
    scale_bar(bar, scale, "probability of the predicted class")


def _pictures(axes: Axes, result: Result, colours: Sequence[str]) -> None:
    points, tiles, shown = result.tables["points"], result.arrays["tiles"], result.arrays["tile_points"]
    places = points[["x", "y"]].to_numpy()
    at, side = _squares(places, TILES)
    height, width = tiles.shape[1:3]
    tall, wide = side * 0.46 * height / max(height, width), side * 0.46 * width / max(height, width)
    for image, point in zip(tiles, shown, strict=True):
        # Pictures stand in the middle of their squares, so that none hides another.
        x, y = places.min(axis=0) + at[point].round() * side
        box = (x - wide, x + wide, y - tall, y + tall)
        axes.imshow(as_rgb(image), extent=box, interpolation="nearest", aspect="equal")
        place_spot(axes, box, spot_of(result, points["row"].iloc[point]))
        around = [box[0], box[1], box[1], box[0], box[0]], [box[2], box[2], box[3], box[3], box[2]]
        axes.plot(*around, color=colours[result.arrays["label"][point]], linewidth=0.9)

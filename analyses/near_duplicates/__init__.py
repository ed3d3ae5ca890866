"""Copies of images within and between the parts of the data."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from workbench.core.dataset import Dataset
from workbench.core.finding import Finding, Kind
from workbench.core.image_set import Part
from workbench.core.params import Params
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import plural
from workbench.data.thumbnails import small
from workbench.plotting.colours import PREDICTED_COLOUR, TRUE_COLOUR
from workbench.plotting.hot_spots import Spot, of_no_images, place_bars, spot_of
from workbench.plotting.pieces import INK, QUIET, heading, interval_bars, new_figure, plain, say, text
from workbench.plotting.tiles import ImageName, Tile, tiles, tiles_height
from workbench.session.analysis import Analysis
from workbench.session.images.image_field import ImageField
from workbench.session.spots import finding_spot
from workbench.statistics.copies import WAYS, Copies, Pairs, find_copies
from workbench.statistics.rates import wilson

from .findings import conflicts, duplicates, leakage

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from workbench.session.session import Session

COLUMNS = 4
"""Pairs in a row of the figure."""
PAIR = 2.6
"""Width of a pair in inches."""
MOST_ROWS = 5000
"""Pairs of a kind that a table lists."""
PLACES = ("studied and training", "within studied", "within training")
"""Names of the tables of pairs."""
TITLES = ("evaluated, also in training", "evaluated, duplicated", "training, duplicated")
"""The same, for people."""
PARTS = ((0, 1), (0, 0), (1, 1))
"""The parts that each of them compares."""
COLUMNS_OF = (("row", "train_row"), ("row", "other_row"), ("train_row", "other_train_row"))
"""Columns that hold the rows of each."""
RANK = {"critical": 0, "serious": 1, "mild": 2, "info": 3}


class NearDuplicatesParams(Params):
    """What to compare, and how much to show."""

    pairs: int = Field(12, ge=1, le=48, description="pairs to draw, closest first")
    second_opinion: Literal["embeddings", "none"] = Field(
        "embeddings", description="also report the cosine similarity of each pair's embeddings, or nothing"
    )


class NearDuplicates(Analysis[NearDuplicatesParams]):
    """Are there duplicate images, and do any leak from the evaluated images into training?

    Exact copies are identical byte for byte. Near copies are closer to each other than a quarter of the distance to
    either's fifth nearest neighbour: less where the data has few dimensions, more where its own distances leave room.
    Mirrored, rotated and shifted (by one pixel) copies are identical after undoing that.
    """

    group = "Data"
    title = "Duplicates and leaks"
    Params = NearDuplicatesParams
    needs_images = True
    needs_model = True
    kinds: ClassVar[tuple[Kind, ...]] = ("leakage", "duplicates")
    fields: ClassVar[Mapping[str, ImageField]] = MappingProxyType(
        {"copy_distance": ImageField(title="distance of the nearest copy", column="distance", unit="of pixels")}
    )
    quick: ClassVar[Mapping[str, Any] | None] = MappingProxyType({"second_opinion": "none"})

    def compute(self, session: Session, params: NearDuplicatesParams) -> Result:
        """Find the copies, count them in each part, and measure the accuracy without the leaked ones."""
        parts, copies = _find(session)
        start, names = len(session.dataset), session.class_names
        labels = np.concatenate([each.labels for each in parts])
        embeddings = _embeddings(session, len(parts)) if params.second_opinion == "embeddings" else None
        found = {n: copies.pairs(*pair) for n, pair in enumerate(PARTS) if max(pair) < len(parts)}
        count = {n: len(copies.copied(*PARTS[n])) for n in found}
        tables = {"copies": _summary(found, count, [len(each) for each in parts], labels)}
        for n, pairs in found.items():
            rows = pairs.images[:MOST_ROWS] - start * np.array(PARTS[n])
            tables[PLACES[n]] = _table(pairs, dict(zip(COLUMNS_OF[n], rows.T, strict=True)), labels, names)
            if embeddings is not None:
                tables[PLACES[n]]["cosine"] = _cosine(embeddings, pairs.images[:MOST_ROWS])
        findings = []
        if 0 in found:
            predicted = session.predictions.predicted[tables[PLACES[0]]["row"]]
            tables[PLACES[0]]["predicted"] = [names[c] for c in predicted]
            findings.append(leakage(session.predictions.correct, len(parts[1]), found[0]))
        else:
            known = session.train is not None
            why = "the evaluated images are part of them" if known else "the training images are not available"
            findings.append(Finding(f"Leakage from training was not checked: {why}."))
        for n in sorted(found)[-len(parts) :]:
            part = PARTS[n][0]
            own = Pairs(found[n].images - start * part, found[n].ways, found[n].distances)
            findings.append(duplicates(part, len(parts[part]), own, count[n]))
        findings += _conflicts(parts, found, labels, names)
        findings.sort(key=lambda each: RANK[each.severity])
        shown = _chosen(found, copies, params.pairs)
        arrays = {
            "pictures": _pictures(parts, shown.images, start),
            "ratios": copies.scale.ratios,
            "shown": shown.images,
        }
        notes = {
            "labels": [[names[labels[i]] for i in pair] for pair in shown.images.tolist()],
            "ways": shown.ways.tolist(),
            "distances": shown.distances.tolist(),
            "conflict": (labels[shown.images[:, 0]] != labels[shown.images[:, 1]]).tolist(),
            "cosine": None if embeddings is None else _cosine(embeddings, shown.images).tolist(),
            "start": start,
            "share": copies.scale.share,
            "copies": any(map(len, found.values())),
        }
        return Result(tables, arrays=arrays, findings=tuple(findings), notes=notes)

    def draw(self, result: Result) -> Figure:
        """Draw how many there are, how close neighbours are, and the pairs side by side."""
        table, notes = result.tables["copies"], result.notes
        pictures = _tiles(result)
        low = tiles_height(pictures, COLUMNS, PAIR) + 0.35 if pictures else 0.5
        said = (
            "Lines: 95 % Wilson intervals. Euclidean distances of pixels in [0, 1], large images downscaled. Under "
            "each pair: label and name of both (evaluated first), kind of copy, distance. Orange: labels differ."
        )
        figure = new_figure(result, self.question(), width=COLUMNS * PAIR + 0.4, height=low + 2.1, note=said)
        above, below = figure.subfigures(2, 1, height_ratios=[2.1, low], squeeze=False)[:, 0]
        bars, ratios = above.subplots(1, 2, width_ratios=[1.2, 1])
        _bars(bars, table)
        place_bars(bars, np.arange(len(table)), [_spot(result, row) for _, row in table.iterrows()], 0.9)
        _ratios(ratios, result.arrays["ratios"], notes["share"])
        if not pictures:
            return _nothing(figure, below)
        axes = below.subplots()
        tiles(axes, pictures, columns=COLUMNS, cell=PAIR)
        heading(axes, "Duplicates, closest first" if notes["copies"] else "No duplicates; these are the closest pairs")
        return figure


def _nothing(figure: Figure, below: Any) -> Figure:
    say(below, "There is no pair of images to show.")
    return figure


def _find(session: Session) -> tuple[list[Dataset], Copies]:
    """Return the parts that were searched, and the copies; training images only if they are different images."""
    parts = [session.dataset]
    if (train := session.train) is not None and train.image_shape == session.dataset.image_shape:
        parts.append(train)
    copies = find_copies(parts)
    if len(parts) == 2 and _same_part(copies, *parts):
        return parts[:1], find_copies(parts[:1])
    return parts, copies


def _same_part(copies: Copies, evaluated: Dataset, train: Dataset) -> bool:
    """Whether the evaluated images are some of the training images themselves, not copies of them."""
    if evaluated.fingerprint == train.fingerprint:
        return True
    equal = (copies.heads[copies.group[copies.part == 0], 1] >= 0).all()
    return evaluated.name == train.name and bool(equal and np.isin(evaluated.indices, train.indices).all())


def _embeddings(session: Session, parts: int) -> Array:
    if parts == 1:
        return session.embeddings
    if (training := session.training) is None:  # predictions of the studied images alone
        unknown = np.full((len(session.train or ()), session.embeddings.shape[1]), np.nan, np.float32)
        return np.concatenate([session.embeddings, unknown])
    return np.concatenate([session.embeddings, training.embeddings])


def _cosine(embeddings: Array, pairs: Array) -> Array:
    one, other = (embeddings[pairs[:, n]].astype(np.float64) for n in (0, 1))
    length = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return np.asarray((one * other).sum(axis=1) / np.maximum(length, 1e-300))


def _summary(found: Mapping[int, Pairs], count: Mapping[int, int], sizes: list[int], labels: Array) -> pd.DataFrame:
    """One row for each pair of parts that was searched."""
    import pandas as pd

    lines = []
    for n, pairs in found.items():
        of = sizes[PARTS[n][0]]
        low, high = (float(end) for end in wilson(count[n], of))
        differ = int((labels[pairs.images[:, 0]] != labels[pairs.images[:, 1]]).sum())
        lines.append(
            {
                "where": PLACES[n],
                "copied": count[n],
                "of": of,
                "share": count[n] / of,
                "low": low,
                "high": high,
                "pairs": len(pairs),
                **pairs.counts,
                "labels_differ": differ,
            }
        )
    return pd.DataFrame(lines)


def _table(pairs: Pairs, rows: Mapping[str, Array], labels: Array, names: tuple[str, ...]) -> pd.DataFrame:
    """List the pairs of two parts, or of one."""
    import pandas as pd

    own = labels[pairs.images[:MOST_ROWS]]
    return pd.DataFrame(
        {
            **rows,
            "copy": [WAYS[way] for way in pairs.ways[:MOST_ROWS]],
            "distance": pairs.distances[:MOST_ROWS],
            "label": [names[c] for c in own[:, 0]],
            "other_label": [names[c] for c in own[:, 1]],
            "labels_differ": own[:, 0] != own[:, 1],
        }
    )


def _conflicts(
    parts: list[Dataset], found: Mapping[int, Pairs], labels: Array, names: tuple[str, ...]
) -> list[Finding]:
    """Report the images of each part that have a copy with another label."""
    start, findings = len(parts[0]), []
    pairs = np.concatenate([each.images for each in found.values()])
    pairs = pairs[labels[pairs[:, 0]] != labels[pairs[:, 1]]]
    for part, dataset in enumerate(parts):
        own = (pairs >= start) == bool(part)
        rows = np.array(list(dict.fromkeys(pairs[own].tolist())), np.int64) - start * part
        if len(rows):
            findings.append(conflicts(part, len(dataset), rows, labels[pairs[own.any(axis=1)]], names))
    return findings


def _chosen(found: Mapping[int, Pairs], copies: Copies, most: int) -> Pairs:
    """Choose pairs to draw: from each table in turn; the closest of all where there is no copy."""
    if not any(map(len, found.values())):
        few = copies.closest[:most]
        return Pairs(few, np.full(len(few), -1), copies.spaces[:most])
    turns = sorted((at, n) for n, pairs in found.items() for at in range(min(len(pairs), most)))[:most]
    turns.sort(key=lambda each: (each[1], each[0]))
    return Pairs(
        np.array([found[n].images[at] for at, n in turns]),
        np.array([found[n].ways[at] for at, n in turns]),
        np.array([found[n].distances[at] for at, n in turns]),
    )


def _pictures(parts: list[Dataset], pairs: Array, start: int) -> Array:
    """The two images of each pair beside each other: `(P, h, w, C)` uint8."""
    both = []
    for pair in pairs.tolist():
        images = [small(np.asarray(parts[i >= start].images[i - start * (i >= start)]), 64) for i in pair]
        gap = np.full((images[0].shape[0], max(1, images[0].shape[1] // 14), images[0].shape[2]), 255, np.uint8)
        both.append(np.concatenate([images[0], gap, images[1]], axis=1))
    return np.stack(both) if both else np.zeros((0, 1, 1, 1), np.uint8)


def _image(place: int, start: int) -> tuple[int, Part]:
    """Return the row of an image in its part, and the part; from `start` on they are training images."""
    return (place - start, "train") if place >= start else (place, "data")


def _tiles(result: Result) -> list[Tile]:
    notes, made = result.notes, []
    for n, picture in enumerate(result.arrays["pictures"]):
        colour = PREDICTED_COLOUR if notes["conflict"][n] else INK
        way = WAYS[notes["ways"][n]] if notes["ways"][n] >= 0 else "not a copy"
        how = f"{way}, distance {notes['distances'][n]:.3g}"
        if notes["cosine"] is not None:
            how += f", cosine {notes['cosine'][n]:.3f}"
        lines = [
            (ImageName(result.image_name(*_image(place, notes["start"])), before=f"{text(label, 20)}: "), colour)
            for place, label in zip(result.arrays["shown"][n].tolist(), notes["labels"][n], strict=True)
        ]
        both = [_image(place, notes["start"]) for place in result.arrays["shown"][n].tolist()]
        spots = [spot_of(result, row, part) for row, part in both]
        made.append(Tile(picture, below=[*lines, (how, QUIET)], framed=True, spot=spots))
    return made


def _spot(result: Result, row: pd.Series) -> Spot | None:
    """Return the spot of the images with a copy, that a finding shows."""
    which = PLACES.index(row["where"])
    kind, part = ("leakage" if which == 0 else "duplicates"), ("train" if which == 2 else "data")
    for place, each in enumerate(result.findings):
        if (each.kind, each.part) == (kind, part) and each.evidence and not each.classes:
            title = f"{TITLES[which]}: {len(each.evidence):,} of {plural(int(row['of']), 'image')}"
            return finding_spot(result, place, title)
    return None


def _bars(axes: Axes, table: pd.DataFrame) -> None:
    """Draw the share of images with a copy, for each table."""
    values = (100 * table[column].to_numpy(float) for column in ("share", "low", "high"))
    interval_bars(axes, np.arange(len(table)), *values, colour=TRUE_COLOUR, height=0.5)
    end = 100 * float(table["high"].max())
    for place, (_, row) in enumerate(table.iterrows()):
        axes.text(
            0,
            place - 0.36,
            f"{TITLES[PLACES.index(row['where'])]}: {row['copied']:,} of {row['of']:,}",
            fontsize=8,
            color=INK,
        )
    axes.set_yticks([])
    axes.set_ylim(len(table) - 0.4, -0.65)
    axes.set_xlim(0, 1.05 * end)
    axes.set_xlabel("images with a copy, %")
    heading(axes, "Duplicates")
    plain(axes, grid="x")


def _ratios(axes: Axes, ratios: Array, share: float) -> None:
    """Draw how close the nearest neighbour is, and the threshold for copies."""
    of_no_images(axes)  # a sample of all parts together
    heading(axes, "Distance to the nearest neighbour")
    plain(axes, grid="y")
    if not len(ratios):
        axes.set_axis_off()
        axes.text(0, 0.5, "Too few different images to define a threshold.", fontsize=8, color=QUIET)
        return
    axes.hist(ratios, np.linspace(0, 1, 41).tolist(), color=TRUE_COLOUR, alpha=0.8)
    axes.axvline(share, color=PREDICTED_COLOUR, linewidth=1.2)
    axes.text(
        share, axes.get_ylim()[1] * 0.97, " near copies: left of the line", fontsize=8, color=PREDICTED_COLOUR, va="top"
    )
    axes.set(xlabel="distance to the nearest / to the fifth nearest neighbour", xlim=(0, 1))
    axes.set_ylabel(f"of {plural(len(ratios), 'image')}")

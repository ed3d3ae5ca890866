"""Labels that are likely wrong, of training and of evaluated images, and labels that may mean two things."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from workbench.core.finding import Finding, Kind
from workbench.core.image_set import ImageSet, Part
from workbench.core.params import Params
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import percent, plural, probability
from workbench.data.thumbnails import thumbnails_of
from workbench.plotting.colours import PREDICTED_COLOUR, TRUE_COLOUR
from workbench.plotting.hot_spots import Spot, place_bars, spot_of
from workbench.plotting.pieces import INK, QUIET, SMALL, heading, interval_bars, new_figure, plain, say, text
from workbench.plotting.tiles import Tile, strips, tiles, tiles_height
from workbench.session.analysis import Analysis
from workbench.session.images.image_field import ImageField
from workbench.session.likeness import alike
from workbench.session.second_look import second_looks
from workbench.session.spots import set_spot
from workbench.statistics.label_quality import LabelQuality, quality
from workbench.statistics.nearest import nearest

from .findings import IMAGES, Suspects, findings_of
from .out_of_sample import at_once, from_folds, with_dynamics
from .two_groups import classes_of_two_groups

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from workbench.session.session import Session

CELL = 0.8
"""Width of a picture in inches."""
WITNESSES = 3
"""Nearest training images of either class that stand beside a suspicious one."""
PAIRS = 10
"""Pairs in the figure."""
MOST_ROWS = 5000
"""Images that a table lists at most."""
TABLES = {"train": "training", "data": "studied"}
"""Name of the table of each part."""


class LabelIssuesParams(Params):
    """How labels are checked, and how much is shown."""

    folds: int = Field(
        0,
        ge=0,
        le=20,
        description="models of the same architecture to train, each without one fold of the training images; 0: "
        "cross-validate linear probes on embeddings instead, which is quick",
    )
    images: int = Field(0, ge=0, description="training images to check with linear probes, chosen at random; 0 for all")
    pictures: int = Field(8, ge=1, le=24, description="suspicious images to draw, with their neighbours")


class LabelIssues(Analysis[LabelIssuesParams]):
    """Which labels are likely wrong, what should they be, and how many are there?

    Confident learning on out-of-sample probabilities, of the training images and of the evaluated ones. A class whose
    embeddings fall into two separate groups is named, too: its label may mean two things.
    """

    group = "Labels"
    title = "Likely wrong labels"
    Params = LabelIssuesParams
    needs_model = True
    kinds: ClassVar[tuple[Kind, ...]] = ("label-noise", "merged-class")
    fields: ClassVar[Mapping[str, ImageField]] = MappingProxyType(
        {
            "label_issue": ImageField(title="probability of a wrong label", column="probability", unit="of 1"),
            "suggested": ImageField(title="suggested label", column="suggested", kind="category"),
        }
    )
    quick: ClassVar[Mapping[str, Any] | None] = MappingProxyType({"images": 15_000})

    def compute(self, session: Session, params: LabelIssuesParams) -> Result:
        """Judge the labels of the training part, where it is known, and of the evaluated images."""
        names = session.class_names
        tables: dict[str, pd.DataFrame] = {}
        findings: list[Finding] = []
        parts: list[Suspects] = []
        notes = {"source": "the model itself, which was not trained on these images"}
        own = _suspects_of_data(session)
        if session.training is not None:
            opinion = from_folds(session, params.folds) if params.folds >= 2 else at_once(session, params.images)
            labels = session.training.dataset.labels[opinion.rows]
            judgement = opinion.judge(labels, len(names))
            score = with_dynamics(judgement.score, opinion.rows, session.dynamics)
            suspects = Suspects.of(
                judgement, labels, opinion.probabilities, rows=opinion.rows, score=score, part="train"
            )
            parts.append(suspects)
            findings += findings_of(suspects, session, control=opinion.control or own.quality)
            notes["source"] = opinion.source
        parts.append(own)
        seconds = [look.quality for look in second_looks(session)] if own.quality.doubtful else []
        findings += findings_of(own, session, seconds=seconds)
        for part in parts:
            name = TABLES[part.part]
            tables |= {name: _image_table(part, names), f"{name} pairs": _pair_table(part.quality, names)}
        pairs = parts[0].quality.pairs.head(PAIRS)
        sets = {
            f"pair {n}": ImageSet(parts[0].of_pair(label, suggested), part=parts[0].part)
            for n, (label, suggested) in enumerate(zip(pairs["label"], pairs["suggested"], strict=True))
        }
        divided, groups = classes_of_two_groups(session)
        findings += divided
        sets |= groups
        arrays = _pictures(session.training or session, parts[0], params.pictures)
        return Result(tables, arrays=arrays, findings=tuple(findings), sets=sets, notes=notes)

    def draw(self, result: Result) -> Figure:
        """Draw the pairs beside the most suspicious images, and their nearest neighbours of both classes."""
        listed, pairs = list(result.tables.values())[:2]
        whose = IMAGES[_part(result)]
        if listed.empty:
            return say(
                new_figure(result, self.question(), height=2.0), f"No {whose} label differs from the prediction."
            )
        count = int(result.arrays["shown"].shape[0])
        columns = 1 + 2 * WITNESSES
        blank = Tile(result.arrays["images"][0], above=[("", QUIET)], below=[("", QUIET)], blank=True)
        strip = tiles_height([blank], 1, CELL)
        figure = new_figure(
            result,
            self.question(),
            width=4.6 + (columns + 0.6) * CELL,
            height=max(strip * count, 2.4) + 0.9,
            note=f"Most suspicious {whose} images first. Teal: the label. Orange: the suggested class. "
            "Below an image: out-of-sample probability of its label. Source: "
            f"{result.notes['source']}. Neighbours: nearest {whose} images with that label.",
        )
        bars, images = figure.subplots(1, 2, width_ratios=[4.6, (columns + 0.6) * CELL])
        _bars(bars, pairs.head(PAIRS), whose)
        place_bars(bars, np.arange(len(pairs.head(PAIRS))), _spots(result, pairs.head(PAIRS)), 0.9)
        heading(images, "Image, nearest with its label, nearest with the suggested class")
        _strips(images, result, blank)
        return figure


def _suspects_of_data(session: Session) -> Suspects:
    """Judge the labels of the evaluated images by the model, which was not trained on them."""
    probabilities, labels = session.predictions.probabilities, session.dataset.labels
    rows, classes = np.arange(len(labels)), len(session.class_names)
    judgement = quality(probabilities, labels, classes)
    if judgement.doubtful:  # whoever is wrong in a systematic way is so for images that look like no such class
        look = np.ones(len(labels), bool)
        errors = np.flatnonzero(~session.predictions.correct)
        look[errors] = alike(session, errors)
        judgement = quality(probabilities, labels, classes, alike=look)
    return Suspects.of(judgement, labels, probabilities, rows=rows, score=judgement.score, part="data")


def _image_table(suspects: Suspects, names: tuple[str, ...]) -> pd.DataFrame:
    """One row a suspicious image, most suspicious first."""
    import pandas as pd

    return pd.DataFrame(
        {
            "row" if suspects.part == "data" else "train_row": suspects.rows,
            "label": [names[c] for c in suspects.labels],
            "suggested": [names[c] for c in suspects.suggested],
            "score": suspects.score,
            "probability": suspects.probability,
            "of the suggested": suspects.of_suggested,
            "issue": suspects.issue,
        }
    ).head(MOST_ROWS)


def _pair_table(judgement: LabelQuality, names: tuple[str, ...]) -> pd.DataFrame:
    """Name the classes of the pairs."""
    table = judgement.pairs.copy()
    confident = judgement.joint[table["label"], table["suggested"]]
    for column in ("label", "suggested"):
        table[column] = [names[c] for c in table[column]]
    return table.assign(**{"confident joint": confident})


def _pictures(of: Session, suspects: Suspects, count: int) -> dict[str, Array]:
    """Find the nearest images of both classes, in the embeddings, among those that are not suspicious themselves."""
    labels = of.dataset.labels
    good = np.ones(len(labels), bool)
    good[suspects.rows] = False
    rows = suspects.rows[:count]
    every = np.full((len(rows), 1 + 2 * WITNESSES), -1)
    every[:, 0] = rows
    for place, row in enumerate(rows.tolist()):
        for side, which in enumerate((suspects.labels[place], suspects.suggested[place])):
            base = np.flatnonzero(good & (labels == which))
            if len(base):
                found = nearest(of.embeddings[row : row + 1], of.embeddings[base], WITNESSES)[1][0]
                start = 1 + side * WITNESSES
                every[place, start : start + len(found)] = base[found]
    kept = np.unique(every[every >= 0])
    shown = np.where(every < 0, -1, np.searchsorted(kept, every))
    return {"shown": shown, "images": thumbnails_of(of.dataset, kept), "rows": kept}


def _bars(axes: Axes, pairs: pd.DataFrame, whose: str) -> None:
    values = (100 * pairs[column].to_numpy() for column in ("rate", "low", "high"))
    interval_bars(axes, np.arange(len(pairs)), *values, colour=PREDICTED_COLOUR, height=0.5)
    end = 100 * max(float(pairs["high"].max()), 0.01) if len(pairs) else 1.0
    for place, (_, row) in enumerate(pairs.iterrows()):
        label = f"{100 * row['rate']:.1f} %\n{plural(int(row['images']), 'issue')}"
        axes.text(100 * row["high"] + 0.02 * end, place, label, fontsize=SMALL, color=INK, va="center", linespacing=1.3)
        for name, ink, offset, before in (
            (row["label"], TRUE_COLOUR, -0.15, ""),
            (row["suggested"], PREDICTED_COLOUR, 0.15, "→ "),
        ):
            axes.text(
                -0.02,
                place + offset,
                before + text(name, 18),
                color=ink,
                fontsize=SMALL + 0.5,
                ha="right",
                va="center",
                transform=axes.get_yaxis_transform(),
            )
    axes.set_yticks([])
    axes.set_ylim(max(len(pairs), 1) - 0.5, -0.5)
    axes.set_xlim(0, 1.4 * end)
    axes.set_xlabel("share of confident predictions of the suggested class, %")
    heading(axes, f"Label → suggested, {whose} images")
    plain(axes, grid="x")


def _part(result: Result) -> Part:
    """Return whose images are drawn."""
    return "train" if "training" in result.tables else "data"


def _spots(result: Result, pairs: pd.DataFrame) -> list[Spot | None]:
    """Return the spots of the pairs: the images that have the one label and look like the other class."""
    return [
        set_spot(result, f"pair {n}", f"{row['label']} → {row['suggested']}", more=f"rate {percent(row['rate'])}")
        for n, row in enumerate(pairs.to_dict("records"))
    ]


def _strips(axes: Axes, result: Result, blank: Tile) -> None:
    """Draw a suspicious image and its neighbours in each row."""
    shown, images = result.arrays["shown"], result.arrays["images"]
    listed = next(iter(result.tables.values()))
    for place, strip in enumerate(strips(axes, len(shown))):
        row = listed.iloc[place]
        label, suggested = text(row["label"], 14), text(row["suggested"], 14)
        share = [(f"{probability(row['probability'])} %", TRUE_COLOUR)]
        heads = [[("", INK)], [(label, TRUE_COLOUR)], [(suggested, PREDICTED_COLOUR)]]
        pictures = []
        for column, at in enumerate(shown[place].tolist()):
            first = column in (0, 1, 1 + WITNESSES)
            above = heads[(column + WITNESSES - 1) // WITNESSES] if first else [("", INK)]
            pictures.append(
                blank
                if at < 0
                else Tile(
                    images[at],
                    above=above,
                    below=share if column == 0 else [("", QUIET)],
                    framed=True,
                    spot=spot_of(result, result.arrays["rows"][at], _part(result)),
                )
            )
        tiles(strip, pictures, columns=len(pictures), cell=CELL)

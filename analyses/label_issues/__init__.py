"""Labels that are likely wrong, of the training images and of the studied ones."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from analyses.label_issues.findings import WHOSE, Suspects, findings_of
from analyses.label_issues.label_quality import LabelQuality, quality
from analyses.label_issues.out_of_sample import at_once, from_folds, probed, with_dynamics
from workbench.core.finding import Finding, Kind
from workbench.core.params import Params
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import counted, probability
from workbench.data.thumbnails import small
from workbench.plotting.colours import PREDICTED_COLOUR, TRUE_COLOUR
from workbench.plotting.pieces import INK, QUIET, SMALL, heading, interval_bars, new_figure, plain, say, text
from workbench.plotting.tiles import Tile, strips, tiles, tiles_height
from workbench.session.analysis import Analysis
from workbench.statistics.nearest import nearest

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
"""Pairs that are drawn."""
LISTED = 5000
"""Images that a table lists at most."""


class LabelIssuesParams(Params):
    """How it is looked, and how much is shown."""

    folds: int = Field(
        0,
        ge=0,
        le=20,
        description="models of the same make to train for it, each on all training images but one part; 0 for none: "
        "then linear probes are cross-validated on embeddings, at once",
    )
    images: int = Field(
        0, ge=0, description="training images to look at with linear probes, drawn at random; 0 for all"
    )
    pictures: int = Field(8, ge=1, le=24, description="suspicious images to draw, with their neighbours")


class LabelIssues(Analysis[LabelIssuesParams]):
    """Which labels are likely wrong, what should they be, and how many are there?

    Confident learning on out-of-sample probabilities, of the training images and of the studied ones.
    """

    Params = LabelIssuesParams
    needs_model = True
    kinds: ClassVar[tuple[Kind, ...]] = ("label-noise",)
    quick: ClassVar[Mapping[str, Any] | None] = MappingProxyType({"images": 15_000})

    def compute(self, session: Session, params: LabelIssuesParams) -> Result:
        """Judge the labels of the training part, where it is known, and of the studied images."""
        names = session.class_names
        tables: dict[str, pd.DataFrame] = {}
        findings: list[Finding] = []
        parts: list[Suspects] = []
        notes = {"source": "the model's own, of images that it was not trained on"}
        own = _studied(session)
        if session.training is not None:
            opinion = from_folds(session, params.folds) if params.folds >= 2 else at_once(session, params.images)
            labels = session.training.dataset.labels[opinion.rows]
            judged = opinion.judge(labels, len(names))
            score = with_dynamics(judged.score, opinion.rows, session.dynamics)
            suspects = Suspects.of(judged, labels, opinion.probabilities, rows=opinion.rows, score=score, part="train")
            parts.append(suspects)
            findings += findings_of(suspects, session, control=opinion.control or own.judged)
            notes["source"] = opinion.source
        parts.append(own)
        doubtful = own.judged.scattered or len(own.judged.one_way)
        findings += findings_of(own, session, also=_again(session) if doubtful else None)
        for part in parts:
            whose = WHOSE[part.part]
            tables |= {whose: _listed(part, names), f"{whose} pairs": _pairs(part.judged, names)}
        arrays = _pictures(session.training or session, parts[0], params.pictures)
        return Result(tables, arrays=arrays, findings=tuple(findings), notes=notes)

    def draw(self, result: Result) -> Figure:
        """Draw the pairs beside the most suspicious images, and their nearest neighbours of both classes."""
        listed, pairs = list(result.tables.values())[:2]
        train = "training" in result.tables
        whose = "training" if train else "studied"
        if listed.empty:
            return say(new_figure(result, self.question(), height=2.0), f"No {whose} label differs from what is said.")
        count = int(result.arrays["shown"].shape[0])
        columns = 1 + 2 * WITNESSES
        blank = Tile(np.full_like(result.arrays["images"][0], 255), above=[("", QUIET)], below=[("", QUIET)])
        strip = tiles_height([blank], 1, CELL)
        figure = new_figure(
            result,
            self.question(),
            width=4.6 + (columns + 0.6) * CELL,
            height=max(strip * count, 2.4) + 0.9,
            said=f"Most suspicious {whose} images first. Teal: the label. Orange: the suggested class. "
            "Below an image: the probability of its label, from a model that has not seen it: "
            f"{result.notes['source']}. Neighbours: nearest {whose} images with that label.",
        )
        bars, images = figure.subplots(1, 2, width_ratios=[4.6, (columns + 0.6) * CELL])
        _bars(bars, pairs.head(PAIRS), whose)
        heading(images, "Image, nearest with its label, nearest of the suggested class")
        _strips(images, result, blank)
        return figure


def _studied(session: Session) -> Suspects:
    """Judge the labels of the studied images by the model, which has not seen them."""
    said, labels = session.predictions.probabilities, session.dataset.labels
    judged = quality(said, labels, len(session.class_names))
    return Suspects.of(judged, labels, said, rows=np.arange(len(labels)), score=judged.score, part="data")


def _again(session: Session) -> LabelQuality:
    """Judge them by probes fitted to the studied images too: these do not mind a shift that the model minds."""
    said = probed(session.embeddings, session.dataset.labels, len(session.class_names))
    return quality(said, session.dataset.labels, len(session.class_names))


def _listed(suspects: Suspects, names: tuple[str, ...]) -> pd.DataFrame:
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
    ).head(LISTED)


def _pairs(judged: LabelQuality, names: tuple[str, ...]) -> pd.DataFrame:
    """Name the classes of the pairs."""
    table = judged.pairs.copy()
    confident = judged.joint[table["label"], table["suggested"]]
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
    return {"shown": shown, "images": small(np.asarray(of.dataset.images[kept]))}


def _bars(axes: Axes, pairs: pd.DataFrame, whose: str) -> None:
    values = (100 * pairs[column].to_numpy() for column in ("rate", "low", "high"))
    interval_bars(axes, np.arange(len(pairs)), *values, colour=PREDICTED_COLOUR, height=0.5)
    end = 100 * max(float(pairs["high"].max()), 0.01) if len(pairs) else 1.0
    for place, (_, row) in enumerate(pairs.iterrows()):
        said = f"{100 * row['rate']:.1f} %\n{counted(int(row['images']), 'issue')}"
        axes.text(100 * row["high"] + 0.02 * end, place, said, fontsize=SMALL, color=INK, va="center", linespacing=1.3)
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
    axes.set_xlabel("share of what is surely the suggested class, %")
    heading(axes, f"Label → suggested, {whose} images")
    plain(axes, grid="x")


def _strips(axes: Axes, result: Result, blank: Tile) -> None:
    """Draw a suspicious image and its neighbours in each row."""
    shown, images = result.arrays["shown"], result.arrays["images"]
    listed = next(iter(result.tables.values()))
    for place, strip in enumerate(strips(axes, len(shown))):
        row = listed.iloc[place]
        label, suggested = text(row["label"], 14), text(row["suggested"], 14)
        said = [(f"{probability(row['probability'])} %", TRUE_COLOUR)]
        heads = [[("", INK)], [(label, TRUE_COLOUR)], [(suggested, PREDICTED_COLOUR)]]
        pictures = []
        for column, at in enumerate(shown[place].tolist()):
            first = column in (0, 1, 1 + WITNESSES)
            above = heads[(column + WITNESSES - 1) // WITNESSES] if first else [("", INK)]
            pictures.append(
                blank
                if at < 0
                else Tile(images[at], above=above, below=said if column == 0 else [("", QUIET)], framed=True)
            )
        tiles(strip, pictures, columns=len(pictures), cell=CELL)

"""Shortcuts that are no hard marks: colour casts, sharpness, textures, frames, faint marks, compression of a class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from workbench.core.finding import Finding, Kind, Severity
from workbench.core.image_set import ImageSet, Part
from workbench.core.params import Params, Seed
from workbench.core.pixels import as_floats
from workbench.core.progress import report
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import percent, plural, verb
from workbench.data.lazy_images import portions
from workbench.data.sampling import balanced_rows
from workbench.plotting.colours import NO_EVIDENCE_COLOUR, PREDICTED_COLOUR
from workbench.plotting.hot_spots import place_bars
from workbench.plotting.pieces import class_ticks, new_figure, plain, say
from workbench.session.analysis import Analysis
from workbench.session.spots import finding_spot
from workbench.statistics.rates import capped, difference, rate, wilson

from .statistics import LEAST_SIDE, STATISTICS, Overlay, Statistic, Texture, corners, telling

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from workbench.session.session import Session

TELLS = 0.8
"""Area under the curve from which a statistic tells a class from the others so well that it may be a shortcut."""
OUTSIDE = 0.75
"""The same for the corners alone: what only the middle tells may be the object's shape, as a ring's spectrum is."""
USED = 0.08
"""Share of the images of other classes that the statistics of a class must surely win for it, beyond the control."""
CARRIES = 0.95
"""Share of the images of other classes that an image of the class outscores which carries the statistic."""
LEAST = 10
"""Images of a class from which it is told whether a statistic goes with it."""
MOST = 24
"""Pairs of a statistic and a class that are tried, those that tell most first."""
COLUMNS = ("statistic", "class", "auc", "carrying", "of", "tried", "flipped", "control", "own", "lost", "used")


class ImageCuesParams(Params):
    """How many images to use."""

    images: int = Field(2000, ge=100, le=20_000, description="training images to measure, balanced over the classes")
    given: int = Field(200, ge=20, le=5000, description="images of other classes to give the statistics of each class")
    seed: Seed = Field(0, description="seed for choosing images")


@dataclass(frozen=True, eq=False, kw_only=True)
class Cue:
    """Statistics that go with a class, and what the model makes of them.

    Attributes:
        statistic: which.
        label: the class.
        auc: how well they tell it from the others.
        rows: rows of the training images of the class that carry it.
        of: images of the class that were measured.
        tried, flipped, control: images of other classes, those taken for the class with the statistics of its images,
            and with those of images of other classes.
        told: classes that the statistic tells from the others.
        own, lost: images of the class that were recognised, and those no longer so with statistics of other classes.
        moved: studied images of the class that are lost with statistics of other classes; None where none was tried.
    """

    statistic: Statistic
    label: int
    auc: float
    rows: Array
    of: int
    tried: int
    flipped: int
    control: int
    own: int
    lost: int
    moved: int | None
    told: int

    @property
    def used(self) -> bool:
        """Whether the model surely uses it."""
        return bool(self.tried and difference(self.flipped, self.tried, self.control, self.tried)[0].low > USED)


class ImageCues(Analysis[ImageCuesParams]):
    """Does the model use colour, sharpness, texture, frame or compression that goes with one class?

    A statistic that tells a class from the others is given to images of other classes, which otherwise stay as they
    are, and taken from images of the class. It is a shortcut if surely more of them change than with the statistics of
    images of any other class.
    """

    group = "Model"
    title = "Image statistics as shortcuts"
    Params = ImageCuesParams
    needs_model = True
    needs_inside = "outputs"
    needs_images = True
    kinds: ClassVar[tuple[Kind, ...]] = ("shortcut",)
    quick: ClassVar[Mapping[str, Any] | None] = MappingProxyType({"images": 1000, "given": 100})

    def compute(self, session: Session, params: ImageCuesParams) -> Result:
        """Find statistics that tell a class from the others, and exchange them."""
        import pandas as pd

        part = session.train or session.dataset
        rows = _measured(part.labels, params)
        images, labels = as_floats(np.asarray(part.images[rows])), part.labels[rows]
        candidates = sorted(_candidates(images, labels, len(session.class_names)), key=lambda each: -each[2])
        told = Counter(statistic.words for statistic, *_ in candidates)
        candidates = candidates[:MOST]
        cues = []
        for done, (statistic, label, auc, carries) in enumerate(candidates):
            report("Image statistics", done, len(candidates))
            own = labels == label
            found = _exchange(session, statistic, label, (images[own], images[~own]), params)
            cues.append(
                Cue(
                    statistic=statistic,
                    label=label,
                    auc=auc,
                    rows=rows[carries],
                    of=int(own.sum()),
                    told=told[statistic.words],
                    **found,
                )
            )
        report("Image statistics", len(candidates), len(candidates))
        cues.sort(key=lambda each: -(each.flipped - each.control) / max(each.tried, 1))
        names = session.class_names
        whose: Part = "data" if session.train is None else "train"
        used = _strongest([each for each in cues if each.used])
        lines = [
            [c.statistic.words, names[c.label], c.auc, len(c.rows), c.of, c.tried, c.flipped, c.control, c.own, c.lost]
            for c in cues
        ]
        table = pd.DataFrame(
            [[*line, cue in used] for line, cue in zip(lines, cues, strict=True)], columns=list(COLUMNS)
        )
        findings = tuple(_finding(each, names, len(session.dataset), whose, len(np.unique(labels))) for each in used)
        if not used:
            count, looked = len(_known(part.labels)), len(_known(labels))
            said = (
                f"{plural(len(cues), 'pair')} of a class and a statistic that tells it {verb(len(cues), 'were')} tried"
                + (
                    ""
                    if looked == count
                    else f", of {looked:,} of {plural(count, 'class')} with {LEAST} images or more"
                )
            )
            findings = (Finding(f"No colour, sharpness, texture, frame or compression is used as a shortcut: {said}."),)
        return Result({"cues": table}, findings=findings)

    def draw(self, result: Result) -> Figure:
        """Draw for each statistic and class how many images of other classes it wins, and how many the control does."""
        table = result.tables["cues"].head(12)
        if not len(table):
            return say(new_figure(result, self.question(), height=2.0), "No statistic tells a class from the others.")
        note = "Orange: with the statistics of images of the class. Grey: with those of images of any other class."
        figure = new_figure(result, self.question(), width=9, height=1.0 + 0.34 * len(table), note=note)
        axes, places = figure.subplots(), np.arange(len(table))
        tried = np.maximum(table["tried"].to_numpy(), 1)
        axes.barh(places - 0.18, 100 * table["flipped"] / tried, height=0.36, color=PREDICTED_COLOUR)
        axes.barh(places + 0.18, 100 * table["control"] / tried, height=0.36, color=NO_EVIDENCE_COLOUR)
        class_ticks(axes, [f"{row['class']}: {row['statistic']}" for _, row in table.iterrows()], limit=60)
        used = table["used"].cumsum() - 1
        spots = [
            finding_spot(result, int(place), "images that carry it") if found else None
            for place, found in zip(used, table["used"], strict=True)
        ]
        place_bars(axes, places, spots, 0.8)
        axes.set_xlabel("images of other classes that are taken for the class, %")
        plain(axes, grid="x")
        return figure


def _measured(labels: Array, params: ImageCuesParams) -> Array:
    """Return the rows of the images to measure, balanced, of as many classes as can have `LEAST` each."""
    present = np.array(_known(labels), np.int64)
    if len(present) > (most := params.images // LEAST):
        present = np.random.default_rng(params.seed).choice(present, most, replace=False)
    some = np.flatnonzero(np.isin(labels, present)) if len(present) > 1 else np.arange(len(labels))
    return np.sort(some[balanced_rows(labels[some], min(params.images, len(some)), params.seed)])


def _known(labels: Array) -> list[int]:
    return [int(label) for label in np.flatnonzero(np.bincount(labels) >= LEAST)]


def _candidates(images: Array, labels: Array, classes: int) -> list[tuple[Statistic, int, float, Array]]:
    """Return statistics that tell a class: with its area under the curve, and which images of the class carry it."""
    found: list[tuple[Statistic, int, float, Array]] = []
    known = _known(labels)
    outside = corners(images)
    for statistic in STATISTICS:
        if statistic.fits(images.shape[1:]):
            scores, beside = (
                telling(np.concatenate([statistic.measure(part[some]) for some in portions(part)]), labels, classes)
                for part in ((images, outside) if statistic.everywhere else (images, images))
            )
            for label in known:
                found += _telling(statistic, label, labels == label, scores[label], beside[label])
    for label in known if min(images.shape[1:3]) >= LEAST_SIDE else []:
        own = labels == label
        both = [None if own.all() else Texture.of(part, own) for part in (images, outside)]
        if both[0] is not None and both[1] is not None:
            scores, beside = both[0].measure(images)[:, 0], both[1].measure(outside)[:, 0]
            found += _telling(both[0], label, own, scores, beside)
    laid = Overlay.of(images, labels) if min(images.shape[1:3]) >= LEAST_SIDE else None
    if laid is not None:
        label, statistic = laid
        scores = statistic.measure(images)[:, 0]
        found += _telling(statistic, label, labels == label, scores, scores)
    return found


def _telling(
    statistic: Statistic, label: int, own: Array, scores: Array, beside: Array
) -> list[tuple[Statistic, int, float, Array]]:
    """Return the candidate, if its scores tell the class, and those of the corners do, too."""
    from sklearn.metrics import roc_auc_score

    if own.all() or not own.any() or not np.isfinite(scores).all() or not np.isfinite(beside).all():
        return []
    auc, outside = (float(roc_auc_score(own, each)) for each in (scores, beside))
    if auc <= TELLS or outside <= OUTSIDE:
        return []
    return [(statistic, label, auc, own & (scores > np.quantile(scores[~own], CARRIES)))]


def _exchange(
    session: Session, statistic: Statistic, label: int, donors: tuple[Array, Array], params: ImageCuesParams
) -> dict[str, Any]:
    """Give images of other classes the statistics of a class, and take them from its own images."""
    data, said, chance = session.dataset, session.predictions, np.random.default_rng([params.seed, label])
    others = np.flatnonzero((data.labels != label) & (said.predicted != label))
    own = np.flatnonzero((data.labels == label) & (said.predicted == label))
    others, own = (np.sort(chance.permutation(each)[: params.given]) for each in (others, own))
    flipped, control, kept = (
        _predicted(session, statistic, rows, given[chance.integers(0, len(given), len(rows))]) == label
        for rows, given in ((others, donors[0]), (others, donors[1]), (own, donors[1]))
    )
    return {
        "tried": len(others),
        "flipped": int(flipped.sum()),
        "control": int(control.sum()),
        "own": len(own),
        "lost": int((~kept).sum()),
        "moved": round(float((~kept).mean()) * int((data.labels == label).sum())) if len(own) else None,
    }


def _predicted(session: Session, statistic: Statistic, rows: Array, donors: Array) -> Array:
    """`(n,)` int, what images of the data are taken for with other statistics."""
    images = as_floats(np.asarray(session.dataset.images[rows]))
    if not len(rows):
        return np.zeros(0, np.int64)
    given = np.clip(statistic.give(images, donors), 0, 1).astype(np.float32)
    return np.asarray(session.probe.logits(given).argmax(axis=1))


def _strongest(cues: list[Cue]) -> list[Cue]:
    """Of several statistics of one class that the model uses, return the one that moves most."""
    kept: dict[int, Cue] = {}
    for each in cues:
        kept.setdefault(each.label, each)
    return list(kept.values())


def _finding(cue: Cue, names: tuple[str, ...], images: int, part: Part, classes: int) -> Finding:
    """Say which statistic goes with which class, and how much the model uses it.

    What tells most of the classes may be what they are, as colours are, and not how some of their images were made.
    """
    meant = cue.told > classes / 2
    name, share = names[cue.label], rate(cue.flipped, cue.tried)
    claim = (
        f"The {cue.statistic.words} of an image goes with {name} (AUC {cue.auc:.2f}), and the model uses it: given to "
        f"{plural(cue.tried, 'image')} of other classes, which otherwise stay as they are, it flips {share} to {name}; "
        f"that of other classes flips {percent(cue.control / cue.tried)}."
    )
    if cue.own:
        lost = wilson(cue.lost, cue.own)
        claim += f" Without it {percent(cue.lost / cue.own)} of {plural(cue.own, 'image')} of {name} are lost"
        claim += f" (95 % interval {100 * float(lost[0]):.1f}–{100 * float(lost[1]):.1f} %)."
    if meant:
        claim += f" It tells {cue.told} of {plural(classes, 'class')} from the others: they may differ in just this."
    return Finding(
        claim,
        severity=capped(Severity.MILD if meant else Severity.SERIOUS, images),
        effect=share,
        evidence=ImageSet(cue.rows),
        advice=f"Find out how the images of {name} were made, and make all classes alike in this, or change it "
        "at random while training (colour jitter, blur, compression), so that it tells nothing.",
        kind="shortcut",
        classes=(cue.label,),
        part=part,
        cost=None if cue.moved is None else rate(cue.moved, images),
        confirm="Retrain with it made alike, or changed at random, in all classes: exchanging it changes nothing then.",
    )

"""Does the model use a mark? It is pasted onto images of other classes, and taken away where it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.dataset import Dataset
from workbench.core.estimate import Estimate
from workbench.core.finding import Finding, Severity
from workbench.core.image_set import ImageSet, Part
from workbench.core.pixels import as_floats
from workbench.core.progress import report
from workbench.core.types import Array
from workbench.core.wording import percent, plural, verb
from workbench.data.lazy_images import Some, portions
from workbench.data.sampling import balanced_rows
from workbench.statistics.rates import difference, rate, wilson

from .marks import Mark, distinct_marks, find_marks, sample_of

if TYPE_CHECKING:
    from workbench.session.session import Session

USED = 0.05
"""Share of the images of other classes that a mark must surely win for its class, beyond the control."""
LOST = 0.1
"""Share of the images with a mark that must surely be lost without it; either of the two tells that it is used."""
ENOUGH = 5
LARGE = 0.25
"""Share of the picture from which a mark is too large to be put elsewhere."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Shortcut:
    """A mark, and what the model makes of it.

    Attributes:
        mark: the pattern, its place and its class.
        rows: rows of the training images (of the studied ones, where those are not known) that carry it.
        pasted: images of other classes that the mark was pasted onto; none of them was taken for the class before.
        flipped: of these, taken for the class with it.
        control: of these, taken for the class with what its images without the mark have at that place.
        elsewhere: of these, taken for the class with the mark at another place; -1 where it is too large for that.
        gained: mean rise of the probability of the class by the mark.
        removed, lost: images with the mark that were taken for the class, and those no longer so without it.
        harmed: rows of studied images that are wrong because of it: of the class, right once they carry it; of other
            classes, right once it is taken away.
    """

    mark: Mark
    rows: Array
    pasted: int
    flipped: int
    control: int
    elsewhere: int
    gained: float
    removed: int
    lost: int
    harmed: Array

    @property
    def flips(self) -> Estimate | None:
        """Share of images of other classes that the mark wins; None where there was none to try."""
        return rate(self.flipped, self.pasted) if self.pasted else None

    @property
    def beyond(self) -> float:
        """Lower end of the 95 % interval of how much oftener the mark wins than the control."""
        return difference(self.flipped, self.pasted, self.control, self.pasted)[0].low if self.pasted else 0.0

    @property
    def used(self) -> bool:
        """Whether the model surely uses it: it wins images of other classes, or its own class is lost without it."""
        missed = wilson(self.lost, self.removed)[0] if self.removed else 0.0
        return self.mark.planted and bool(self.beyond > USED or missed > LOST)


@dataclass(frozen=True, eq=False)
class Sample:
    """Images that marks are looked for in.

    Attributes:
        rows: `(n,)` int64, rows of the training images (of the studied ones, where those are not known).
        images: `(n, H, W, C)` uint8.
        labels: `(n,)` int64.
    """

    rows: Array
    images: Array
    labels: Array

    def __len__(self) -> int:
        return len(self.rows)


def sample(session: Session) -> Sample:
    """Choose images of the training part to look for marks in; of the studied ones, where that is not known."""
    part = session.train or session.dataset
    rows = sample_of(part.labels, part.image_shape, len(part.class_names))
    return Sample(rows, np.asarray(part.images[rows]), part.labels[rows])


def find_shortcuts(
    session: Session, looked: Sample, images: int, most: int, *, also: Sequence[Mark] = ()
) -> tuple[list[Shortcut], list[Mark]]:
    """Look for marks, and try them.

    Args:
        session: model and data.
        looked: images to look for marks in.
        images: studied images to paste a mark onto at most.
        most: marks to try at most, the surest first.
        also: further marks that were found in them.

    Returns:
        The marks that no object explains, tried; and those that one may explain.
    """
    report("Searching marks", 0, 1)
    marks = find_marks(looked.images, looked.labels, len(session.class_names))
    marks = distinct_marks([*marks, *also]) if also else marks
    planted = [each for each in marks if each.planted][:most]
    tried = []
    for number, mark in enumerate(planted):
        report("Testing marks", number, len(planted))
        tried.append(_try(session, mark, looked, images))
    return tried, [each for each in marks if not each.planted]


def _try(session: Session, mark: Mark, looked: Sample, images: int) -> Shortcut:
    """Paste and remove one mark."""
    seen, own = looked.images, looked.labels == mark.label
    carries = mark.carried_by(seen)
    plain = seen[own & ~carries]
    pasted, before = _onto(session, mark, images)
    with_mark = _predicted(session, _pasted(pasted, mark.pixels, mark.pattern))
    control = _predicted(session, _swapped(pasted, mark, plain))
    elsewhere = -1
    if mark.pixels.mean() < LARGE:
        shift = (pasted.shape[1] // 2, pasted.shape[2] // 2)
        moved = np.roll(mark.pixels, shift, (0, 1)), np.roll(mark.pattern, shift, (0, 1))
        elsewhere = _taken(_predicted(session, _pasted(pasted, *moved)), mark.label)
    kept = _carriers(session.dataset, mark, images)
    kept = (
        seen[np.flatnonzero(own & carries)[:images]] if len(kept) < ENOUGH else np.asarray(session.dataset.images[kept])
    )
    recognised = kept[_predicted(session, kept).argmax(axis=1) == mark.label] if len(kept) else kept
    without = _predicted(session, _pasted(recognised, mark.pixels, mark.without))
    return Shortcut(
        mark=mark,
        rows=looked.rows[own & carries],
        pasted=len(pasted),
        flipped=_taken(with_mark, mark.label),
        control=_taken(control, mark.label),
        elsewhere=elsewhere,
        gained=float((with_mark - before)[:, mark.label].mean()) if len(pasted) else 0.0,
        removed=len(recognised),
        lost=len(recognised) - _taken(without, mark.label),
        harmed=_harmed(session, mark),
    )


def _onto(session: Session, mark: Mark, most: int) -> tuple[Array, Array]:
    """Images of other classes that neither carry the mark nor are taken for its class, and their probabilities."""
    others = np.flatnonzero(session.dataset.labels != mark.label)
    if not len(others):
        return np.zeros((0, *session.dataset.image_shape), np.uint8), np.zeros((0, len(session.class_names)))
    rows = others[balanced_rows(session.dataset.labels[others], most, seed=0)]
    images = np.asarray(session.dataset.images[rows])
    before = _predicted(session, images)
    good = (before.argmax(axis=1) != mark.label) & ~mark.carried_by(images)
    return images[good], before[good]


def _harmed(session: Session, mark: Mark, most: int = 2000) -> Array:
    """Rows of studied images that are wrong because they lack the mark, or because they have another class's."""
    predictions, data = session.predictions, session.dataset
    lacking = np.flatnonzero((data.labels == mark.label) & ~predictions.correct)[:most]
    taken = np.flatnonzero((predictions.predicted == mark.label) & ~predictions.correct)[:most]
    found = []
    for rows, carry, pattern in ((lacking, False, mark.pattern), (taken, True, mark.without)):
        some = Some(data, rows)
        for part in portions(some):
            images, known = some[part], rows[part]
            wanted = mark.carried_by(images) == carry
            changed = _pasted(images[wanted], mark.pixels, pattern)
            found.append(known[wanted][_predicted(session, changed).argmax(axis=1) == data.labels[known[wanted]]])
    return np.concatenate([np.zeros(0, np.int64), *found])


def _carriers(data: Dataset, mark: Mark, most: int) -> Array:
    rows = np.flatnonzero(data.labels == mark.label)[: 5 * most]
    some = Some(data, rows)
    carries = [mark.carried_by(some[part]) for part in portions(some)]
    return rows[np.concatenate([np.zeros(0, bool), *carries])][:most]


def _pasted(images: Array, pixels: Array, pattern: Array) -> Array:
    """Copies of `(N, H, W, C)` images with the pattern at `pixels`."""
    changed = images.copy()
    changed[:, pixels] = pattern[pixels]
    return changed


def _swapped(images: Array, mark: Mark, donors: Array) -> Array:
    """Copies with what images of the class without the mark have there; the usual values, where all have it."""
    if len(donors) < ENOUGH:
        return _pasted(images, mark.pixels, mark.without)
    changed = images.copy()
    chosen = np.random.default_rng(0).integers(0, len(donors), len(images))
    changed[:, mark.pixels] = donors[chosen][:, mark.pixels]
    return changed


def _predicted(session: Session, images: Array) -> Array:
    """`(N, K)` float64 probabilities of uint8 images."""
    from scipy.special import softmax

    if not len(images):
        return np.zeros((0, len(session.class_names)))
    parts = [session.probe.logits(as_floats(images[part])) for part in portions(images, 512)]
    return np.asarray(softmax(np.concatenate(parts).astype(np.float64), axis=1))


def _taken(probabilities: Array, label: int) -> int:
    return int((probabilities.argmax(axis=1) == label).sum()) if len(probabilities) else 0


COLUMNS = (
    "class",
    "place",
    "pixels",
    "carrying",
    "of",
    "others",
    "of_others",
    "surroundings",
    "pasted_on",
    "flipped",
    "flips",
    "flips_low",
    "flips_high",
    "control",
    "elsewhere",
    "gain",
    "removed",
    "lost",
    "harmed",
)
"""Columns of a table of marks."""


def line(found: Shortcut, names: tuple[str, ...]) -> dict[str, Any]:
    """Return a mark that was tried as a line of a table with `COLUMNS`."""
    share = found.flips
    low, high = (share.low, share.high) if share else (np.nan, np.nan)
    return {
        **untested_row(found.mark, names),
        "pasted_on": found.pasted,
        "flipped": found.flipped,
        "flips": share.value if share else np.nan,
        "flips_low": low,
        "flips_high": high,
        "control": found.control,
        "elsewhere": found.elsewhere if found.elsewhere >= 0 else np.nan,
        "gain": found.gained,
        "removed": found.removed,
        "lost": found.lost,
        "harmed": len(found.harmed),
    }


def untested_row(mark: Mark, names: tuple[str, ...]) -> dict[str, Any]:
    """Return one that was not tried, since its surroundings explain it."""
    return {
        "class": names[mark.label],
        "place": mark.place,
        "pixels": int(mark.pixels.sum()),
        "carrying": mark.carrying,
        "of": mark.of,
        "others": mark.others,
        "of_others": mark.of_others,
        "surroundings": mark.told,
    }


def shortcut_finding(found: Shortcut, names: tuple[str, ...], images: int, part: Part) -> Finding:
    """Say what goes with which class, and what the model makes of it."""
    mark, name = found.mark, names[found.mark.label]
    claim = (
        f"A mark of {plural(int(mark.pixels.sum()), 'pixel')} ({mark.place}) occurs with {name}: in "
        f"{rate(mark.carrying, mark.of)} of its {mark.of:,} {'training ' if part == 'train' else ''}images, and in "
        f"{percent(mark.others / mark.of_others)} of {plural(mark.of_others, 'other')}"
    )
    share = found.flips
    if share is None:
        return Finding(
            f"{claim}; there is no image of another class to test it on.",
            severity=Severity.MILD,
            evidence=_evidence_of(found),
            advice="Look at the images with the mark.",
            kind="shortcut",
            classes=(mark.label,),
            part=part,
        )
    claim += (
        f". Pasted onto {plural(found.pasted, 'image')} of other classes it flips {share} to {name}; the same patch "
        f"from {name} images without the mark flips {percent(found.control / found.pasted)}"
    )
    if found.elsewhere >= 0:
        claim += f", the mark at another position {percent(found.elsewhere / found.pasted)}"
    if found.removed:
        claim += (
            f". Without it, {found.lost:,} of {plural(found.removed, 'image')} with the mark "
            f"{verb(found.lost, 'are')} no longer classified correctly"
        )
    cost = rate(len(found.harmed), images)
    return Finding(
        f"{claim}.",
        severity=Severity.SERIOUS if found.used else Severity.MILD,
        effect=share,
        evidence=_evidence_of(found),
        advice="Remove the mark from the training images (mask or crop it), or add it to all classes equally, and "
        f"retrain: {name} must be classified correctly without it."
        if found.used
        else "The model hardly uses it; remove it from the training images before longer training makes it rely on it.",
        kind="shortcut",
        classes=(mark.label,),
        part=part,
        cost=cost,
        confirm=f"Retrain without the mark: pasting it no longer flips images to {name}.",
    )


def _evidence_of(found: Shortcut) -> ImageSet:
    return ImageSet(found.rows)

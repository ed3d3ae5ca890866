"""What is known about each error: its label, its copies, its neighbours, and how far it lies from everything else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analyses.triage.wrong_labels import wrong_labels
from workbench.core.types import Array
from workbench.data.sampling import evenly
from workbench.session.neighbours import Witnesses, pictures, witnesses
from workbench.statistics.credibility import agreement, credibility
from workbench.statistics.nearness import NEIGHBOUR, scale_of

if TYPE_CHECKING:
    from workbench.session.session import Session

GROUPS = ("likely wrong label", "ambiguous", "duplicate conflict", "outlier", "model error")
"""Whose fault an error can be."""
SCATTERED, PAIRED = 0.3, 0.7
"""Probability above which a label is called likely wrong. The rate of scattered labels is read low where a model is too
unsure of itself, so less than half will do; of a pair of classes, which may be confused anyway, more is asked."""
POSSIBLE = 0.2
"""Support from the probability and the neighbours with which a class is a possible answer."""
RARE = 0.005
"""Share of right images that lie as far out as an outlier."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Evidence:
    """What is known about n errors.

    Attributes:
        rows: `(n,)` int64 of the studied images.
        wrong_label: `(n,)` probability that the label is wrong; `spread` whether wrong labels spread over all classes
            explain it, or only those of its pair of classes.
        probabilities: `(n, 2)` of the label and of the predicted class, at the temperature that fits.
        agreement: `(n, 2)` share of the nearest witnesses with the label, and with the predicted class.
        credibility: `(n,)` of the prediction.
        far: `(n, 2)` share of right images at least as far from their nearest witness, by pixels and by embedding.
        apart: `(n, 2)` distances to the nearest witness: pixels in [0, 1], and embeddings of length 1.
        copy: `(n,)` row of a copy with another label; -1 where there is none. `copy_part` "train" or "data".
    """

    rows: Array
    wrong_label: Array
    spread: Array
    probabilities: Array
    agreement: Array
    credibility: Array
    far: Array
    apart: Array
    copy: Array
    copy_part: Array
    witnesses: Witnesses

    def groups(self) -> Array:
        """Give each error its place in `GROUPS`: `(n,)` int64.

        A copy with another label is a fact, so it comes first. What lies outside of everything tells nothing about
        labels, so it comes second. Then a label that is likely wrong, then two answers that are both possible.
        """
        limit = RARE / 2  # of two tests
        support = (self.probabilities + self.agreement) / 2
        wrong = self.wrong_label > np.where(self.spread, SCATTERED, PAIRED)
        tests = [self.copy >= 0, (self.far <= limit).any(axis=1), wrong, support.min(axis=1) >= POSSIBLE]
        return np.asarray(np.select(tests, [2, 3, 0, 1], 4))


def evidence_of(session: Session, k: int, compared: int) -> Evidence:
    """Collect the evidence for every misclassified studied image.

    Args:
        session: of the studied images; their neighbours are sought among the training images where they are known.
        k: neighbours whose labels are counted.
        compared: right images to compare with, and images for the credibility.
    """
    predictions, seen = session.predictions, witnesses(session)
    labels, predicted = predictions.labels, predictions.predicted
    rows, right = np.flatnonzero(~predictions.correct), np.flatnonzero(predictions.correct)
    right = right[evenly(len(right), compared)] if len(right) else right
    # Right images stand for the usual distance, a sample of all for the usual agreement.
    usual = evenly(len(labels), compared)
    every = np.concatenate([rows, right, usual])
    angles, near = seen.by_embedding(session, k, every)
    near, mine, others = seen.dataset.labels[near], slice(len(rows)), slice(len(rows) + len(right), None)
    judged = wrong_labels(predictions.logits, labels)
    # How sure a label is wrong depends on which kind of noise is asked for; the one that convinces is taken.
    spread = judged.scattered[rows] > SCATTERED
    both = np.stack([labels[rows], predicted[rows]], axis=1)
    base = pictures(seen.dataset)
    pixels, found = seen.nearest(
        pictures(session.dataset, every[: others.start]), base, NEIGHBOUR, every[: others.start]
    )
    copy, part = _copies(session, seen, rows, pixels, found)
    apart = np.full((len(rows), 2), np.nan)
    far = np.ones((len(rows), 2))
    for n, distances in enumerate((pixels, angles[: others.start])):
        if distances.shape[1]:
            apart[:, n] = distances[mine, 0]
            beyond = np.sort(distances[len(rows) :, 0])
            reached = len(beyond) - np.searchsorted(beyond, distances[mine, 0], "left")
            far[:, n] = np.maximum(reached, 0.5) / max(len(beyond), 1) if len(beyond) >= 2 / RARE else 1.0
    apart[:, 0] /= 255
    return Evidence(
        rows=rows,
        wrong_label=np.where(spread, judged.scattered[rows], judged.paired[rows]),
        spread=spread,
        probabilities=judged.probabilities[rows[:, None], both] if len(rows) else np.zeros((0, 2)),
        agreement=np.stack([_shares(near[mine], both[:, n]) for n in (0, 1)], axis=1),
        credibility=credibility(near[mine], predicted[rows], near[others], labels[usual]),
        far=far,
        apart=apart,
        copy=copy,
        copy_part=part,
        witnesses=seen,
    )


def _shares(near: Array, classes: Array) -> Array:
    return agreement(near, classes) if near.shape[1] else np.zeros(len(classes))


def _copies(session: Session, seen: Witnesses, rows: Array, pixels: Array, found: Array) -> tuple[Array, Array]:
    """Find for each error the nearest copy with another label: rows, and the part that they are of."""
    copy, part = np.full(len(rows), -1), np.full(len(rows), "", dtype=object)
    if not len(rows) or pixels.shape[1] < NEIGHBOUR:
        return copy, part
    scale = scale_of(pixels)
    limit = scale.share * pixels[: len(rows), -1]
    labels = session.dataset.labels[rows]
    searched = [("train", seen.dataset.labels, pixels[: len(rows)], found[: len(rows)])] if seen.part == "train" else []
    alone = Witnesses(session, "data", np.arange(len(session.dataset)))
    studied = pictures(session.dataset)
    searched.append(("data", session.dataset.labels, *alone.nearest(studied[rows], studied, 2, rows)))
    for name, theirs, distances, places in searched:
        other = (distances <= limit[:, None]) & (theirs[places] != labels[:, None])
        hit = other.any(axis=1) & (copy < 0)
        copy[hit], part[hit] = places[hit, other[hit].argmax(axis=1)], name
    return copy, part

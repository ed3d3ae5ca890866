"""What is known about each error: its label, its copies, its neighbours, and how far it lies from everything else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.types import Array
from workbench.data.sampling import evenly
from workbench.session.likeness import alike, borderline
from workbench.session.neighbours import Witnesses, pictures, witnesses
from workbench.session.second_look import second_looks, supported
from workbench.statistics.credibility import agreement, credibility, offered
from workbench.statistics.label_quality import ONE_WAY, quality
from workbench.statistics.nearness import NEIGHBOUR, scale_of
from workbench.statistics.rates import wilson

from .wrong_labels import wrong_labels

if TYPE_CHECKING:
    from workbench.session.session import Session

GROUPS = ("likely wrong label", "ambiguous", "duplicate conflict", "outlier", "model error")
"""Whose fault an error can be."""
SCATTERED = 0.3
"""Probability of scattered noise above which a label is called likely wrong; less than half will do, since the rate is
read low where a model is too unsure of itself."""
PAIRED = 0.7
"""The same for noise of its pair of classes, of which more is asked, since they may be confused anyway."""
LIKELY = 0.9
"""Probability of a label of score 0 that is likely wrong by all labels together (`LabelQuality.likely`): of six sets of
CIFAR-10, 91 to 99 % of those were."""
MISLED = 1 / 3
"""Share of the labels that a model doubts whose images must look like the predicted class to others, too; else it is
wrong in a systematic way, and is believed about none."""
FOOLED = "most images that the model takes for another class stand among images that have their label"
"""Why nothing can be told then."""
AT_THE_EDGE = "most images that the model takes for another class look less like it than most images of that class do"
"""Or then."""
CONTRADICTED = "most images that the model takes for another class look like their label to others"
"""Or then."""
HALF = 0.5
"""Share of them, surely not reached, that others than the model take for the predicted class."""
EVIDENT = 0.002
"""Share of wrong labels that others than the model surely see, for the accuracy to be doubted: of a model that had 25
images, right on 85 % of new ones, 20 of 89 errors looked like wrong labels, while probes told between 0 and 12 %."""
COMPARED = 4_000_000_000
"""Pairs of an error and a witness up to which pixels are compared; of very many images, embeddings alone."""
FEWEST = 5
"""Doubted labels for which a second look is worth its time; fewer are no finding."""
POSSIBLE = 0.2
"""Support from the probability and the neighbours with which a class is a possible answer."""
RARE = 0.005
"""Share of right images that lie as far out as an outlier."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Evidence:
    """What is known about n errors.

    Attributes:
        rows: `(n,)` int64 of the studied images.
        score: `(n,)` of the labels, low is suspicious: an order also where no rate of wrong labels can be told.
        likely: `(n,)` bool, labels that are likely wrong by all labels together, and by a second look.
        wrong_label: `(n,)` probability that the label is wrong; `spread` whether wrong labels spread over all classes
            explain it, or only those of its pair of classes.
        probabilities: `(n, 2)` of the label and of the predicted class, at the temperature that fits.
        agreement: `(n, 2)` share of the nearest witnesses with the label, and with the predicted class: of as many as
            the smaller of both classes has, since of more some must be of other classes.
        credibility: `(n,)` of the prediction.
        far: `(n, 2)` share of right images at least as far from their nearest witness, by pixels and by embedding.
        apart: `(n, 2)` distances to the nearest witness: pixels in [0, 1], and embeddings of length 1.
        copy: `(n,)` row of a copy with another label; -1 where there is none. `copy_part` "train" or "data".
        by_pixels: whether pixels were compared, too.
        silence: why nothing can be told about labels, the rest of a sentence after "since"; empty where something can.
        sure: whether labels are surely wrong all over the classes: as in `WrongLabels`, not mostly of one pair, and to
            others than the model as well.
    """

    rows: Array
    score: Array
    likely: Array
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
    silence: str = ""
    sure: bool = True
    by_pixels: bool = True

    def groups(self) -> Array:
        """Give each error its place in `GROUPS`: `(n,)` int64.

        A copy with another label is a fact, so it comes first. What lies outside of everything tells nothing about
        labels, so it comes second. Then a label that is likely wrong, then two answers that are both possible: to the
        probability or to the neighbours by themselves, for where each of them knows but one answer, they contradict
        each other and nothing is ambiguous.
        """
        limit = RARE / 2  # of two tests
        support = (self.probabilities + self.agreement) / 2
        wrong = self.likely | (self.wrong_label > np.where(self.spread, SCATTERED, PAIRED))
        torn = np.maximum(self.probabilities.min(axis=1), self.agreement.min(axis=1)) >= POSSIBLE
        both = torn & (support.min(axis=1) >= POSSIBLE)
        tests = [self.copy >= 0, (self.far <= limit).any(axis=1), wrong, both]
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
    errors, right = np.flatnonzero(~predictions.correct), np.flatnonzero(predictions.correct)
    right = right[evenly(len(right), compared)] if len(right) else right
    # Right images stand for the usual distance, a sample of all for the usual agreement.
    usual = evenly(len(labels), compared)
    count, placed = len(errors), np.concatenate([errors, right])
    angles, neighbours = seen.by_embedding(session, k, np.concatenate([placed, usual]))
    votes = seen.dataset.labels[neighbours]
    of_errors, of_usual = votes[:count], votes[len(placed) :]
    offers, inside = seen.dataset.labels, seen.own >= 0
    both = np.stack([labels[errors], predicted[errors]], axis=1)
    as_label, as_predicted = (
        offered(offers, both[:, 0], inside[errors]),
        offered(offers, both[:, 1], np.zeros(count, bool)),
    )
    most = np.minimum(as_label, as_predicted)
    by_pixels = session.dataset.has_images and len(placed) * max(len(seen.dataset), len(labels)) <= COMPARED
    if by_pixels:
        pixels, looks_like = seen.nearest(pictures(session.dataset, placed), pictures(seen.dataset), NEIGHBOUR, placed)
    else:
        pixels, looks_like = np.zeros((len(placed), 0)), np.zeros((len(placed), 0), np.int64)
    apart, far = (
        np.stack(both, axis=1)
        for both in zip(_far_out(pixels / 255, count), _far_out(angles[: len(placed)], count), strict=True)
    )
    copy, part = _copies(session, seen, errors, pixels, looks_like)
    judged = wrong_labels(predictions.logits, labels)
    whole = quality(predictions.probabilities, labels, len(session.class_names))
    likely = np.isin(errors, whole.likely)
    # How sure a label is wrong depends on which kind of noise is asked for; the one that convinces is taken.
    spread = judged.scattered[errors] > SCATTERED
    suspected = np.flatnonzero(likely | spread | (judged.paired[errors] > PAIRED))
    like, silence, seen_wrong = _agreed(session, errors[suspected])
    silence = silence or judged.silence
    odd = suspected if silence else suspected[~like]  # the model alone takes them for that class
    likely[odd] = False
    for each in (judged.scattered, judged.paired):
        each[errors[odd]] = 0.0
    spread = judged.scattered[errors] > SCATTERED
    chances = np.where(spread, judged.scattered[errors], judged.paired[errors])
    sure = judged.sure and seen_wrong and not _one_way(both[spread])
    return Evidence(
        rows=errors,
        score=whole.score[errors],
        likely=likely,
        wrong_label=np.where(likely, np.maximum(chances, LIKELY * (1 - whole.score[errors])), chances),
        spread=spread,
        probabilities=judged.probabilities[errors[:, None], both],
        agreement=np.stack([_shares(of_errors, both[:, n], most) for n in (0, 1)], axis=1),
        credibility=credibility(
            of_errors,
            predicted[errors],
            of_usual,
            labels[usual],
            most=as_predicted,
            held_most=offered(offers, labels[usual], inside[usual]),
        ),
        far=far,
        apart=apart,
        copy=copy,
        copy_part=part,
        witnesses=seen,
        by_pixels=by_pixels,
        silence=silence,
        sure=sure,
    )


def _agreed(session: Session, rows: Array) -> tuple[Array, str, bool]:
    """Ask others than the model about labels that it doubts: the images beside them, and a second look.

    Args:
        session: of the studied images.
        rows: `(n,)` int, whose label the model doubts.

    Returns:
        `(n,)` bool, whether they agree; why nothing can be told about labels, if they do not all in all; and whether
        they see themselves, of all studied labels, that some are surely wrong.
    """
    like = alike(session, rows)
    if len(like) and like.mean() < MISLED:  # then the others are alike by chance
        return like, FOOLED, False
    if borderline(session, rows[like]):
        return like, AT_THE_EDGE, False
    if like.sum() < FEWEST:
        return like, "", False
    labels, predicted = session.dataset.labels[rows], session.predictions.predicted[rows]
    looks = second_looks(session, rows)
    seconded = supported(looks, rows, labels, predicted)
    if wilson(int(seconded[like].sum()), int(like.sum()))[1] < HALF:
        return like, CONTRADICTED, False
    return like & seconded, "", any(look.quality.noise.low > EVIDENT for look in looks)


def _one_way(pairs: Array) -> bool:
    """Say whether most of n labels and predictions, `(n, 2)`, are one and the same pair: then they are not scattered.

    A model that fails takes one class for another, however sure it is; that a label is wrong falls on all of them.
    """
    counts = np.unique(pairs, axis=0, return_counts=True)[1]
    return bool(len(counts)) and bool(wilson(int(counts.max()), len(pairs))[0] > ONE_WAY)


def _far_out(distances: Array, errors: int) -> tuple[Array, Array]:
    """Say how far errors lie from everything, and how usual that is.

    Args:
        distances: `(n + m, k)` to the nearest witnesses, of n errors and then of m right images.
        errors: n.

    Returns:
        `(n,)` distance to the nearest witness, NaN where there is none; and `(n,)` share of the right images that lie
        as far out, 1 where there are too few to tell.
    """
    if not distances.shape[1]:
        return np.full(errors, np.nan), np.ones(errors)
    own, right = distances[:errors, 0], np.sort(distances[errors:, 0])
    if len(right) < 2 / RARE:
        return own, np.ones(errors)
    reached = len(right) - np.searchsorted(right, own, "left")
    return own, np.maximum(reached, 0.5) / len(right)


def _shares(near: Array, classes: Array, most: Array) -> Array:
    return agreement(near, classes, most) if near.shape[1] else np.zeros(len(classes))


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
        if not distances.shape[1]:  # a single image has no other beside it
            continue
        other = (distances <= limit[:, None]) & (theirs[places] != labels[:, None])
        hit = other.any(axis=1) & (copy < 0)
        copy[hit], part[hit] = places[hit, other[hit].argmax(axis=1)], name
    return copy, part

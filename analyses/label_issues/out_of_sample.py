"""What the training labels look like to something that was not fitted to them: probabilities, out of sample."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, cast

import numpy as np

from workbench.core.dataset import Dataset
from workbench.core.types import Array
from workbench.data.lazy_images import Joined
from workbench.session.patch_features import untrained_features
from workbench.session.second_look import BOTH, FEW, with_votes
from workbench.shards.lending import lent_to
from workbench.statistics.label_quality import LabelQuality, quality
from workbench.statistics.linear_probe import cross_validated
from workbench.statistics.rates import rate, wilson
from workbench.training.dynamics import Dynamics

from .divided_folds import fold_arguments, train_folds
from .folds import fold_probabilities

if TYPE_CHECKING:
    from workbench.session.session import Session

LEAKED = 0.5
"""Share of the errors the model should make that the probes on its embeddings do not, from which these know the labels.
"""
MOST = 2**27
"""Probabilities of training images that are held at once, 1 GB: of more images, as many are drawn as have these."""
PROBES = "five-fold cross-validated linear probes"
"""What probabilities are by, of many images."""
PROBES_AND_VOTES = "five-fold cross-validated linear probes averaged with nearest-neighbour votes"
"""What they are by, of few images."""
Strategy = Literal["embeddings", "embeddings_and_pixels", "pixels"]
"""Features that probes are fitted to: each is a function of that name."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Opinion:
    """Out-of-sample probabilities of training images.

    Attributes:
        rows: `(n,)` int64, which training images, ascending.
        probabilities: `(n, K)` float64.
        source: where they come from, a sentence.
        leaked: whether the model's embeddings give away the labels it was trained on, so that they were not used.
        linear: `(n, K)`, what linear probes alone say, where neighbours vote too; None where they do not.
        views: probabilities, as above, and what linear probes alone say, of each kind of features that `probabilities`
            is the mean of; empty where it is of one.
        control: what the same features say of labels of the studied images; None where the model's own were used.
    """

    rows: Array
    probabilities: Array
    source: str
    leaked: bool = False
    linear: Array | None = None
    views: tuple[tuple[Array, Array | None], ...] = ()
    control: LabelQuality | None = None

    def judge(self, labels: Array, classes: int) -> LabelQuality:
        """Judge all labels of `rows`: scores by the mean, the noise by the view that shows most of it for sure.

        Embeddings that know some of the labels hide noise, and so do features that tell little; neither makes any up.
        Nor do votes, that leave the unlikely classes less than they have: linear probes alone must show it, too. A view
        that is surely less often right than the last, features that no label has shaped, errs more, and is not asked.

        Args:
            labels: `(n,)` int.
            classes: K.
        """
        judged = quality(self.probabilities, labels, classes)
        every = [_confirmed(judged, self.linear, labels)]
        every += [_confirmed(quality(view, labels, classes), linear, labels) for view, linear in self.views]
        right = [rate(int((each.suggested == labels).sum()), len(labels)) for each in every]
        every = [each for each, often in zip(every, right, strict=True) if often.high >= right[-1].low]
        by_rate = max(every, key=lambda each: (each.scattered, not each.silence, each.beyond.low))
        by_pair = max(every, key=lambda each: len(each.one_way))
        return replace(_with_rate(judged, by_rate), silence=by_rate.silence, pairs=by_pair.pairs)


def _confirmed(judged: LabelQuality, linear: Array | None, labels: Array) -> LabelQuality:
    """Return what linear probes show where that is less; those that know nothing are not asked."""
    if linear is None:
        return judged
    other = quality(linear, labels, linear.shape[1])
    less = (other.scattered, other.beyond.low) < (judged.scattered, judged.beyond.low)
    return _with_rate(judged, other) if less and not other.silence else judged


def _with_rate(judged: LabelQuality, other: LabelQuality) -> LabelQuality:
    """Return a judgement with the rate of another one."""
    return replace(judged, noise=other.noise, beyond=other.beyond, chance=other.chance, told=other.told)


def at_once(session: Session, images: int = 0, *, seed: int = 0) -> Opinion:
    """Cross-validate probes on the embeddings of the training images, and on pixels where that is better.

    A model that has learned its labels by heart puts an image where its label says, so a probe on its embeddings
    repeats a wrong label. That shows in probes that are right far more often than the model is on images it has not
    seen. Only features that no label has shaped are used then; of few images they are asked in any case.

    Args:
        session: the model on the images under study, with its training images beside it.
        images: training images to look at, drawn at random; 0 for all, or for as many as have `MOST` probabilities.
        seed: of that draw, and of the folds.

    Raises:
        TypeError: if the session has no training images.
    """
    training, classes = _training(session), len(session.class_names)
    labels = training.dataset.labels
    count = min(images or len(labels), len(labels), max(1, MOST // classes))
    rows = np.sort(np.random.default_rng(seed).permutation(len(labels))[:count])
    linear = cross_validated(training.embeddings[rows], labels[rows], classes, seed=seed)
    if not training.dataset.has_images:
        return embeddings(training, rows, linear)
    match choose(linear, labels[rows], session.predictions.correct):
        case "embeddings":
            return embeddings(training, rows, linear)
        case "embeddings_and_pixels":
            return embeddings_and_pixels(training, rows, linear, seed=seed)
        case "pixels":
            if images and count > BOTH:  # features cost more than embeddings that are there
                rows = np.sort(np.random.default_rng(seed).choice(rows, BOTH, replace=False))
            return pixels(session, rows, seed=seed)


def choose(linear: Array, labels: Array, correct: Array) -> Strategy:
    """Choose what to ask about some training images, from what linear probes on their embeddings say.

    Args:
        linear: `(n, K)` probabilities, cross-validated.
        labels: `(n,)` their labels.
        correct: `(N,)` bool, whether the model is right about images that it has not seen.
    """
    if knows_labels(linear, labels, correct):
        return "pixels"
    return "embeddings" if len(labels) > BOTH else "embeddings_and_pixels"


def embeddings(training: Session, rows: Array, linear: Array) -> Opinion:
    """Ask the model's embeddings; `linear` is what linear probes on them say of the training images `rows`."""
    labels = training.dataset.labels[rows]
    return Opinion(
        rows=rows,
        probabilities=with_votes(linear, training.embeddings[rows], labels),
        linear=_beside_votes(linear),
        source=f"{_how(len(rows))}, on the model's embeddings",
    )


def embeddings_and_pixels(training: Session, rows: Array, linear: Array, *, seed: int = 0) -> Opinion:
    """Ask the model's embeddings, and features of the pixels, which no label has shaped; and take the mean."""
    labels, classes = training.dataset.labels[rows], linear.shape[1]
    shaped = with_votes(linear, training.embeddings[rows], labels)
    pictures = untrained_features(training.dataset.subset(rows), seed=seed)
    by_pictures = cross_validated(pictures, labels, classes, seed=seed)
    free = with_votes(by_pictures, pictures, labels)
    return Opinion(
        rows=rows,
        probabilities=(shaped + free) / 2,
        source=f"{_how(len(rows))}, on the model's embeddings and on the pixels",
        linear=_beside_votes((linear + by_pictures) / 2),
        views=((shaped, _beside_votes(linear)), (free, _beside_votes(by_pictures))),
    )


def pixels(session: Session, rows: Array, *, seed: int = 0) -> Opinion:
    """Ask features of the pixels alone, about `rows` of the training images and about studied images in the same way.

    Such features may be weak, and take one class for another always the same way: that shows in both parts alike,
    which wrong labels of the training part do not.
    """
    learned, classes = _training(session).dataset.subset(rows), len(session.class_names)
    chance = np.random.default_rng(seed)
    studied = session.dataset.subset(np.sort(chance.permutation(len(session.dataset))[:BOTH]))
    both = Dataset(
        cast("Array", Joined([learned.images, studied.images])),
        np.concatenate([learned.labels, studied.labels]),
        class_names=learned.class_names,
        indices=np.arange(len(learned) + len(studied)),
        name="both parts",
    )
    pictures = untrained_features(both, seed=seed)
    linear = cross_validated(pictures, both.labels, classes, seed=seed)
    said = with_votes(linear, pictures, both.labels)
    return Opinion(
        rows=rows,
        probabilities=said[: len(rows)],
        linear=linear[: len(rows)] if len(said) <= FEW else None,
        source=f"{_how(len(both))}, on features of the pixels: the model has memorised its training labels, and its "
        "embeddings repeat them",
        leaked=True,
        control=quality(said[len(rows) :], studied.labels, classes),
    )


def _beside_votes(linear: Array) -> Array | None:
    """Return what linear probes say where `with_votes` makes something else of it."""
    return linear if len(linear) <= FEW else None


def _how(count: int) -> str:
    """Say what is done with so many images."""
    return PROBES if count > FEW else PROBES_AND_VOTES


def _training(session: Session) -> Session:
    if session.training is None:
        raise TypeError("The session has no training images.")
    return session.training


def from_folds(session: Session, folds: int, *, seed: int = 0) -> Opinion:
    """Predict each image by a model of the same architecture that was trained without it; the models' logits are kept.

    Workers that are lent to the session train them, each one at a time.

    Raises:
        TypeError: if the session has no training images.
        WorkbenchError: if a model cannot be trained; those of the other folds are kept.
    """
    training = _training(session).dataset
    asked = fold_arguments(session, folds, seed)
    if (lent := lent_to(session)) is not None:
        train_folds(lent, folds, seed)
    said = fold_probabilities(**asked)
    return Opinion(
        rows=np.arange(len(training)),
        probabilities=said,
        source=f"{folds} models of the same architecture, each trained without its fold",
    )


def with_dynamics(score: Array, rows: Array, dynamics: Dynamics | None) -> Array:
    """Let the course of the training have a say: the geometric mean with the mean probability of the label.

    Args:
        score: `(n,)` in [0, 1], out-of-sample probability of the label.
        rows: `(n,)` training images.
        dynamics: what the trainer noted; the validation images among `rows` keep their score, and all without it.
    """
    if dynamics is None:
        return score
    known = np.full(max(int(rows.max(initial=0)), int(dynamics.rows.max(initial=0))) + 1, np.nan)
    known[dynamics.rows] = dynamics.confidence
    mean = known[rows]
    return np.asarray(np.where(np.isnan(mean), score, np.sqrt(score * np.nan_to_num(mean))))


def knows_labels(said: Array, labels: Array, correct: Array) -> bool:
    """Say whether probes agree with the training labels far more often than an honest look at them could.

    Args:
        said: `(n, K)` probabilities of training images, cross-validated on the model's embeddings.
        labels: `(n,)` their labels.
        correct: `(N,)` bool, whether the model is right about images that it has not seen.
    """
    agree = float((said.argmax(axis=1) == labels).mean())
    right, highest = float(correct.mean()), float(wilson(int(correct.sum()), len(correct))[1])
    return agree > highest and agree - right > LEAKED * (1 - right)

"""How suspicious each label is, and how many of those that differ from the prediction are called wrong."""

from __future__ import annotations

import numpy as np

from workbench.core.cores import at_most
from workbench.core.probabilities import Scores, portions
from workbench.core.types import Array
from workbench.statistics.confidences import Confidences
from workbench.statistics.noise_curve import NoiseCurve

SHARPER = 2.0
"""Power of the probabilities in the posterior: a network that learned of wrong labels is less sure than it could be."""
WEIGHT = 0.35
"""Power of the odds of the noise matrix, which is found from the same labels: of 0.25, 0.35, 0.5 and 1, the most that
is better than self-confidence, margin and entropy on each of six sets with evident noise."""
STEPS = 20
"""Steps of expectation and maximisation."""
RARE = 1e-4
"""Odds of a wrong label that are not told from none."""
MOSTLY = 0.7
"""Share of the worst labels that must be wrong by the curve, which knows of ranks alone and is too careful."""
PLAUSIBLE = 0.2
"""Score from which a label is plausible."""
FEW = 12_000
"""Images up to which probabilities are fitted to the labels anew: a network of so few says more than its softmax."""
GAIN = 0.025
"""Share of the model's errors that must be right then. It is 0.055 and 0.045 on roman numerals, whose mean precision
rises from 0.51 and 0.54 to 0.55 and 0.58; below 0.014 on 3,000 and 10,000 of CIFAR-10, where it falls by up to 0.012.
"""
FOLDS = 5
STRENGTH = 0.12
"""Penalty of that fit, for each image: between 0.04 and 0.35 the AUROC on roman numerals is the same to 0.003."""


def label_score(said: Scores, labels: Array, curve: NoiseCurve, *, seed: int = 0) -> Array:
    """Score labels in [0, 1], low is suspicious.

    Where wrong labels are evident among the surest predictions, it is the posterior of the label: of the sharpened
    probabilities, and of how often each class is given for each other one (`noise_odds`). A label that is as unlikely
    as another is more suspicious where the model is sure of what else there is. Where nothing is evident, wrong labels
    lie where images are hard, and a noise matrix would only be the model's confusions: it is the probability of the
    label. Of few images probabilities are those of the model in the geometric mean with ones that are fitted anew to
    the labels of other folds (`refitted`).

    Args:
        said: `(N, K)` float, out of sample.
        labels: `(N,)` int.
        curve: of the same labels.
        seed: of the folds.
    """
    both: Scores = said
    if len(labels) <= FEW and (again := refitted(whole := np.asarray(said), labels, seed=seed)) is not None:
        both = _better(whole, np.sqrt(whole * again), labels)
    odds = noise_odds(both, labels).T if curve.evident else None
    score = np.empty(len(labels))
    for part in portions(*both.shape):
        weights, given = np.asarray(both[part]) if odds is None else _sharp(both[part]), labels[part]
        own = np.take_along_axis(weights, given[:, None], axis=1)[:, 0]
        every = weights if odds is None else weights * odds[given]
        score[part] = own / np.maximum(every.sum(axis=1), 1e-300)
    return score


def _sharp(said: Array) -> Array:
    return np.asarray(np.maximum(said, 1e-7) ** SHARPER)


def noise_odds(said: Scores, labels: Array) -> Array:
    """Return how much more likely label y is for an image of class k than for one of y: `(K, K)`, not wholly believed.

    Args:
        said: `(N, K)` float, probabilities.
        labels: `(N,)` int.

    Returns:
        Rows are classes, columns labels; 1 on the diagonal and, in the geometric mean, beside it.

    Source: Dawid and Skene 1979, doi:10.2307/2346806, with one annotator and the model's word as prior.
    """
    classes = said.shape[1]
    noise = 0.9 * np.eye(classes) + 0.1 / classes
    for _ in range(STEPS):
        by_label = np.zeros((classes, classes))  # what is given, and what it is
        for part in portions(*said.shape):
            order = np.argsort(labels[part], kind="stable")
            weight, given = _sharp(said[part])[order], labels[part][order]
            weight *= noise.T[given]
            weight /= weight.sum(axis=1, keepdims=True)
            first = np.flatnonzero(np.diff(given, prepend=-1))
            by_label[given[first]] += np.add.reduceat(weight, first, axis=0)
        noise = by_label.T + np.eye(classes) + 1 / classes
        noise /= noise.sum(axis=1, keepdims=True)
    odds = noise / np.diag(noise)
    beside = ~np.eye(classes, dtype=bool)
    middle = np.exp(np.log(odds[beside] + RARE).mean()) if classes > 1 else 1.0
    return np.where(beside, (odds / middle) ** WEIGHT, 1.0)


def refitted(said: Array, labels: Array, *, seed: int = 0) -> Array | None:
    """Predict each label from all that the model says of its image, by softmax regression on the other folds.

    Returns:
        `(N, K)`, or None of more than `FEW` images, and where a class has fewer images than there are folds.
    """
    present, own = np.unique(labels, return_inverse=True)
    if len(labels) > FEW or len(present) < 2 or np.bincount(own).min() < FOLDS:
        return None
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    logs = np.log(said + 1e-4)
    fit = LogisticRegression(C=1 / (STRENGTH * len(labels)), max_iter=50, tol=1e-3)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    found = np.zeros(said.shape)
    with at_most(1), warnings.catch_warnings():  # products are small: threads would wait for each other
        warnings.simplefilter("ignore", ConvergenceWarning)  # further steps change no rank
        found[:, present] = cross_val_predict(fit, logs - logs.mean(axis=0), own, cv=folds, method="predict_proba")
    return found


def _better(said: Array, both: Array, labels: Array) -> Array:
    """Return `both` where that is right so much more often than the model alone that there was something to learn."""
    right, now = (int((each.argmax(axis=1) == labels).sum()) for each in (said, both))
    return both if now - right > GAIN * (len(labels) - right) else said


def how_many(seen: Confidences, differs: Array, curve: NoiseCurve) -> int:
    """Return how many of the labels that differ are called wrong.

    Discounted by the odds of the label, B = mean of (p_max − p_y) / (p_max + p_y); where wrong labels are evident,
    moved towards their rate, the further the more they lean to what is hard.
    """
    share = float((differs * (seen.most - seen.own) / (seen.most + seen.own)).mean())
    if curve.evident:
        low, high = sorted((share, float(curve.rate.value)))
        share = low + min(0.45 + curve.lean, 1.0) * (high - low)
    return min(round(share * len(differs)), int(differs.sum()))


def likely_wrong(issues: Array, score: Array, curve: NoiseCurve) -> Array:
    """Return those issues that one may act on: the worst, as long as most of them are wrong by the curve.

    Of six sets of CIFAR-10 with evident noise, 91 to 99 % of those were wrong; by a weak model that is wrong in a
    systematic way it may be none, so others must agree (`session.second_look`).

    Args:
        issues: `(n,)` int, rows, most suspicious first.
        score: `(N,)` of all labels.
        curve: of all labels.
    """
    share = np.cumsum(curve.wrong[issues]) / np.arange(1, len(issues) + 1)
    most = np.flatnonzero(share >= MOSTLY)
    some = issues[: most[-1] + 1] if len(most) else issues[:0]
    return np.asarray(some[score[some] < PLAUSIBLE])

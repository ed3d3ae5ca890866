"""How likely each label is wrong, from what a model that did not learn it says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.core.types import Array
from workbench.statistics.confusion import confusion_counts
from workbench.statistics.knowledge import SURE, Knowledge

STEPS = 40
"""Steps of expectation and maximisation."""
FEW = 5
"""Errors from which a pair of classes may have a rate of its own."""
MOST = 0.6
"""The largest rate."""
RATES = (0.0, 0.002, 0.004, 0.008, 0.015, 0.03, 0.05, 0.07, 0.1, 0.14, 0.2, 0.3, 0.4, 0.5, MOST)
"""Rates that are tried where there are too few classes to see which labels the model holds to be unlikely."""


@dataclass(frozen=True, eq=False)
class WrongLabels:
    """A label is either one of the model's probabilities, or wrong.

    Attributes:
        scattered: `(N,)` float64, probability that the label is wrong, if wrong labels are spread over all classes.
        paired: `(N,)` float64, the same, if each pair of classes has a rate of its own.
        rate: share of wrong labels that are spread over all classes.
        probabilities: `(N, K)` float64, softmax at the temperature that fits the labels which are not wrong.
        silence: why nothing can be told about labels, the rest of a sentence after "since"; empty where something can.
        sure: whether it can be seen which labels the model holds to be unlikely. Of few classes it cannot: a weak model
            errs where it is sure as often as elsewhere, and so do wrong labels; others than the model must tell.
    """

    scattered: Array
    paired: Array
    rate: float
    probabilities: Array
    silence: str = ""
    sure: bool = True


def wrong_labels(logits: Array, labels: Array) -> WrongLabels:
    """Weigh, for each image, that the model does not know it against that its label is wrong.

    The label of an image is drawn from `(1 - r) softmax(f / T) + noise`; the noise is `r / K` for each class, or
    `R[predicted, label]` as found by expectation and maximisation. T is fitted with it, so that it does not matter
    whether the model is too sure of itself. Of labels thrown at random a known share falls on the classes that the
    model holds to be the least likely, where what is merely ambiguous does not fall; r is read there.

    No rate is larger than what the surest half of the predictions shows: errors that fade where the model is sure are
    its own. Nothing is said of a class that the model does not know, nothing at all where it is no better than chance
    (`Knowledge`), and no rate is reported that lies at the end of its range.

    Source: labels through a noise matrix as in Patrini et al. 2017, arXiv:1609.03683; temperature after Guo et al.
    2017, arXiv:1706.04599.

    Args:
        logits: `(N, K)` float, of images that the model was not fitted to.
        labels: `(N,)` int.
    """
    count, classes = logits.shape
    logits = logits.astype(np.float64)
    rows, predicted = np.arange(count), logits.argmax(axis=1)
    known = _softmax(
        logits, _sharpness(logits, labels, np.zeros(count), 0.0)
    )  # else the sure part depends on the scale
    told = Knowledge(labels=labels, predicted=predicted, confidence=known.max(axis=1), classes=classes)
    if told.silence:
        return WrongLabels(np.zeros(count), np.zeros(count), 0.0, known, told.silence)
    rate = _rate(logits, told)
    uniform = np.full(count, rate / classes)
    probabilities = _softmax(logits, _sharpness(logits, labels, uniform, rate))
    accused = ~told.right & told.knows[predicted] & told.knows[labels]
    scattered = np.where(accused, uniform / ((1 - rate) * probabilities[rows, labels] + uniform), 0.0)
    paired, beta = np.zeros(count), 1.0
    noise = np.full((classes, classes), 0.01 / classes)
    most = _pair_limits(told, accused)
    of = np.maximum(np.bincount(predicted, minlength=classes), 1)
    for _ in range(STEPS):
        own, kept = noise[predicted, labels], 1 - noise.sum(axis=1)[predicted]
        paired = own / np.maximum(kept * _softmax(logits, beta)[rows, labels] + own, 1e-300)
        paired[~accused] = 0.0
        noise = np.zeros((classes, classes))
        np.add.at(noise, (predicted, labels), paired)
        noise = np.minimum(noise / of[:, None], most)
        beta = _sharpness(logits, labels, np.zeros(count), 0.0, 1 - paired)
    sure = (classes - 1) // 2 >= 2
    return WrongLabels(scattered, paired, rate * (classes - 1) / classes, probabilities, sure=sure)


def _pair_limits(told: Knowledge, accused: Array) -> Array:
    """Return the largest rate of each predicted class and label, `(K, K)`: that among the surest; 0 of a few errors."""
    classes, sure = told.classes, told.rank <= SURE
    every, surest = (
        confusion_counts(told.labels[chosen], told.predicted[chosen], classes).T for chosen in (accused, accused & sure)
    )
    of = np.maximum(np.bincount(told.predicted[sure], minlength=classes), 1)
    return np.where(every >= FEW, surest / of[:, None], 0.0)


def _rate(logits: Array, told: Knowledge) -> float:
    """Estimate the share of labels that are drawn at random, the right ones among them; 0 where it cannot be told."""
    labels, (count, classes) = told.labels, logits.shape
    unlikely = (classes - 1) // 2
    sure = (told.rank <= SURE) & told.knows[told.predicted]
    differs = ~told.right & told.knows[labels] & sure
    limit = float(differs.sum()) / max(int(sure.sum()), 1) * classes / (classes - 1)
    if unlikely < 2:
        rate = min(RATES, key=lambda rate: _misfit(logits, labels, rate))
        return 0.0 if rate == RATES[-1] else min(rate, limit)  # at its end, nothing was found but that none fits
    place = np.argsort(np.argsort(logits, axis=1, kind="stable"), axis=1)  # 0: the least likely class
    least = (place < unlikely) & sure[:, None]
    hits = int((least[np.arange(count), labels] & told.knows[labels]).sum())
    of, rate = max(int(sure.sum()), 1), 0.0
    for _ in range(4):  # what the model itself leaves to these classes is no noise
        known = _softmax(logits, _sharpness(logits, labels, np.full(count, rate / classes), rate))
        honest = float(known[least].sum())
        rate = float(np.clip((hits - honest) / max(of * unlikely / classes - honest, 1.0), 0.0, MOST))
    return 0.0 if rate >= MOST else min(rate, limit)


def _misfit(logits: Array, labels: Array, rate: float) -> float:
    rows, noise = np.arange(len(labels)), np.full(len(labels), rate / logits.shape[1])
    sharpness = _sharpness(logits, labels, noise, rate)
    own = (1 - rate) * _softmax(logits, sharpness)[rows, labels] + noise
    return float(-np.log(np.maximum(own, 1e-300)).mean())


def _softmax(logits: Array, sharpness: float = 1.0) -> Array:
    """Probabilities at the temperature 1 / `sharpness`: `(N, K)`."""
    from scipy.special import softmax  # 0.1 s to import, so not for `--help`

    return np.asarray(softmax(logits * sharpness, axis=1))


def _sharpness(logits: Array, labels: Array, noise: Array, rate: float, weight: Array | None = None) -> float:
    """Return the 1 / T at which the labels are the likeliest."""
    from scipy.optimize import minimize_scalar

    rows, weight = np.arange(len(labels)), np.ones(len(labels)) if weight is None else weight

    def loss(power: float) -> float:
        own = (1 - rate) * _softmax(logits, np.exp(power))[rows, labels] + noise
        return float(-(weight * np.log(np.maximum(own, 1e-300))).sum())

    return float(np.exp(minimize_scalar(loss, bounds=(-5, 3), method="bounded").x))

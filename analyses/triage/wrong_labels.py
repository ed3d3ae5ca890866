"""How likely each label is wrong, from what a model that did not learn it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from workbench.core.predictions import Predictions
from workbench.core.probabilities import Scores, portions, some_rows
from workbench.core.types import Array
from workbench.statistics.confusion import confusion_counts
from workbench.statistics.knowledge import SURE, Knowledge

FITTED = 2**21
"""Logits to which a temperature is fitted, some forty times; of more, it is a sample of the images."""
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
        probabilities: `(N, K)`, softmax at the temperature that fits the labels which are not wrong.
        silence: why nothing can be told about labels, the rest of a sentence after "since"; empty where something can.
        sure: whether it can be seen which labels the model holds to be unlikely. Of few classes it cannot: a weak model
            errs where it is sure as often as elsewhere, and so do wrong labels; others than the model must tell.
    """

    scattered: Array
    paired: Array
    rate: float
    probabilities: Scores
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
    2017, arXiv:1706.04599; of very many images to a sample of them.

    Args:
        logits: `(N, K)` float, of images that the model was not fitted to.
        labels: `(N,)` int.
    """
    said = Predictions(logits, labels)
    count, classes = logits.shape
    some = _Fitting.of(said)
    tempered = said.divided(1 / some.sharpness(0.0))  # else the sure part depends on the scale
    told = Knowledge(labels=labels, predicted=said.predicted, confidence=tempered.confidence, classes=classes)
    if told.silence:
        return WrongLabels(np.zeros(count), np.zeros(count), 0.0, tempered.probabilities, told.silence)
    rate = _rate(said, told, some)
    uniform = rate / classes
    fitted = some.sharpness(rate, uniform)
    tempered = said.divided(1 / fitted)
    predicted = said.predicted
    accused = np.flatnonzero(~told.right & told.knows[predicted] & told.knows[labels])
    scattered, paired = np.zeros(count), np.zeros(count)
    own = _of_labels(logits, labels, accused, fitted)
    scattered[accused] = uniform / np.maximum((1 - rate) * own + uniform, 1e-300) if uniform else 0.0
    noise, beta = np.full((classes, classes), 0.01 / classes), 1.0
    most = _pair_limits(told, accused)
    of = np.maximum(np.bincount(predicted, minlength=classes), 1)
    guess, given = predicted[accused], labels[accused]
    for _ in range(STEPS):
        wrong, kept = noise[guess, given], 1 - noise.sum(axis=1)[guess]
        paired[accused] = wrong / np.maximum(kept * _of_labels(logits, labels, accused, beta) + wrong, 1e-300)
        noise = np.zeros((classes, classes))
        np.add.at(noise, (guess, given), paired[accused])
        noise = np.minimum(noise / of[:, None], most)
        beta = some.sharpness(0.0, weight=1 - paired[some.rows])
    sure = (classes - 1) // 2 >= 2
    return WrongLabels(scattered, paired, rate * (classes - 1) / classes, tempered.probabilities, sure=sure)


def _of_labels(logits: Array, labels: Array, rows: Array, sharpness: float) -> Array:
    """Probabilities of the labels of some images at the temperature 1 / `sharpness`, `(n,)`."""
    found = np.empty(len(rows))
    for part in portions(len(rows), logits.shape[1]):
        some = logits[rows[part]].astype(np.float64)
        some -= some.max(axis=1, keepdims=True)
        some *= sharpness
        own = np.take_along_axis(some, labels[rows[part], None], axis=1)[:, 0]
        found[part] = np.exp(own) / np.exp(some).sum(axis=1)
    return found


def _pair_limits(told: Knowledge, accused: Array) -> Array:
    """Return the largest rate of each predicted class and label, `(K, K)`: that among the surest; 0 of a few errors."""
    classes, sure = told.classes, told.rank <= SURE
    every, surest = (
        confusion_counts(told.labels[chosen], told.predicted[chosen], classes).T
        for chosen in (accused, accused[sure[accused]])
    )
    of = np.maximum(np.bincount(told.predicted[sure], minlength=classes), 1)
    return np.where(every >= FEW, surest / of[:, None], 0.0)


def _rate(said: Predictions, told: Knowledge, some: _Fitting) -> float:
    """Estimate the share of labels that are drawn at random, the right ones among them; 0 where it cannot be told."""
    labels, classes = told.labels, told.classes
    unlikely = (classes - 1) // 2
    sure = (told.rank <= SURE) & told.knows[told.predicted]
    differs = ~told.right & told.knows[labels] & sure
    limit = float(differs.sum()) / max(int(sure.sum()), 1) * classes / (classes - 1)
    if unlikely < 2:
        rate = min(RATES, key=some.misfit)
        return 0.0 if rate == RATES[-1] else min(rate, limit)  # at its end, nothing was found but that none fits
    surest = np.flatnonzero(sure)
    hits = 0
    for part in portions(len(surest), classes):
        rows = surest[part]
        place = label_place(said.logits[rows], labels[rows])  # 0: the least likely class
        hits += int(((place < unlikely) & told.knows[labels[rows]]).sum())
    of, rate = max(len(surest), 1), 0.0
    for _ in range(4):  # what the model itself leaves to these classes is no noise
        known = said.divided(1 / some.sharpness(rate, rate / classes)).probabilities
        honest = 0.0
        for part in portions(len(surest), classes):
            honest += float(np.partition(known[surest[part]], unlikely - 1, axis=1)[:, :unlikely].sum())
        rate = float(np.clip((hits - honest) / max(of * unlikely / classes - honest, 1.0), 0.0, MOST))
    return 0.0 if rate >= MOST else min(rate, limit)


def label_place(logits: Array, labels: Array) -> Array:
    """Return the place of each label in the order of the logits, `(n,)`: 0 for the smallest, equal ones by number."""
    own = np.take_along_axis(logits, labels[:, None], axis=1)
    before = np.arange(logits.shape[1]) < labels[:, None]
    return np.asarray(((logits < own) | ((logits == own) & before)).sum(axis=1))


@dataclass(frozen=True, eq=False)
class _Fitting:
    """Images to which a temperature is fitted: all, or of very many a sample.

    Attributes:
        rows: `(n,)` int64.
        logits: `(n, K)` float64, less the largest of each row.
        labels: `(n,)` int.
    """

    rows: Array
    logits: Array
    labels: Array
    _powers: Array

    @classmethod
    def of(cls, said: Predictions) -> Self:
        rows = some_rows(len(said), said.logits.shape[1], FITTED)
        logits = said.logits[rows].astype(np.float64)
        logits -= logits.max(axis=1, keepdims=True, initial=-np.inf)
        return cls(rows, logits, said.labels[rows], np.empty_like(logits))

    def _own(self, sharpness: float) -> Array:
        """Probabilities of the labels at the temperature 1 / `sharpness`, `(n,)`."""
        powers = np.multiply(self.logits, sharpness, out=self._powers)
        np.exp(powers, out=powers)
        return np.asarray(powers[np.arange(len(self.rows)), self.labels] / powers.sum(axis=1))

    def sharpness(self, rate: float, noise: float = 0.0, weight: Array | None = None) -> float:
        """Return the 1 / T at which the labels are the likeliest, where `noise` is added to the share that is kept."""
        from scipy.optimize import minimize_scalar

        weight = np.ones(len(self.rows)) if weight is None else weight

        def loss(power: float) -> float:
            own = (1 - rate) * self._own(float(np.exp(power))) + noise
            return float(-(weight * np.log(np.maximum(own, 1e-300))).sum())

        return float(np.exp(minimize_scalar(loss, bounds=(-5, 3), method="bounded").x))

    def misfit(self, rate: float) -> float:
        """Mean negative log-likelihood of the labels, where so many are drawn at random."""
        noise = rate / self.logits.shape[1]
        own = (1 - rate) * self._own(self.sharpness(rate, noise)) + noise
        return float(-np.log(np.maximum(own, 1e-300)).mean())

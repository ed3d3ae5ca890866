"""How likely each label is wrong, from what a model that did not learn it says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.core.types import Array

STEPS = 40
"""Steps of expectation and maximisation."""
SURE = 0.5
"""The surest part of what is predicted as a class, in which the rate is read."""
MOST = 0.4
"""The largest rate."""
RATES = (0.0, 0.002, 0.004, 0.008, 0.015, 0.03, 0.05, 0.07, 0.1, 0.14, 0.2, 0.3, 0.4)
"""Rates that are tried where there are too few classes to see which labels the model holds to be unlikely."""


@dataclass(frozen=True, eq=False)
class WrongLabels:
    """A label is either one of the model's probabilities, or wrong.

    Attributes:
        scattered: `(N,)` float64, probability that the label is wrong, if wrong labels are spread over all classes.
        paired: `(N,)` float64, the same, if each pair of classes has a rate of its own.
        rate: share of wrong labels that are spread over all classes.
        probabilities: `(N, K)` float64, softmax at the temperature that fits the labels which are not wrong.
    """

    scattered: Array
    paired: Array
    rate: float
    probabilities: Array


def wrong_labels(logits: Array, labels: Array) -> WrongLabels:
    """Weigh, for each image, that the model does not know it against that its label is wrong.

    The label of an image is drawn from `(1 - r) softmax(f / T) + noise`; the noise is `r / K` for each class, or
    `R[predicted, label]` as found by expectation and maximisation. T is fitted with it, so that it does not matter
    whether the model is too sure of itself. Of labels thrown at random a known share falls on the classes that the
    model holds to be the least likely, where what is merely ambiguous does not fall; r is read there.

    Source: labels through a noise matrix as in Patrini et al. 2017, arXiv:1609.03683; temperature after Guo et al.
    2017, arXiv:1706.04599.

    Args:
        logits: `(N, K)` float, of images that the model was not fitted to.
        labels: `(N,)` int.
    """
    count, classes = logits.shape
    logits = logits.astype(np.float64)
    rate = _rate(logits, labels)
    rows, predicted, uniform = np.arange(count), logits.argmax(axis=1), np.full(count, rate / classes)
    probabilities = _softmax(logits, _sharpness(logits, labels, uniform, rate))
    scattered = uniform / ((1 - rate) * probabilities[rows, labels] + uniform)
    paired, beta = np.zeros(count), 1.0
    noise = np.full((classes, classes), 0.01 / classes)
    of = np.maximum(np.bincount(predicted, minlength=classes), 1)
    for _ in range(STEPS):
        own, kept = noise[predicted, labels], 1 - noise.sum(axis=1)[predicted]
        paired = own / (kept * _softmax(logits, beta)[rows, labels] + own)
        paired[predicted == labels] = 0.0
        noise = np.zeros((classes, classes))
        np.add.at(noise, (predicted, labels), paired)
        noise /= of[:, None]
        beta = _sharpness(logits, labels, np.zeros(count), 0.0, 1 - paired)
    return WrongLabels(scattered, paired, rate * (classes - 1) / classes, probabilities)


def _rate(logits: Array, labels: Array) -> float:
    """Estimate the share of labels that are drawn at random, the right ones among them."""
    count, classes = logits.shape
    unlikely = (classes - 1) // 2
    if unlikely < 2:
        return min(RATES, key=lambda rate: _misfit(logits, labels, rate))
    logits = logits * _sharpness(logits, labels, np.zeros(count), 0.0)  # else the sure part depends on the scale
    predicted, confidence = logits.argmax(axis=1), _softmax(logits).max(axis=1)
    order = np.lexsort((-confidence, predicted))
    sizes = np.bincount(predicted)
    sure = np.zeros(count, bool)
    sure[order] = np.concatenate([np.arange(size) < SURE * size for size in sizes if size])
    place = np.argsort(np.argsort(logits, axis=1, kind="stable"), axis=1)  # 0: the least likely class
    least = (place < unlikely) & sure[:, None]
    hits, of, rate = int(least[np.arange(count), labels].sum()), max(int(sure.sum()), 1), 0.0
    for _ in range(4):  # what the model itself leaves to these classes is no noise
        known = _softmax(logits, _sharpness(logits, labels, np.full(count, rate / classes), rate))
        honest = float(known[least].sum())
        rate = float(np.clip((hits - honest) / max(of * unlikely / classes - honest, 1.0), 0.0, MOST))
    return rate


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

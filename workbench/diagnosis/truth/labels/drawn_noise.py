"""Wrong labels of four kinds on a share of images, after AQuA's, and a network's word on them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from workbench.core.cores import at_most
from workbench.core.types import Array

from .peers import margins

FOLDS, HIDDEN, BATCH, PACE = 3, 64, 128, 2e-3
"""Of the networks: parts of the cross-validation, hidden units, images of a step, learning rate."""
SPREAD = 0.1
"""Standard deviation of how often an image's label is wrong, of instance-dependent noise."""


def uniform(labels: Array, _: Array, share: float, chance: np.random.Generator) -> Array:
    """Give a share of the labels any other class."""
    classes = int(labels.max()) + 1
    rows = chance.choice(len(labels), round(share * len(labels)), replace=False)
    wrong = labels.copy()
    wrong[rows] = (wrong[rows] + chance.integers(1, classes, len(rows))) % classes
    return wrong


def asymmetric(labels: Array, _: Array, share: float, chance: np.random.Generator) -> Array:
    """Give a share of the labels the next class. Source: Patrini et al. 2017, arXiv:1609.03683."""
    classes = int(labels.max()) + 1
    rows = chance.choice(len(labels), round(share * len(labels)), replace=False)
    wrong = labels.copy()
    wrong[rows] = (wrong[rows] + 1) % classes
    return wrong


def class_dependent(labels: Array, images: Array, share: float, chance: np.random.Generator) -> Array:
    """Give a share of the labels a class that theirs is taken for, as often as a linear classifier takes it."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.model_selection import cross_val_predict

    from workbench.statistics.confusion import confusion_counts

    classes = int(labels.max()) + 1
    taken = cross_val_predict(LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.1), images, labels, cv=2)
    often = confusion_counts(labels, taken, classes) * (1.0 - np.eye(classes)) + 0.5
    np.fill_diagonal(often, 0.0)
    often /= often.sum(axis=1, keepdims=True)
    rows = chance.choice(len(labels), round(share * len(labels)), replace=False)
    wrong = labels.copy()
    wrong[rows] = [chance.choice(classes, p=often[label]) for label in labels[rows]]
    return wrong


def instance_dependent(labels: Array, images: Array, share: float, chance: np.random.Generator) -> Array:
    """Let each image's own pixels say how often its label is wrong, and what it is then.

    Source: Xia et al. 2020, arXiv:2006.07836, algorithm 2.
    """
    from scipy.special import softmax
    from scipy.stats import truncnorm

    classes = int(labels.max()) + 1
    ends = (0 - share) / SPREAD, (1 - share) / SPREAD
    often = truncnorm.rvs(*ends, loc=share, scale=SPREAD, size=len(labels), random_state=chance)
    often *= share / often.mean()  # cut off below 0, it would be more
    parts = chance.normal(size=(classes, images.shape[1], classes)) / np.sqrt(images.shape[1])
    scores = np.stack([image @ parts[label] for image, label in zip(images, labels, strict=True)])
    scores[np.arange(len(labels)), labels] = -np.inf
    others = softmax(scores, axis=1).cumsum(axis=1)
    drawn = (chance.random((len(labels), 1)) * others[:, -1:] > others).sum(axis=1)
    return np.where(chance.random(len(labels)) < often, np.minimum(drawn, classes - 1), labels)


NOISES: dict[str, Callable[[Array, Array, float, np.random.Generator], Array]] = {
    "uniform": uniform,
    "class-dependent": class_dependent,
    "asymmetric": asymmetric,
    "instance-dependent": instance_dependent,
}
"""Kinds of AQuA: Goswami et al. 2023, arXiv:2306.09467, with the formulas named at each."""


def held_out(images: Array, labels: Array, *, epochs: int, seed: int) -> Array:
    """Return `(N, K)` float64 probabilities by networks that were not fitted to the image."""
    from sklearn.model_selection import StratifiedKFold

    said = np.zeros((len(labels), int(labels.max()) + 1))
    for seen, unseen in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(images, labels):
        said[unseen] = _fitted(images[seen], labels[seen], epochs, seed)[0](images[unseen])
    return said


def two_trainings(
    images: Array, labels: Array, *, epochs: int, seed: int
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Return mean margins over the epochs of two trainings, and which images had a class of their own in each."""
    classes, count = int(labels.max()) + 1, len(labels)
    order, size = np.random.default_rng(seed).permutation(count), count // (classes + 1)
    strangers = tuple(np.isin(np.arange(count), order[part * size : (part + 1) * size]) for part in (0, 1))
    found = tuple(_fitted(images, np.where(strange, classes, labels), epochs, seed)[1] for strange in strangers)
    return (found[0], found[1]), (strangers[0], strangers[1])


def _fitted(images: Array, labels: Array, epochs: int, seed: int) -> tuple[Callable[[Array], Array], Array]:
    """Fit a small network; return what it says, and each image's mean margin over the epochs."""
    from sklearn.neural_network import MLPClassifier

    network = MLPClassifier((HIDDEN,), batch_size=BATCH, learning_rate_init=PACE, random_state=seed)
    total = np.zeros(len(labels))
    with at_most(1):
        for _ in range(epochs):
            network.partial_fit(images, labels, classes=np.unique(labels))
            total += margins(np.asarray(network.predict_proba(images), np.float64), labels)
    return lambda asked: np.asarray(network.predict_proba(asked), np.float64), total / epochs

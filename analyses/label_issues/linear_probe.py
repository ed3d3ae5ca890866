"""What a linear classifier says about images that it was not fitted to: cross-validated on features."""

from __future__ import annotations

import warnings

import numpy as np

from workbench.core.progress import report
from workbench.core.types import Array

MOST_DIRECTIONS = 256
"""Principal directions of the features that are kept."""
STRENGTHS = (1.0, 10.0, 100.0, 1000.0)
"""Precisions of the normal prior of the weights of whitened features, to choose from."""
SMALL = 8_000
"""Images up to which the strength is chosen, and one thread is enough."""


def cross_validated(features: Array, labels: Array, classes: int, *, folds: int = 5, seed: int = 0) -> Array:
    """Fit a softmax regression to all folds but one and ask it about that one, for each of them.

    Args:
        features: `(N, D)` float.
        labels: `(N,)` int in [0, K).
        classes: K.
        folds: parts of equal size, with about the same share of every class in each.
        seed: of the folds.

    Returns:
        `(N, K)` float64 probabilities; a class that the other folds lack gets 0.
    """
    from threadpoolctl import threadpool_limits

    fold = folds_of(labels, folds, seed)
    said = np.zeros((len(labels), classes))
    # Small products lose more by waiting for each other than they win.
    with threadpool_limits(1 if len(labels) <= SMALL else None):
        whitened = principal(features)
        strength = _strength(whitened, labels, fold, classes)
        for number in range(int(fold.max()) + 1):
            left_out = fold == number
            if left_out.all():  # a single image: nothing to learn from
                said[left_out] = 1 / classes
            else:
                rest = whitened[~left_out], labels[~left_out]
                said[left_out] = _fitted(*rest, whitened[left_out], classes, strength)
            report("Cross-validated probes", number + 1, folds)
    return said


def folds_of(labels: Array, folds: int, seed: int) -> Array:
    """Return the fold of each image, `(N,)` int: shuffled, every class dealt out in turn."""
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    fold = np.empty(len(labels), np.int64)
    fold[by_class] = np.arange(len(labels)) % folds
    return fold


def principal(features: Array, *, white: float = 1.0) -> Array:
    """Turn features into their principal directions.

    Args:
        features: `(N, D)` float.
        white: how far variances are made equal: 1 wholly, 0 not at all.

    Returns:
        `(N, d)` float32, d ≤ `MOST_DIRECTIONS`.
    """
    flat = np.asarray(features, np.float32).reshape(len(features), -1)
    flat = flat - flat.mean(axis=0)
    if flat.shape[1] > len(flat) or flat.shape[1] > 4 * MOST_DIRECTIONS:  # too many for a covariance matrix
        chosen = np.random.default_rng(0).normal(size=(flat.shape[1], 2 * MOST_DIRECTIONS)).astype(np.float32)
        flat = flat @ np.linalg.qr(flat.T @ (flat @ chosen))[0]
    variances, directions = np.linalg.eigh(flat.T @ flat / len(flat))
    # Whitened along as many directions as there are images, all would be equally far from each other.
    most = min(MOST_DIRECTIONS, max(len(flat) // 5, 2))
    kept = np.flatnonzero(variances > 1e-6 * max(float(variances[-1]), 1e-12))[::-1][:most]
    return np.asarray(flat @ (directions[:, kept] / variances[kept] ** (white / 2)))


def _strength(whitened: Array, labels: Array, fold: Array, classes: int) -> float:
    """Choose the prior's strength that leaves the smallest loss on the first fold; of many images the weakest does."""
    if len(labels) > SMALL:
        return STRENGTHS[0]
    unseen = np.flatnonzero(fold == 0)
    seen = np.flatnonzero(fold != 0)
    if not len(seen):
        return STRENGTHS[0]
    losses = []
    for strength in STRENGTHS:
        said = _fitted(whitened[seen], labels[seen], whitened[unseen], classes, strength)
        losses.append(-np.log(said[np.arange(len(unseen)), labels[unseen]] + 1e-6).mean())
    return STRENGTHS[int(np.argmin(losses))]


def _fitted(seen: Array, labels: Array, unseen: Array, classes: int, strength: float) -> Array:
    """Fit a softmax regression and return its probabilities of `unseen`."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    present, said = np.unique(labels), np.zeros((len(unseen), classes))
    if len(present) == 1:
        said[:, present] = 1
        return said
    with warnings.catch_warnings():  # one that is not wholly fitted says as much
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LogisticRegression(C=1 / strength).fit(seen, labels)
    said[:, present] = model.predict_proba(unseen)
    return said

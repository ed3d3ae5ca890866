"""A second look at the labels of the studied images, by what is not misled as the model is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.types import Array
from workbench.data.sampling import evenly
from workbench.session.patch_features import untrained_features
from workbench.statistics.label_quality import LabelQuality, quality
from workbench.statistics.linear_probe import cross_validated
from workbench.statistics.neighbour_votes import neighbour_votes

if TYPE_CHECKING:
    from workbench.session.session import Session

FEW = 12_000
"""Images up to which neighbours vote too: then linear probes alone are too sure, and neighbours are found quickly."""
BOTH = 6_000
"""Images up to which features of the pixels are asked even where embeddings do not know the labels."""


@dataclass(frozen=True, eq=False)
class Look:
    """What a probe that was fitted to the other studied images says of some of them.

    Attributes:
        rows: `(n,)` int64, ascending.
        probabilities: `(n, K)` float64.
        quality: of the labels of `rows`.
    """

    rows: Array
    probabilities: Array
    quality: LabelQuality


def second_looks(session: Session, rows: Array | None = None) -> tuple[Look, ...]:
    """Judge the studied images by probes that were fitted to them, too: no shift misleads these as it does the model.

    First by the model's embeddings; then by features of the pixels, which a model that fails has not shaped, of at most
    `BOTH` images.

    Args:
        session: of the studied images.
        rows: `(m,)` int, images that are to be among those that are looked at.
    """
    labels, classes = session.dataset.labels, len(session.class_names)
    every = np.arange(len(labels))
    found = [_look(every, session.embeddings, labels, classes)]
    if session.dataset.has_images:
        some = every[evenly(len(labels), BOTH)]
        some = some if rows is None else np.union1d(some, rows)
        found.append(_look(some, untrained_features(session.dataset.subset(some)), labels[some], classes))
    return tuple(found)


def supported(looks: tuple[Look, ...], rows: Array, labels: Array, predicted: Array) -> Array:
    """Say of some images whether those looks that know both classes take them for the predicted one, all in all.

    Args:
        looks: at these images, among others.
        rows: `(m,)` int, studied images.
        labels: `(m,)` int, of them.
        predicted: `(m,)` int.

    Returns:
        `(m,)` bool, by the mean over the looks of the logarithm of the odds; also where none knows both classes.
    """
    odds = np.zeros(len(rows))
    for look in looks:
        if look.quality.silence:
            continue
        said = look.probabilities[np.searchsorted(look.rows, rows)] + 1e-3
        at = np.arange(len(rows))
        knows = look.quality.knows[labels] & look.quality.knows[predicted]
        odds += np.where(knows, np.log(said[at, predicted] / said[at, labels]), 0.0)
    return np.asarray(odds >= 0)


def _look(rows: Array, features: Array, labels: Array, classes: int) -> Look:
    said = probe_out_of_sample(features, labels, classes)
    return Look(rows, said, quality(said, labels, classes))


def probe_out_of_sample(features: Array, labels: Array, classes: int, *, seed: int = 0) -> Array:
    """Return out-of-sample probabilities by linear probes, of few images averaged with votes by their neighbours.

    Args:
        features: `(N, D)` float.
        labels: `(N,)` int.
        classes: K.
        seed: of the folds.

    Returns:
        `(N, K)` float64.
    """
    return with_votes(cross_validated(features, labels, classes, seed=seed), features, labels)


def with_votes(linear: Array, features: Array, labels: Array) -> Array:
    """Average what linear probes say, `(N, K)`, with votes by neighbours, where images are few."""
    return linear if len(labels) > FEW else (linear + neighbour_votes(features, labels, linear.shape[1])) / 2

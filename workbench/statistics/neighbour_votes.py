"""What the nearest other images say about each image: leave-one-out nearest neighbours."""

from __future__ import annotations

import numpy as np

from workbench.core.types import Array
from workbench.statistics.linear_probe import principal
from workbench.statistics.nearest import nearest

NEIGHBOURS = 15
PRIOR = 0.1
"""Votes that each class has to begin with."""


def neighbour_votes(features: Array, labels: Array, classes: int, *, neighbours: int = NEIGHBOURS) -> Array:
    """Let the nearest other images vote, each by the inverse of its distance.

    Args:
        features: `(N, D)` float; distances are taken in half-whitened principal directions.
        labels: `(N,)` int in [0, K).
        classes: K.
        neighbours: how many vote, k.

    Returns:
        `(N, K)` float64 probabilities, (k w + `PRIOR`) / (k + `PRIOR` K) with w the share of the weights.
    """
    places = principal(features, white=0.5)
    distances, rows = nearest(places, places, neighbours, own=np.arange(len(places)))
    if not rows.shape[1]:
        return np.full((len(labels), classes), 1 / classes)
    weights = 1 / (distances + 1e-6)
    weights /= weights.sum(axis=1, keepdims=True)
    votes = np.zeros((len(labels), classes))
    np.add.at(votes, (np.arange(len(labels))[:, None], labels[rows]), weights)
    count = rows.shape[1]
    return (count * votes + PRIOR) / (count + PRIOR * classes)

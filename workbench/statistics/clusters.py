"""Do some maps fall into groups? k-means, and whether the split is better than that of a cloud without groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.core.cores import at_most
from workbench.core.types import Array

MOST = 5
"""Groups at most."""
LEAST = 12
"""Maps that are enough to split."""
DRAWS = 19
"""Clouds without groups that a split is compared with: none reaches it by chance once in twenty times."""


@dataclass(frozen=True, eq=False)
class Clusters:
    """Groups of some vectors.

    Attributes:
        labels: `(n,)` int, 0 is the largest group.
        silhouette: mean silhouette of the best split, in [-1, 1]; NaN where none was tried.
        reached: how many of `DRAWS` clouds without groups can be split as well.
    """

    labels: Array
    silhouette: float
    reached: int

    @property
    def count(self) -> int:
        """Groups there are."""
        return int(self.labels.max(initial=0)) + 1


def find_clusters(vectors: Array, *, seed: int = 0) -> Clusters:
    """Split vectors into 2…5 groups, or leave them in one where a cloud without groups is split as well.

    The vectors are brought to length 1; k is the one with the highest silhouette (Rousseeuw 1987). The split is
    kept if none of `DRAWS` samples of one normal distribution with the vectors' mean and covariance, treated alike,
    has as high a silhouette; the idea is that of SigClust (Liu et al. 2008, doi:10.1198/016214508000000454).

    Args:
        vectors: `(n, D)` float.
        seed: of k-means and of the samples.
    """
    count = len(vectors)
    directions = _unit(vectors.astype(np.float64))
    if count < LEAST:
        return Clusters(np.zeros(count, np.int64), float("nan"), DRAWS)
    with at_most(1):  # so few vectors take five times as long on several cores
        labels, silhouette, reached = _split(directions, seed)
    if reached:
        labels = np.zeros(count, np.int64)
    order = np.argsort(-np.bincount(labels), kind="stable")
    return Clusters(np.argsort(order)[labels], silhouette, reached)


def _split(directions: Array, seed: int) -> tuple[Array, float, int]:
    """Labels and silhouette of the best split, and how many clouds can be split as well."""
    labels, silhouette = _best(directions, seed)
    centre, chance = directions.mean(axis=0), np.random.default_rng(seed)
    _, spread, axes = np.linalg.svd(directions - centre, full_matrices=False)
    reached = 0
    for draw in range(DRAWS):
        noise = chance.standard_normal((len(directions), len(spread))) * spread / np.sqrt(len(directions) - 1)
        reached += _best(_unit(centre + noise @ axes), seed + 1 + draw)[1] >= silhouette
    return labels, silhouette, reached


def medoids(vectors: Array, labels: Array, group: int, count: int) -> Array:
    """Return the places of the `count` vectors of a group that are nearest to its centre, nearest first."""
    own = np.flatnonzero(labels == group)
    directions = _unit(vectors[own].astype(np.float64))
    away = np.linalg.norm(directions - directions.mean(axis=0), axis=1)
    return np.asarray(own[np.argsort(away, kind="stable")][:count])


def _best(directions: Array, seed: int) -> tuple[Array, float]:
    """Labels and silhouette of the best split; one group and -1 where all are alike."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    best, found = np.zeros(len(directions), np.int64), -1.0
    different = len(np.unique(directions.round(9), axis=0))
    for k in range(2, min(MOST, different, len(directions) - 1) + 1):
        labels = KMeans(k, n_init=4, random_state=seed).fit_predict(directions)
        silhouette = float(silhouette_score(directions, labels))
        if silhouette > found:
            best, found = labels.astype(np.int64), silhouette
    return best, found


def _unit(vectors: Array) -> Array:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)

"""How much the labels of the nearest images support a prediction, compared with images that were held out."""

from __future__ import annotations

import numpy as np

from workbench.core.types import Array


def agreement(neighbours: Array, classes: Array, most: Array | None = None) -> Array:
    """Share of each image's k neighbours that carry a class: `(N,)` float64.

    Args:
        neighbours: `(N, k)` int, labels of the neighbours.
        classes: `(N,)` int, the class asked about.
        most: `(N,)` int from 1, how many of the neighbours count; all if None.
    """
    carry = neighbours == np.asarray(classes)[:, None]
    if most is None:
        return np.asarray(carry.mean(axis=1))
    counted = np.minimum(most, neighbours.shape[1])
    return np.asarray((carry & (np.arange(neighbours.shape[1]) < counted[:, None])).sum(axis=1) / counted)


def offered(labels: Array, classes: Array, own: Array) -> Array:
    """Count the images of a class that can be neighbours: at least 1, so that the nearest always counts.

    More neighbours than that cannot all carry the class, however alike its images are.

    Args:
        labels: `(M,)` int, of all images among which neighbours are sought.
        classes: `(N,)` int, the class asked about.
        own: `(N,)` bool, whether the image asked about is itself one of them, with that label.

    Returns:
        `(N,)` int64.
    """
    sizes = np.bincount(labels, minlength=int(np.max(classes, initial=0)) + 1)
    return np.asarray(np.maximum(sizes[classes] - np.asarray(own), 1))


def credibility(
    neighbours: Array,
    classes: Array,
    held_out: Array,
    labels: Array,
    *,
    inside: bool = False,
    most: Array | None = None,
    held_most: Array | None = None,
) -> Array:
    """Say how usual it is that as few neighbours carry a class, for each class that is asked about.

    The nonconformity of an image to a class is the share of its neighbours with another label. The credibility of the
    class is the share of held-out images whose nonconformity to their own label is as large or larger.

    Source: Papernot and McDaniel 2018, arXiv:1803.04765, equations 3 and 4 with one layer.

    Args:
        neighbours: `(N, k)` int, labels of the neighbours.
        classes: `(N,)` int, the class asked about, for example the predicted one; or `(N, m)`.
        held_out: `(M, k)` int, labels of the neighbours of held-out images.
        labels: `(M,)` int, their own labels.
        inside: whether image n is held-out image n, so that it is not compared with itself (N = M).
        most: `(N,)` int, how many neighbours count, as in `agreement`; all if None.
        held_most: `(M,)` int, the same of held-out images.

    Returns:
        float64 in [0, 1] of the shape of `classes`; 1 where there is nothing to compare with.
    """
    classes = np.asarray(classes)
    mine = agreement(held_out, labels, held_most)
    asked = classes.reshape(len(classes), -1)
    alike = np.stack([agreement(neighbours, column, most) for column in asked.T], axis=1)
    reached, total = np.searchsorted(np.sort(mine), alike, "right"), len(mine)
    if inside:
        reached, total = reached - (mine[:, None] <= alike), total - 1
    return np.asarray((reached / total if total else np.ones(alike.shape)).reshape(classes.shape))

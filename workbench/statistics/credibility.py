"""How much the labels of the nearest images support a prediction, compared with images that were held out."""

from __future__ import annotations

import numpy as np

from workbench.core.types import Array


def agreement(neighbours: Array, classes: Array) -> Array:
    """Share of each image's k neighbours that carry a class: `(N,)` float64.

    Args:
        neighbours: `(N, k)` int, labels of the neighbours.
        classes: `(N,)` int, the class asked about.
    """
    return np.asarray((neighbours == np.asarray(classes)[:, None]).mean(axis=1))


def credibility(neighbours: Array, classes: Array, held_out: Array, labels: Array, *, inside: bool = False) -> Array:
    """Say how usual it is that as few neighbours carry a class, for each class that is asked about.

    The nonconformity of an image to a class is the number of its neighbours with another label. The credibility of the
    class is the share of held-out images whose nonconformity to their own label is as large or larger.

    Source: Papernot and McDaniel 2018, arXiv:1803.04765, equations 3 and 4 with one layer.

    Args:
        neighbours: `(N, k)` int, labels of the neighbours.
        classes: `(N,)` int, the class asked about, for example the predicted one; or `(N, m)`.
        held_out: `(M, k)` int, labels of the neighbours of held-out images.
        labels: `(M,)` int, their own labels.
        inside: whether image n is held-out image n, so that it is not compared with itself (N = M).

    Returns:
        float64 in [0, 1] of the shape of `classes`; 1 where there is nothing to compare with.
    """
    classes = np.asarray(classes)
    own = np.sort((held_out != labels[:, None]).sum(axis=1))
    asked = classes.reshape(len(classes), -1)
    strange = np.stack([(neighbours != column[:, None]).sum(axis=1) for column in asked.T], axis=1)
    reached = len(own) - np.searchsorted(own, strange, "left")
    total = len(own)
    if inside:
        mine = (held_out != labels[:, None]).sum(axis=1)
        reached, total = reached - (mine[:, None] >= strange), total - 1
    return np.asarray((reached / total if total else np.ones(strange.shape)).reshape(classes.shape))

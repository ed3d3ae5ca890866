"""What others say of the same labels: cleanlab's three scores and its issues, and the area under the margin."""

from __future__ import annotations

import numpy as np

from workbench.core.types import Array

SCORES = {
    "self-confidence": "self_confidence",
    "margin": "normalized_margin",
    "entropy-weighted": "confidence_weighted_entropy",
}
"""cleanlab's scores, by what they are called here. Source: Northcutt et al. 2021, arXiv:1911.00068."""
THRESHOLD = 99.0
"""Percentile of the margins of images of no class, below which a label is called wrong."""


def scores(said: Array, labels: Array) -> dict[str, Array]:
    """Return each of cleanlab's scores, `(N,)`, low is suspicious."""
    from cleanlab.rank import get_label_quality_scores

    return {name: get_label_quality_scores(labels, said, method=method) for name, method in SCORES.items()}


def confident_learning(said: Array, labels: Array) -> Array:
    """Return cleanlab's issues, `(N,)` bool: `find_label_issues` with its defaults, pruning by noise rate."""
    from cleanlab.filter import find_label_issues

    return np.asarray(find_label_issues(labels, said, n_jobs=1))


def low_self_confidence(said: Array, labels: Array) -> Array:
    """Return `(N,)` bool: as many of each class as the confident joint holds to be wrong, the least probable first.

    Source: Northcutt et al. 2021, arXiv:1911.00068, method 3 ("prune by class").
    """
    from cleanlab.count import compute_confident_joint

    joint = compute_confident_joint(labels, said)
    found = np.zeros(len(labels), bool)
    for k, row in enumerate(joint):
        of_class = np.flatnonzero(labels == k)
        worst = np.argsort(said[of_class, k], kind="stable")
        found[of_class[worst[: int(row.sum() - row[k])]]] = True
    return found


def margins(said: Array, labels: Array) -> Array:
    """Return `(N,)` the logit of the label less the largest other one, from probabilities."""
    logs = np.log(said + 1e-12)
    own = logs[np.arange(len(labels)), labels].copy()
    logs[np.arange(len(labels)), labels] = -np.inf
    return np.asarray(own - logs.max(axis=1))


def area_under_the_margin(mean_margins: tuple[Array, Array], strangers: tuple[Array, Array]) -> Array:
    """Return `(N,)` bool: labels whose mean margin over the epochs is below nearly all of images of no class.

    Source: Pleiss et al. 2020, arXiv:2001.10528: a share 1 / (K + 1) of the images is given a class of its own, and
    the 99th percentile of their margins is the threshold; a second training has others for it, so that each image is
    judged by one in which it has its label.

    Args:
        mean_margins: `(N,)` of each of two trainings.
        strangers: `(N,)` bool, which images had the class of their own in each; no image in both.
    """
    limits = [np.percentile(of[strange], THRESHOLD) for of, strange in zip(mean_margins, strangers, strict=True)]
    first, second = (of < limit for of, limit in zip(mean_margins, limits, strict=True))
    return np.where(strangers[0], second, first)

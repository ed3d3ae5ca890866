"""At which layer a prediction is decided: a nearest-neighbour probe after each layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.core.estimate import Estimate
from workbench.core.progress import report
from workbench.core.types import Array

NEIGHBOURS = 30
"""Neighbours that vote, as in the paper; fewer where a class has few images."""
TILE = 1024


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Depth of errors beside that of correct predictions.

    Attributes:
        right, wrong: mean depth; NaN where there are none.
        difference: of the means, errors less correct ones, with Welch's interval; none where one side has fewer than
            two images or no spread at all.
        chance: two-sided p-value that both depths have one distribution (Mann & Whitney); NaN without both.
        deeper: probability that an error lies deeper than a correct one, ties counting half.
    """

    right: float
    wrong: float
    difference: Estimate
    chance: float
    deeper: float


def depths(probes: Array, final: Array) -> Array:
    """Count the probes up to the last one that disagrees with the network's own prediction.

    The depth is the first place from which on all probes agree with the final prediction; L where the last probe
    still predicts another class, so that only the output decides.

    Source: Baldock, Maennel & Neyshabur 2021, arXiv:2106.09647, section 2.1.

    Args:
        probes: `(L, N)` int, class that the probe after each place predicts.
        final: `(N,)` int, the network's prediction.

    Returns:
        `(N,)` int64 in [0, L].
    """
    agrees = probes == final
    # From the end: how many probes in a row agree.
    return np.asarray(len(probes) - np.logical_and.accumulate(agrees[::-1], axis=0).sum(axis=0))


def neighbours_for(labels: Array) -> int:
    """Say how many neighbours may vote: `NEIGHBOURS`, or half of a class's images where they are fewer."""
    smallest = int(np.median(np.bincount(labels)[np.unique(labels)]))
    return int(np.clip(smallest // 2, 1, NEIGHBOURS))


def nearest_votes(support: Array, labels: Array, queries: Array, classes: int, k: int) -> Array:
    """Share of the k nearest support vectors that belong to each class, by Euclidean distance.

    Args:
        support: `(n, D)` float, vectors of known class.
        labels: `(n,)` int in [0, K).
        queries: `(Q, D)` float.
        classes: K.
        k: neighbours, at most n of them.

    Returns:
        `(Q, K)` float64, rows add up to 1. Where classes have as many votes, the nearer one has a hair more.
    """
    k = min(k, len(support))
    centre = support.mean(axis=0)  # distances stay, and rounding is less
    base = (support - centre).astype(np.float32)
    lengths = (base**2).sum(axis=1)
    votes = np.zeros((len(queries), classes))
    for start in range(0, len(queries), TILE):
        part = (queries[start : start + TILE] - centre).astype(np.float32)
        far = lengths - 2 * part @ base.T  # the query's own length changes no order
        chosen = np.argpartition(far, k - 1, axis=1)[:, :k]
        order = np.argsort(np.take_along_axis(far, chosen, axis=1), axis=1, kind="stable")
        chosen = np.take_along_axis(chosen, order, axis=1)
        weights = 1 - 1e-6 * np.arange(k)
        rows = np.repeat(np.arange(len(part)), k)
        np.add.at(votes, (start + rows, labels[chosen].ravel()), np.tile(weights, len(part)))
    return votes / votes.sum(axis=1, keepdims=True)


def linear_side(support: Array, labels: Array, queries: Array) -> Array:
    """Separate two classes by linear discriminant analysis, shrunk after Ledoit & Wolf.

    Args:
        support: `(n, D)` float.
        labels: `(n,)` int, two classes.
        queries: `(Q, D)` float.

    Returns:
        `(Q,)` int, the class of each.
    """
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    moving = support.std(axis=0) > 1e-6
    if not moving.any():
        return np.full(len(queries), np.bincount(labels).argmax())
    # The span of the support loses nothing, and is small where there are few images.
    centre = support[:, moving].astype(np.float64).mean(axis=0)
    _, sizes, ways = np.linalg.svd(support[:, moving] - centre, full_matrices=False)
    ways = ways[sizes > 1e-6 * sizes[0]][:256].T
    cut = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    cut.fit((support[:, moving] - centre) @ ways, labels)
    return np.asarray(cut.predict((queries[:, moving] - centre) @ ways))


def compare(depth: Array, correct: Array) -> Comparison:
    """Compare the depth of errors with that of correct predictions.

    Args:
        depth: `(N,)` int.
        correct: `(N,)` bool.
    """
    right, wrong = depth[correct].astype(np.float64), depth[~correct].astype(np.float64)
    one, other = (float(each.mean()) if len(each) else float("nan") for each in (right, wrong))
    gap = other - one
    if not len(right) or not len(wrong):
        return Comparison(right=one, wrong=other, difference=Estimate(gap), chance=float("nan"), deeper=float("nan"))
    from scipy.stats import mannwhitneyu
    from scipy.stats import t as student

    found = mannwhitneyu(wrong, right, alternative="two-sided")
    low = high = float("nan")
    if min(len(right), len(wrong)) >= 2:
        parts = [float(each.var(ddof=1)) / len(each) for each in (right, wrong)]
        if sum(parts) > 0:
            freedom = sum(parts) ** 2 / sum(
                part**2 / (len(each) - 1) for part, each in zip(parts, (right, wrong), strict=True)
            )
            half = float(student.ppf(0.975, freedom)) * sum(parts) ** 0.5
            low, high = gap - half, gap + half
    chance = float(found.pvalue) if np.ptp(depth) > 0 else 1.0
    return Comparison(
        right=one,
        wrong=other,
        difference=Estimate(gap, low, high),
        chance=chance,
        deeper=float(found.statistic) / len(right) / len(wrong),
    )


def story(support: list[Array], labels: Array, queries: list[Array], classes: int) -> Array:
    """Predict a class by the probe after each place: `(L, Q)` int64.

    Args:
        support: L arrays `(n, D)`, features of the images of known class at each place.
        labels: `(n,)` int, their classes.
        queries: L arrays `(Q, D)`.
        classes: K.
    """
    k = neighbours_for(labels)
    predicted = []
    for place, (base, asked) in enumerate(zip(support, queries, strict=True)):
        predicted.append(nearest_votes(base, labels, asked, classes, k).argmax(axis=1))
        report("Probes after the layers", place + 1, len(support))
    return np.stack(predicted)

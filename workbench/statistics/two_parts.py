"""Do the embeddings of one class fall into two separate parts? Split on one half, judged on the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.core.cores import at_most
from workbench.core.types import Array

LEAST = 60
"""Images that are enough to tell. Of fewer, parts are found more seldom, and not more often where there are none."""
HALVINGS = 5
"""Random halvings; each half is judged by the split of the other."""
FIRST = 1
"""Halvings after which no more are made where the parts are far from separate."""
FAR = 0.3
"""Valley from which they are."""
DIMENSIONS = 10
"""Principal components in which the images are split."""
FEWEST = 5
"""Images of a half that are enough for a part of it."""
SAME = 1e-6
"""Difference of directions that is one of rounding."""
SHARE, VALLEY, GAIN = 0.3, 0.1, 0.6
"""Of separate parts: the least share of the smaller one, the highest valley, and the least gain."""


@dataclass(frozen=True, eq=False)
class TwoParts:
    """Two parts of some vectors, and how separate they are on vectors that did not choose them.

    Attributes:
        parts: `(n,)` int64, 0 the larger part and 1 the smaller one, of each vector as it was judged held out.
        valley: density at the emptiest place between the two, as a share of that in the middle of the lower one; 1
            where there is no valley. Median of all halves.
        gain: of two normal distributions over one, by the Bayesian information criterion, in its units for each vector;
            negative where one fits as well. Median of all halves.
    """

    parts: Array
    valley: float
    gain: float

    @property
    def share(self) -> float:
        """Of the smaller part, in [0, 0.5]."""
        return float(self.parts.mean())

    @property
    def separate(self) -> bool:
        """Whether both parts are large, and next to nothing lies between them."""
        return self.share >= SHARE and self.valley <= VALLEY and self.gain >= GAIN


def two_parts(vectors: Array, *, seed: int = 0) -> TwoParts | None:
    """Split vectors in two, and judge the split on vectors that had no say in it.

    The vectors are brought to length 1, so that how strongly a network reacts makes no parts. Of each half the first
    principal components are split by 2-means, and a linear discriminant with shrinkage (Ledoit & Wolf 2004) is fitted
    to the two. It projects the other half on a line, on which one and two normal distributions are fitted and compared
    by the Bayesian information criterion (Schwarz 1978). Any cloud can be split; only between separate parts the
    held-out vectors leave a valley.

    Args:
        vectors: `(n, D)` float.
        seed: of the halvings and of k-means.

    Returns:
        Both parts; None below `LEAST` vectors, of which nothing can be told.
    """
    if len(vectors) < LEAST:
        return None
    given = np.asarray(vectors, np.float64).reshape(len(vectors), -1)
    directions = given / np.maximum(np.linalg.norm(given, axis=1, keepdims=True), 1e-12)
    chance = np.random.default_rng(seed)
    different = np.unique((directions @ chance.standard_normal(directions.shape[1])).round(9))
    if len(different) < 4 * FEWEST:  # copies of a few lie apart, whatever they are
        return TwoParts(np.zeros(len(given), np.int64), 1.0, 0.0)
    with at_most(1):  # so few vectors take longer on several cores
        return _judged(directions, chance, seed)


def _judged(directions: Array, chance: np.random.Generator, seed: int) -> TwoParts:
    """Split and judge both halves of several halvings; let each vector be where most of them put it."""
    votes, found = np.zeros(len(directions)), list[tuple[float, float]]()
    for number in range(HALVINGS):
        halves = np.array_split(chance.permutation(len(directions)), 2)
        for own, other in (halves, halves[::-1]):
            line = _line(directions[own], directions, seed + number)
            if line is None:
                found.append((1.0, 0.0))
                continue
            found.append(_valley_and_gain(line[other]))
            side = np.sign(line)
            held_out = np.zeros(len(line))
            held_out[other] = side[other]
            votes += held_out if votes @ side >= 0 else -held_out  # which part is called which is chance
        if number + 1 == FIRST and np.median([valley for valley, _ in found]) > FAR:
            break
    parts = votes > 0
    smaller = parts if parts.mean() <= 0.5 else ~parts
    valley, gain = np.median(found, axis=0)
    return TwoParts(smaller.astype(np.int64), float(valley), float(gain))


def _line(own: Array, every: Array, seed: int) -> Array | None:
    """Split some vectors in two and return where `every` vector lies across the split: `(n,)`, 0 at its border."""
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    if np.ptp(own, axis=0).max(initial=0) < SAME:
        return None
    count = min(DIMENSIONS, len(own) - 1, own.shape[1])
    axes = PCA(count, svd_solver="randomized", random_state=seed).fit(own)
    places = axes.transform(own)
    cut = KMeans(2, n_init=4, random_state=seed).fit(places)
    split, inside = cut.labels_, places - cut.cluster_centers_[cut.labels_]
    if np.bincount(split, minlength=2).min() < FEWEST or np.abs(inside).max() < SAME:
        return None
    across = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(places, split)
    return np.asarray(across.decision_function(axes.transform(every)))


def _valley_and_gain(line: Array) -> tuple[float, float]:
    """Fit one and two normal distributions to numbers; see `TwoParts`."""
    from sklearn.mixture import GaussianMixture

    values = line[:, None] / max(float(np.abs(line).max()), 1e-12)
    below, above = values[values < 0], values[values >= 0]
    start = [[below.mean() if len(below) else values.min()], [above.mean() if len(above) else values.max()]]
    one = GaussianMixture(1).fit(values)
    two = GaussianMixture(2, means_init=start, random_state=0).fit(values)
    means, spreads = two.means_.ravel(), np.sqrt(two.covariances_.ravel())
    between = np.linspace(means[0], means[1], 101)
    heights = two.weights_ / spreads * np.exp(-0.5 * ((between[:, None] - means) / spreads) ** 2)
    density = heights.sum(axis=1)
    valley = density.min() / max(min(density[0], density[-1]), 1e-300)
    return float(valley), float((one.bic(values) - two.bic(values)) / len(values))

"""Which classes overlap: whose images are neighbours among the embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.estimate import Estimate
from workbench.core.types import Array
from workbench.statistics.confusion import confusion_counts
from workbench.statistics.rates import wilson

if TYPE_CHECKING:
    import pandas as pd


MOST = 50
"""Pairs of classes that are listed."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Neighbourhoods:
    """Some images, and of which classes their nearest neighbours are.

    A class of n images has n − 1 neighbours to offer each of them. Beyond these every neighbour must be of another
    class, however well the classes are separated, so no more are counted.

    Attributes:
        rows: `(N,)` int, of the dataset.
        labels: `(N,)` int in [0, K).
        near: `(N, k)` int in [0, K), labels of the nearest neighbours of each, nearest first; k is 0 for one image.
        names: K names.
    """

    rows: Array
    labels: Array
    near: Array
    names: Sequence[str]

    @property
    def most(self) -> int:
        """Neighbours that count at most."""
        return int(self.near.shape[1])

    def besides(self, classes: Array) -> Array:
        """Neighbours that count for each class: `(K,)` int, at most as many as it has other images."""
        return np.clip(np.bincount(self.labels, minlength=len(self.names)) - 1, 0, self.most)[classes]

    def own_shares(self) -> Array:
        """Share of the counted neighbours of each image that have its class: `(N,)`, NaN for the one of a class."""
        count = self.besides(self.labels)
        own = (self.near == self.labels[:, None]) & (np.arange(self.most) < count[:, None])
        return np.asarray(own.sum(axis=1) / np.where(count > 0, count, np.nan))

    def shares_of(self, classes: Array, most: int) -> Array:
        """Share of each image's `most` nearest neighbours that are of a class, `classes` `(N,)` int: `(N,)`."""
        return np.asarray((self.near[:, :most] == classes[:, None]).sum(axis=1) / max(most, 1))

    def counts(self, most: int) -> Array:
        """Count the `most` nearest neighbours by class of the image and class of the neighbour: `(K, K)` int."""
        shown = self.near[:, :most]
        return confusion_counts(np.repeat(self.labels, shown.shape[1]), shown.ravel(), len(self.names))


def purity_of_classes(near: Neighbourhoods) -> pd.DataFrame:
    """Purity of each class: the mean share of its images' neighbours that are of the same class."""
    import pandas as pd

    own, labels, names, lines = near.own_shares(), near.labels, near.names, []
    counts = {most: near.counts(most) for most in np.unique(near.besides(labels)).tolist()}
    for c in np.unique(labels).tolist():
        most, images = int(near.besides(np.array(c))), int((labels == c).sum())
        if not most:  # one image has no other of its class
            lines.append((names[c], images, 0, np.nan, np.nan, np.nan, "", np.nan))
            continue
        mean = counts[most][c] / (most * images)
        low, high = interval_of_mean(float(own[labels == c].mean()), images)
        other = int(np.where(np.arange(len(names)) == c, -1.0, mean).argmax())
        lines.append(
            (names[c], images, most, float(mean[c]), low, high, names[other] if other != c else "", mean[other])
        )
    columns = ["class", "images", "neighbours", "purity", "low", "high", "next_class", "next_share"]
    table = pd.DataFrame(lines, columns=columns)
    return table.sort_values("purity", kind="stable", na_position="first", ignore_index=True)


def overlap_of_pairs(near: Neighbourhoods) -> pd.DataFrame:
    """Share of the neighbours of two classes' images that are of the other one, largest first.

    Of each image as many neighbours count as the smaller class has other images, so that none is of the other class
    because its own has no more; two classes, one of which has a single image, are not listed.
    """
    import pandas as pd

    labels, names = near.labels, near.names
    there, sizes = np.unique(labels, return_counts=True)
    besides = near.besides(there)
    upper = np.triu_indices(len(there), 1)
    known = np.minimum(*besides[np.stack(upper)]) > 0
    one, other = (each[known] for each in upper)
    counted = np.minimum(besides[one], besides[other])
    images, overlap = sizes[one] + sizes[other], np.zeros(len(one))
    for most in np.unique(counted).tolist():
        among, pairs = near.counts(most)[np.ix_(there, there)], counted == most
        overlap[pairs] = (among + among.T)[one[pairs], other[pairs]] / (most * images[pairs])
    order = np.argsort(-overlap, kind="stable")[:MOST]
    one, other, images = one[order], other[order], images[order]
    overlap, counted = overlap[order], counted[order]
    ends = [interval_of_mean(*each) for each in zip(overlap.tolist(), images.tolist(), strict=True)]
    low, high = np.array(ends).reshape(-1, 2).T
    return pd.DataFrame(
        {
            "one": [names[c] for c in there[one]],
            "other": [names[c] for c in there[other]],
            "one_index": there[one],
            "other_index": there[other],
            "images": images,
            "neighbours": counted,
            "overlap": overlap,
            "low": low,
            "high": high,
        }
    )


def interval_of_mean(mean: float, images: int) -> tuple[float, float]:
    """95 % interval of a mean of `images` shares: no shares in [0, 1] vary more than zeros and ones of that mean."""
    low, high = wilson(min(max(mean, 0.0), 1.0) * images, images)
    return round(float(low), 9), round(float(high), 9)


def mean_share(mean: float, images: int) -> Estimate:
    """Return a mean of `images` shares with its interval."""
    low, high = interval_of_mean(mean, images)
    return Estimate(mean, min(low, mean), max(high, mean), unit="%")

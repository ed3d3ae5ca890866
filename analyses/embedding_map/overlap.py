"""Which classes overlap: whose images are neighbours among the embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.estimate import Estimate
from workbench.core.types import Array
from workbench.statistics.rates import wilson

if TYPE_CHECKING:
    import pandas as pd


MOST = 50
"""Pairs of classes that are listed."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Neighbourhoods:
    """Some images, and of which classes their nearest neighbours are.

    Attributes:
        rows: `(N,)` int, of the dataset.
        labels: `(N,)` int in [0, K).
        shares: `(N, K)` float64, of the nearest neighbours of each that are of each class.
        nearest: how many neighbours count, 0 for a single image.
        names: K names.
    """

    rows: Array
    labels: Array
    shares: Array
    nearest: int
    names: Sequence[str]


def shares_of_classes(rows: Array, labels: Array, most: int, classes: int) -> Array:
    """Share of each image's `most` nearest neighbours that are of each class.

    Args:
        rows: `(N, k)` int, neighbours of each image, nearest first.
        labels: `(N,)` int in [0, K).
        most: neighbours that count.
        classes: K.

    Returns:
        `(N, K)` float64, rows sum to 1; zeros where there is no neighbour.
    """
    found = labels[rows[:, :most]]
    counts = np.zeros((len(labels), classes))
    np.add.at(counts, (np.arange(len(labels))[:, None], found), 1.0)
    return counts / max(found.shape[1], 1)


def purity_of_classes(near: Neighbourhoods) -> pd.DataFrame:
    """Purity of each class: the mean share of its images' neighbours that are of the same class."""
    import pandas as pd

    shares, labels, names, lines = near.shares, near.labels, near.names, []
    for c in np.unique(labels).tolist():
        mean = shares[labels == c].mean(axis=0)
        images = int((labels == c).sum())
        low, high = interval_of_mean(mean[c], images)
        other = int(np.where(np.arange(len(names)) == c, -1.0, mean).argmax())
        lines.append((names[c], images, float(mean[c]), low, high, names[other] if other != c else "", mean[other]))
    columns = ["class", "images", "purity", "low", "high", "next_class", "next_share"]
    return pd.DataFrame(lines, columns=columns).sort_values("purity", kind="stable", ignore_index=True)


def overlap_of_pairs(near: Neighbourhoods) -> pd.DataFrame:
    """Share of the neighbours of two classes' images that are of the other one, largest first."""
    import pandas as pd

    labels, names = near.labels, near.names
    there, sizes = np.unique(labels, return_counts=True)
    among = np.stack([near.shares[labels == c].sum(axis=0) for c in there])[:, there]
    one, other = np.triu_indices(len(there), 1)
    images = sizes[one] + sizes[other]
    overlap = (among + among.T)[one, other] / images
    order = np.argsort(-overlap, kind="stable")[:MOST]
    one, other, images, overlap = one[order], other[order], images[order], overlap[order]
    ends = [interval_of_mean(*each) for each in zip(overlap.tolist(), images.tolist(), strict=True)]
    low, high = np.array(ends).reshape(-1, 2).T
    return pd.DataFrame(
        {
            "one": [names[c] for c in there[one]],
            "other": [names[c] for c in there[other]],
            "one_index": there[one],
            "other_index": there[other],
            "images": images,
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

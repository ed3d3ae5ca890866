"""Traces that a mark leaves in the images of one class: windows whose values repeat, and places that are not plain."""

from __future__ import annotations

import numpy as np

from workbench.core.types import Array
from workbench.statistics.rates import wilson

SURE = 1 - 1e-5
"""Confidence of the intervals in the search, which compares some ten thousand windows."""
LEAST_SHARE = 0.05
"""Share of the images of a class from which a pattern in them counts."""
STEP = 16
"""Grey values of 0…255 that count as one when windows are compared."""
TOLERANCE = 12
"""Grey values by which two pixels may differ and still be alike."""
TOGETHER = 0.6
"""Overlap of the images that carry them (Jaccard), from which two neighbouring windows belong to one mark."""


def windows(images: Array, labels: Array, classes: int, shift: int) -> list[tuple[Array, Array]]:
    """Find 2×2 windows whose values surely repeat in a larger share of one class than of the others.

    Args:
        images: `(N, H, W, C)` uint8.
        labels: `(N,)` int.
        classes: K.
        shift: added to the values before they are made coarse, so that no value lies at a border twice.

    Returns:
        For each class the places of the windows, `(m, 2)`, and which images of the class carry each, `(m, n)` bool.
    """
    coarse = (images.astype(np.int64) + shift) // STEP  # (N, H, W, C)
    chance = np.random.default_rng(shift + 1)
    weights = chance.integers(1, 2**62, (2, 2, images.shape[3]), dtype=np.int64)
    height, width = images.shape[1] - 1, images.shape[2] - 1
    codes = np.zeros((height, width, len(images)), np.int64)
    for row in (0, 1):
        for column in (0, 1):
            part = coarse[:, row : row + height, column : column + width] @ weights[row, column]
            codes += np.moveaxis(part, 0, -1)  # overflow is what a hash wants
    plain = int(((_background(images) + shift) // STEP) @ weights.sum(axis=(0, 1)))
    of = np.bincount(labels, minlength=classes)
    found: list[tuple[list[tuple[int, int]], list[Array]]] = [([], []) for _ in range(classes)]
    rows = [np.flatnonzero(labels == c) for c in range(classes)]
    least = max(5, int(LEAST_SHARE * of[of > 0].min()))
    if least > len(images):
        return [_stacked(*each, size=int(n)) for each, n in zip(found, of, strict=True)]
    enough = _fewest(of)
    for top in range(height):
        ranked = np.sort(codes[top], axis=1)
        often = ranked[:, : len(images) - least + 1] == ranked[:, least - 1 :]
        for left in np.flatnonzero(often.any(axis=1)):
            here = codes[top, left]
            values = np.unique(ranked[left, : often.shape[1]][often[left]])
            for value in values[values != plain]:
                has = here == value
                counts = np.bincount(labels[has], minlength=classes)
                if not (counts >= enough).any():  # most values, of many classes
                    continue
                for label in np.flatnonzero(surely_enriched(counts, of)):
                    found[label][0].append((top, int(left)))
                    found[label][1].append(has[rows[label]])
    return [_stacked(*each, size=int(n)) for each, n in zip(found, of, strict=True)]


def deviants(images: Array, labels: Array, classes: int) -> list[tuple[Array, Array]]:
    """Find pixels where the images of the other classes are plain, and surely more of one class are not.

    They show marks whose values do not repeat: noisy and half transparent ones, and tinted backgrounds.

    Returns:
        As `windows` does.
    """
    of = np.bincount(labels, minlength=classes)
    middle = np.median(np.stack([np.median(images[labels == c], axis=0) for c in np.flatnonzero(of)]), axis=0)
    away = (np.abs(images - middle) > TOLERANCE).any(axis=-1)  # (N, H, W)
    counts = np.stack([away[labels == c].sum(axis=0) for c in range(classes)], axis=-1)  # (H, W, K)
    others = (counts.sum(axis=-1, keepdims=True) - counts) / np.maximum(of.sum() - of, 1)
    more = surely_enriched(counts, of) & (others <= 0.2)
    found = []
    for label in range(classes):
        places = np.argwhere(more[..., label])
        carried = away[labels == label][:, places[:, 0], places[:, 1]].T
        found.append((places, carried))
    return found


def surely_enriched(counts: Array, of: Array) -> Array:
    """Say where a class surely carries something in twice the share of all others together, and 5 points more.

    Args:
        counts: `(…, K)` int, images of each class that carry it.
        of: `(K,)` int, images of each class.

    Returns:
        `(…, K)` bool.
    """
    low = wilson(counts, of, confidence=SURE)[0]
    high = wilson(counts.sum(axis=-1, keepdims=True) - counts, of.sum() - of, confidence=SURE)[1]
    return np.asarray((low > 2 * high) & (low - high > LEAST_SHARE) & (of > 0) & (of < of.sum()))


def _fewest(of: Array) -> Array:
    """Return how many images of each class have to carry something for it to be surely enriched at all: `(K,)`."""
    fewest = np.full(len(of), np.iinfo(np.int64).max)
    for size in np.unique(of[of > 0]).tolist():
        hits = np.arange(1, size + 1)
        surely = hits[wilson(hits, np.full(size, size), confidence=SURE)[0] > LEAST_SHARE]
        fewest[of == size] = surely[0] if len(surely) else size + 1
    return fewest


def _stacked(places: list[tuple[int, int]], carried: list[Array], size: int) -> tuple[Array, Array]:
    return np.array(places, np.int64).reshape(-1, 2), np.array(carried, bool).reshape(len(places), size)


def _background(images: Array) -> Array:
    """`(C,)` int, the median of all borders."""
    border = [images[:, 0], images[:, -1], images[:, 1:-1, 0], images[:, 1:-1, -1]]
    return np.median(np.concatenate(border, axis=1), axis=(0, 1)).astype(np.int64)


def join_windows(places: Array, carried: Array, most: int = 2000) -> list[Array]:
    """Join neighbouring windows that the same images carry; returns the numbers of the windows of each group."""
    from scipy.sparse.csgraph import connected_components

    if not len(places):
        return []
    kept = np.argsort(-carried.sum(axis=1), kind="stable")[:most]
    flags = carried[kept].astype(np.float32)
    both, size = flags @ flags.T, flags.sum(axis=1)
    overlap = both / np.maximum(size[:, None] + size - both, 1)
    near = np.abs(places[kept][:, None] - places[kept]).max(axis=-1) <= 2
    _, group = connected_components((overlap >= TOGETHER) & near, directed=False)
    order = np.argsort(-np.bincount(group), kind="stable")[:40]
    return [kept[group == each] for each in order]

"""Parts of the training images that grow, and what a quick classifier makes of each."""

from __future__ import annotations

import numpy as np

from workbench.core.dataset import Dataset
from workbench.core.progress import report
from workbench.core.types import Array
from workbench.data.sampling import evenly
from workbench.statistics.linear_pixels import enough_of_each, linear_classifier, small_pixels

SHARES = (0.05, 0.1, 0.25, 0.5, 1.0)
MOST_LEARNED, MOST_ASKED = 20_000, 5_000
"""Images that the quick classifier is fitted to, and asked about, at most."""
REPEATS = 3
"""Draws of each part for the quick classifier."""


def growing(labels: Array, seed: int) -> Array:
    """Return `(n,)` rows in an order of which every beginning has the classes in their proportions, drawn by a seed."""
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    counts = np.bincount(labels)
    seen = np.zeros(len(counts), np.int64)
    place = np.empty(len(labels))
    for row in shuffled.tolist():
        label = labels[row]
        place[row] = (seen[label] + 0.5) / counts[label]
        seen[label] += 1
    return shuffled[np.argsort(place[shuffled], kind="stable")]


def sizes_of(count: int, classes: int) -> list[int]:
    """Return how many images the parts have: each once, and enough for two of each class."""
    wanted = [round(share * count) for share in SHARES]
    return sorted({size for size in wanted if size >= max(2 * classes, 4)})


def quick_predictions(train: Dataset, rows: Array, studied: Dataset) -> tuple[Array, dict[int, list[Array]]]:
    """Fit a linear classifier of pixels to parts of the training images.

    Args:
        train: the training images.
        rows: `(n,)` those of them that may be used.
        studied: the images that are asked about.

    Returns:
        `(m,)` rows of those that were, and for each size `(m,)` predicted classes of each draw.
    """
    some = np.sort(rows[growing(train.labels[rows], 0)[:MOST_LEARNED]])
    labels, asked = train.labels[some], evenly(len(studied), MOST_ASKED)
    found: dict[int, list[Array]] = {}
    if len(np.unique(labels)) < 2:
        return asked, found
    pixels, looked = small_pixels(train, some), small_pixels(studied, asked)
    sizes = sizes_of(len(some), len(np.unique(labels)))
    for seed in range(REPEATS):
        order = growing(labels, seed)
        for size in sizes:
            if size == len(some) and seed:
                continue  # all of them are the same ones
            part = order[:size]
            part = part[enough_of_each(labels[part])]
            if len(np.unique(labels[part])) > 1 and np.ptp(pixels[part], axis=0).max() > 0:
                model = linear_classifier(pixels[part], labels[part], seed=seed)
                found.setdefault(size, []).append(np.asarray(model.predict(looked)))
        report("Fitting to parts of the images", seed + 1, REPEATS)
    return asked, found

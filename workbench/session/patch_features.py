"""Features of images that no label has shaped, for when a trained model's own would give the labels away."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from workbench.core.dataset import Dataset
from workbench.core.pixels import as_floats
from workbench.core.progress import report
from workbench.core.types import Array
from workbench.data.lazy_images import Some, portions

FILTERS, SIZE, PLACES = 48, 5, 3
"""How many kinds of patch, pixels across, and places across over which their responses are averaged."""
PATCHES = 20_000
"""Patches from which the filters are learned."""


def untrained_features(dataset: Dataset, *, seed: int = 0, size: int = 256) -> Array:
    """Describe each image by how strongly whitened patches resemble typical ones, in 3 × 3 places.

    Source: Coates, Ng and Lee 2011, "An analysis of single-layer networks in unsupervised feature learning", section 3,
    with filters of both signs and random patches in place of centroids.

    Args:
        dataset: N images.
        seed: of the choice of patches.
        size: images in one go.

    Returns:
        `(N, 864)` float32, fewer for images below 3 pixels.
    """
    kernel, offset = _filters(dataset, np.random.default_rng(seed))
    patch = _patch(dataset)
    height, width, _ = dataset.image_shape
    step = max(1, round(min(height, width) / 28))  # about as many places whatever the size of the image
    features = []
    for batch in dataset.batches(size):
        seen = _windows(batch, patch)[:, ::step, ::step]
        count, rows, columns = seen.shape[:3]
        response = (seen.reshape(count * rows * columns, -1) @ kernel - offset).reshape(count, rows, columns, -1)
        pooled = [
            np.maximum(sign * response[:, part][:, :, other] - 0.25, 0).mean(axis=(1, 2))
            for sign in (1, -1)
            for part in _parts(rows)
            for other in _parts(columns)
        ]
        features.append(np.concatenate(pooled, axis=1))
        report("Features without labels", sum(map(len, features)), len(dataset))
    return np.concatenate(features)


def _parts(count: int) -> list[slice]:
    """Cut a side into equal parts."""
    edges = np.linspace(0, count, min(PLACES, count) + 1).round().astype(int)
    return [slice(int(start), int(stop)) for start, stop in pairwise(edges)]


def _patch(dataset: Dataset) -> int:
    return min(SIZE, max(2, min(dataset.image_shape[:2]) // 3), *dataset.image_shape[:2])


def _windows(images: Array, size: int) -> Array:
    """Return every patch of `(B, H, W, C)` images: `(B, h, w, C, size, size)`, a view."""
    return np.lib.stride_tricks.sliding_window_view(images, (size, size), axis=(1, 2))


def _filters(dataset: Dataset, chance: np.random.Generator) -> tuple[Array, Array]:
    """Choose whitened patches of the images as filters: `(values, FILTERS)`, and what to subtract of each."""
    patch = _patch(dataset)
    chosen = np.sort(chance.integers(0, len(dataset), min(2000, PATCHES)))
    height, width, channels = dataset.image_shape
    places = (len(chosen), height - patch + 1, width - patch + 1)
    each, down, across = (chance.integers(0, high, PATCHES) for high in places)
    patches = np.empty((PATCHES, channels * patch * patch), np.float32)
    some = Some(dataset, chosen)
    for part in portions(some):
        inside = (each >= part.start) & (each < part.stop)
        windows = _windows(as_floats(some[part]), patch)
        patches[inside] = windows[each[inside] - part.start, down[inside], across[inside]].reshape(inside.sum(), -1)
    mean = patches.mean(axis=0)
    variances, directions = np.linalg.eigh(np.atleast_2d(np.cov((patches - mean).T)))
    regular = np.maximum(variances, 0) + 0.01 * max(float(variances.mean()), 1e-6)
    whitening = (directions / np.sqrt(regular)) @ directions.T
    white = (patches - mean) @ whitening
    lengths = np.linalg.norm(white, axis=1)
    rich = np.argsort(-lengths, kind="stable")[: PATCHES // 2]  # flat patches tell nothing
    filters = white[chance.choice(rich, FILTERS, replace=False)]
    filters /= np.linalg.norm(filters, axis=1, keepdims=True) + 1e-9
    kernel = (whitening @ filters.T).astype(np.float32)
    return kernel, (mean @ kernel).astype(np.float32)

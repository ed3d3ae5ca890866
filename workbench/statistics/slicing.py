"""Groups of images that can be told without looking at the errors of the images they are tested on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.core.pixels import as_floats
from workbench.core.types import Array
from workbench.data.thumbnails import block_means, pixel_rows
from workbench.statistics.error_tree import in_words, matching_rows, nodes

CLASS_DEPTH, DEPTH = 3, 4
"""Depth of the trees within a class, and of the one over all classes."""
GROUP = 60
"""Images of a half that a cluster of pixels holds on average."""
COMPONENTS = 24
"""Principal components that are clustered."""
SIDE = 28
"""Pixels a side whose principal components are clustered."""


@dataclass(frozen=True, eq=False)
class Part:
    """What is known of some images without their errors.

    Attributes:
        properties: `(N, P)` float, columns of `image_properties`.
        pixels: `(N, F)` float, principal components of the pixels.
        labels: `(N,)` int.
    """

    properties: Array
    pixels: Array
    labels: Array


@dataclass(frozen=True, eq=False, kw_only=True)
class Group:
    """A group of images, found on some of them and defined for all.

    Attributes:
        members: `(N,)` bool.
        alike: `(N,)` bool, images like the members whatever their label: of them a model can know that it is unsure.
        learned: `(M,)` bool, the training images that would be members; None where that is not known.
        source: what it was found in: "properties", "pixels" or "embeddings".
        rule: the properties and the class that define it, in words; empty for a cluster.
    """

    members: Array
    alike: Array
    learned: Array | None
    source: str
    rule: str = ""


def halves(labels: Array, seed: int) -> tuple[Array, Array]:
    """Split rows in two, each class as evenly as can be: two ascending `(n,)` int."""
    order = np.random.default_rng(seed).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    return np.sort(order[::2]), np.sort(order[1::2])


def least_members(count: int) -> int:
    """Images of a half of `count` that make a group."""
    return int(np.clip(round(0.002 * count), 4, 20))


def from_properties(
    studied: Part, train: Part | None, worse: Array, find: Array, *, names: tuple[str, ...], columns: list[str]
) -> Iterator[Group]:
    """Groups from trees on the properties that explain where the model is worse than on the rest of the class.

    Args:
        studied: the images under study.
        train: training images, or None.
        worse: `(N,)` float, wrong (0 or 1) less the error rate of the class; only that of `find` is read.
        find: `(n,)` int, rows to grow the trees on.
        names: K class names.
        columns: P names of the properties.
    """
    least, seen = least_members(len(find)), set()
    for only in (None, *np.unique(studied.labels[find]).tolist()):
        rows = find if only is None else find[studied.labels[find] == only]
        if len(rows) < 2 * least:
            continue
        depth = DEPTH if only is None else CLASS_DEPTH
        for node in nodes(studied.properties[rows], worse[rows], depth=depth, least=least):
            if not node.conditions:
                continue
            alike = matching_rows(node.conditions, studied.properties)
            own = np.ones(len(alike), bool) if only is None else studied.labels == only
            if (key := hashlib.blake2b(np.packbits(alike & own).tobytes(), digest_size=16).digest()) in seen:
                continue
            seen.add(key)
            learned = None
            if train is not None:
                learned = matching_rows(node.conditions, train.properties)
                learned = learned if only is None else learned & (train.labels == only)
            words = in_words(node.conditions, columns, names)
            rule = words if only is None else f"{names[only]}, {words}"
            yield Group(members=alike & own, alike=alike, learned=learned, source="properties", rule=rule)


def from_pixels(studied: Part, train: Part | None, find: Array, seed: int) -> Iterator[Group]:
    """Clusters of what the images look like, over all classes and within each."""
    least = least_members(len(find))
    for only in (None, *np.unique(studied.labels[find]).tolist()):
        rows = find if only is None else find[studied.labels[find] == only]
        wanted = len(rows) // GROUP if only is None else len(rows) // (4 * least)
        if (k := min(max(wanted, 4), 60 if only is None else 8)) * least > len(rows):
            continue
        centres, radius = _centres(studied.pixels[rows], k, seed)
        nearest, away = _nearest(studied.pixels, centres)
        own = np.ones(len(nearest), bool) if only is None else studied.labels == only
        if train is not None:
            train_nearest, _ = _nearest(train.pixels, centres)
            train_own = np.ones(len(train_nearest), bool) if only is None else train.labels == only
        for number in range(k):
            alike = nearest == number
            if only is not None:
                alike &= (away <= radius[number]) | own
            learned = None if train is None else (train_nearest == number) & train_own
            yield Group(members=(nearest == number) & own, alike=alike, learned=learned, source="pixels")


def from_embeddings(embeddings: Array, predicted: Array, find: Array, seed: int) -> Iterator[Group]:
    """Clusters of the embeddings of what is predicted alike: `(N, D)` float and `(N,)` int.

    Within a predicted class and not within a true one: what is labelled shirt and looks like a dress to the model is
    always mostly wrong, and says nothing but that there are errors.
    """
    least = least_members(len(find))
    for taken in np.unique(predicted[find]).tolist():
        rows = find[predicted[find] == taken]
        k = min(len(rows) // (2 * least), 8)
        if k < 2:
            continue
        nearest, _ = _nearest(embeddings, _centres(embeddings[rows], k, seed)[0])
        for number in range(k):
            members = (nearest == number) & (predicted == taken)
            yield Group(members=members, alike=members, learned=None, source="embeddings")


def _centres(values: Array, k: int, seed: int) -> tuple[Array, Array]:
    """`(k, F)` centres of k-means, and how far the farthest tenth of each cluster begins."""
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # so few vectors take five times as long on several cores
        fitted = KMeans(k, n_init=1, max_iter=40, tol=1e-3, random_state=seed).fit(values)
    nearest, away = _nearest(values, fitted.cluster_centers_)
    radius = [np.quantile(away[nearest == n], 0.9) if (nearest == n).any() else 0.0 for n in range(k)]
    return fitted.cluster_centers_, np.asarray(radius)


def _nearest(values: Array, centres: Array) -> tuple[Array, Array]:
    """Nearest centre of each row, and the distance to it."""
    squares = (values**2).sum(axis=1)[:, None] - 2 * values @ centres.T + (centres**2).sum(axis=1)
    return squares.argmin(axis=1), np.sqrt(np.maximum(squares.min(axis=1), 0))


def flat_pixels(images: Any) -> Array:
    """Pixels of all images as `(N, F)` float32, downscaled, for `components`."""
    return pixel_rows(images, lambda part: block_means(as_floats(part), SIDE))


def components(values: Array, rows: Array, *others: Array, most: int = COMPONENTS) -> list[Array]:
    """Principal components of `values` and `others`, as those of `values[rows]`: `(N, ≤ most)` float32 each."""
    from sklearn.decomposition import PCA

    base = values[rows[:: max(len(rows) // 3000, 1)]]
    count = min(most, *base.shape)
    pca = PCA(count, svd_solver="randomized" if min(base.shape) > 2 * most else "full", random_state=0).fit(base)
    return [np.asarray(pca.transform(each), np.float32) for each in (values, *others)]

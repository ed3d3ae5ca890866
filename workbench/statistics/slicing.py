"""Groups of images that can be told without looking at the errors of the images they are tested on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.cores import at_most
from workbench.core.pixels import as_floats
from workbench.core.types import Array
from workbench.data.lazy_images import Joined, portions
from workbench.data.thumbnails import block_means, pixel_rows
from workbench.statistics.error_tree import in_words, matching_rows, nodes

if TYPE_CHECKING:
    from sklearn.decomposition import PCA

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
        own = np.flatnonzero(predicted == taken)
        nearest, _ = _nearest(embeddings[own], _centres(embeddings[rows], k, seed)[0])
        for number in range(k):
            members = np.zeros(len(embeddings), bool)
            members[own[nearest == number]] = True
            yield Group(members=members, alike=members, learned=None, source="embeddings")


def _centres(values: Array, k: int, seed: int) -> tuple[Array, Array]:
    """`(k, F)` centres of k-means, and how far the farthest tenth of each cluster begins."""
    from sklearn.cluster import KMeans

    with at_most(1):  # so few vectors take five times as long on several cores
        fitted = KMeans(k, n_init=1, max_iter=40, tol=1e-3, random_state=seed).fit(values)
    nearest, away = _nearest(values, fitted.cluster_centers_)
    radius = [np.quantile(away[nearest == n], 0.9) if (nearest == n).any() else 0.0 for n in range(k)]
    return fitted.cluster_centers_, np.asarray(radius)


def _nearest(values: Array, centres: Array) -> tuple[Array, Array]:
    """Nearest centre of each row, and the distance to it."""
    nearest, away = np.empty(len(values), np.int64), np.empty(len(values), np.result_type(values, centres))
    lengths = (centres**2).sum(axis=1)[:, None]
    for part in _batches(len(values)):
        some = values[part]
        less = lengths - 2 * centres @ some.T  # squares of distances, less that of the row itself
        nearest[part] = less.argmin(axis=0)
        away[part] = np.sqrt(np.maximum(less.min(axis=0) + np.einsum("nd,nd->n", some, some), 0))
    return nearest, away


def components(values: Array, rows: Array, *others: Array, most: int = COMPONENTS) -> list[Array]:
    """Principal components of `values` and `others`, as those of `values[rows]`: `(N, ≤ most)` float32 each."""
    axes = _axes(values[_some(rows)], most)
    return [_along([axes], values.__getitem__, _batches(len(values)))[0] for values in (values, *others)]


def pixel_components(images: Any, rows: Sequence[Array], *others: Any) -> list[list[Array]]:
    """Principal components of pixels, downscaled, which are never held all at once.

    Args:
        images: `(N, H, W, C)`, an array or what slices like one.
        rows: of some of the images each, whose axes are taken.
        others: more images, seen along the same axes.

    Returns:
        For each of the `rows`, the components of `images` and `others`: `(N, ≤ COMPONENTS)` float32.
    """
    axes = [_axes(pixel_rows(Joined([images], _some(each)), _flat), COMPONENTS) for each in rows]
    found = []
    for of in (images, *others):

        def read(part: slice, of: Any = of) -> Array:
            return _flat(np.asarray(of[part]))

        found.append(_along(axes, read, portions(of)))
    return [list(each) for each in zip(*found, strict=True)]


def _flat(images: Array) -> Array:
    small = block_means(as_floats(images), SIDE)
    return small.reshape(len(small), -1)


def _some(rows: Array) -> Array:
    return rows[:: max(len(rows) // 3000, 1)]


def _batches(count: int, size: int = 8192) -> Iterator[slice]:
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


def _axes(base: Array, most: int) -> PCA:
    from sklearn.decomposition import PCA

    count = min(most, *base.shape)
    solver = "randomized" if min(base.shape) > 2 * most else "full"
    return PCA(count, svd_solver=solver, random_state=0).fit(base)


def _along(axes: Sequence[PCA], read: Callable[[slice], Array], parts: Iterable[slice]) -> list[Array]:
    """Return where each row lies along each of some axes; rows are read once, a part at a time."""
    found: list[list[Array]] = [[] for _ in axes]
    for part in parts:
        values = read(part)
        for places, each in zip(found, axes, strict=True):
            places.append(np.asarray(each.transform(values), np.float32))
    return [
        np.concatenate(places or [np.zeros((0, each.n_components_), np.float32)])
        for places, each in zip(found, axes, strict=True)
    ]

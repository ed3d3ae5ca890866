"""Images that stand more than once in a dataset: byte for byte, nearly, mirrored, turned, or a pixel aside."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workbench.core.dataset import Dataset
from workbench.core.progress import report
from workbench.core.types import Array
from workbench.data.lazy_images import portions
from workbench.data.thumbnails import comparable
from workbench.statistics.moves import MIRRORED, SHIFTED, TURNED, Moves
from workbench.statistics.nearest import close_pairs, nearest
from workbench.statistics.nearness import NEIGHBOUR, SHARE, Scale, scale_of

EXACT, NEAR = "exact", "near"
WAYS = (EXACT, NEAR, MIRRORED, TURNED, SHIFTED)
"""How one image is a copy of another."""
SAMPLE = 1000
"""Images whose neighbours tell the scale."""
CHECKED = 6000
"""Images that are judged by their own neighbours; of very many fewer."""
COMPARED = 2_000_000_000
"""Images that these are compared with, all in all."""
LEAST = 20
"""Images that are enough to judge."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of copies.

    Attributes:
        images: `(P, 2)` int64, numbers of images.
        ways: `(P,)` int64, places in `WAYS`.
        distances: `(P,)` float64, between pictures with values in [0, 1]; 0 for what was moved.
    """

    images: Array
    ways: Array
    distances: Array

    def __len__(self) -> int:
        return len(self.images)

    @property
    def counts(self) -> dict[str, int]:
        """Pairs of each way."""
        return dict(zip(WAYS, np.bincount(self.ways, minlength=len(WAYS)).tolist(), strict=True))


@dataclass(frozen=True, eq=False, kw_only=True)
class Copies:
    """Images of several parts, which of them are equal, and which are nearly equal or moved.

    An image has a number over all parts: those of the first part come first.

    Attributes:
        part: `(N,)` int64, the part of each image.
        group: `(N,)` int64; byte for byte equal images form one group.
        heads: `(G, parts)` int64, first image of each group in each part; -1 where it has none.
        links: `(L, 2)` int64, groups that are copies of each other in another way.
        ways: `(L,)` int64, places in `WAYS`.
        distances: `(L,)` float64, between pictures with values in [0, 1]; 0 for what was moved.
        closest: `(m, 2)` int64, numbers of the closest pairs that are no copies.
        spaces: `(m,)` float64, their distances.
        scale: what is near.
    """

    part: Array
    group: Array
    heads: Array
    links: Array
    ways: Array
    distances: Array
    closest: Array
    spaces: Array
    scale: Scale

    def pairs(self, one: int, other: int) -> Pairs:
        """List the copies between two parts, or within one: equal ones first, then the nearest, then what was moved.

        Of equal images within a part each stands with the first; between parts, each of `one` with the first of
        `other`. What is equal to a near copy is not listed once more.
        """
        images = np.flatnonzero(self.part == one)
        heads = self.heads[self.group[images], other]
        equal = (heads >= 0) & (heads != images)
        found = [np.stack([images[equal], heads[equal]], axis=1)]
        ways, distances = [np.zeros(len(found[0]), np.int64)], [np.zeros(len(found[0]))]
        for a, b in [(0, 1), (1, 0)][: 1 if one == other else 2]:
            linked = np.stack([self.heads[self.links[:, a], one], self.heads[self.links[:, b], other]], axis=1)
            known = (linked >= 0).all(axis=1)
            found.append(linked[known])
            ways.append(self.ways[known])
            distances.append(self.distances[known])
        pairs, way, apart = np.concatenate(found), np.concatenate(ways), np.concatenate(distances)
        pairs = np.sort(pairs, axis=1) if one == other else pairs
        order = np.lexsort((pairs[:, 1], pairs[:, 0], apart, np.where(way > 1, way, 0)))
        once = np.sort(np.unique(pairs[order], axis=0, return_index=True)[1])
        return Pairs(pairs[order][once], way[order][once], apart[order][once])

    def copied(self, one: int, other: int) -> Array:
        """Numbers of the images of `one` that have a copy in `other`; within a part, an earlier one."""
        images = np.flatnonzero(self.part == one)
        group = self.group[images]
        if one != other:
            has: Array = self.heads[:, other] >= 0
            for a, b in (self.links.T, self.links[:, ::-1].T):
                has[a[self.heads[b, other] >= 0]] = True
            return images[has[group]]
        own = self.heads[:, one]
        later: Array = np.zeros(len(own), bool)
        for a, b in (self.links.T, self.links[:, ::-1].T):
            later[a[(own[b] >= 0) & (own[b] < own[a])]] = True
        return images[(own[group] != images) | later[group]]


def find_copies(datasets: Sequence[Dataset], *, near: bool = True, moved: bool = True) -> Copies:
    """Find the copies within and between parts with images of one size.

    A near copy is nearer than a share of the distance at which either image has its fifth neighbour. That share is
    0.25; less where the data has so few dimensions that chance would bring images that near, and more where the data's
    own distances leave room: then copies that were brightened, blurred or saved anew are found, too.

    Source: cleanlab's near duplicates (distance against the data's own nearest-neighbour distances), taken at each
    image's own place; intrinsic dimension after Levina and Bickel 2004, NIPS 17, from second and fifth neighbours.

    Args:
        datasets: the parts.
        near: whether near copies are looked for.
        moved: whether mirrored, turned and shifted ones are looked for.
    """
    part = np.repeat(np.arange(len(datasets)), [len(each) for each in datasets])
    moves = Moves(*datasets[0].image_shape) if moved else None
    digests, pictures, codes = _read(datasets, moves)
    _, first, group = np.unique(digests, return_index=True, return_inverse=True)
    order = np.argsort(first)  # groups in the order of their first images
    first, group = first[order], np.argsort(order)[group]
    if len(first) < len(digests):
        pictures, codes = pictures[first], codes[first]
    heads = np.full((len(first), len(datasets)), len(part))
    np.minimum.at(heads, (group, part), np.arange(len(part)))
    heads[heads == len(part)] = -1
    links, ways, distances = [np.zeros((0, 2), np.int64)], [np.zeros(0, np.int64)], [np.zeros(0)]
    closest, spaces, scale = links[0], distances[0], Scale()
    if near and len(first) >= LEAST:
        scale = geometry(pictures)
        pairs, apart = close_pairs(
            pictures, (1.2 * SHARE if scale.share <= SHARE else 1.5 * scale.share) * scale.distance
        )
        same = apart <= scale.share * _here(pictures, pairs, scale)
        links.append(pairs[same])
        ways.append(np.full(int(same.sum()), WAYS.index(NEAR)))
        distances.append(apart[same] / 255)
        closest, spaces = first[pairs[~same][:SAMPLE]], apart[~same][:SAMPLE] / 255
    if moves is not None:
        for way, pairs in moves.matches(codes).items():
            links.append(pairs)
            ways.append(np.full(len(pairs), WAYS.index(way)))
            distances.append(np.zeros(len(pairs)))
    return Copies(
        part=part,
        group=group,
        heads=heads,
        links=np.concatenate(links),
        ways=np.concatenate(ways),
        distances=np.concatenate(distances),
        closest=closest,
        spaces=spaces,
        scale=scale,
    )


def _read(datasets: Sequence[Dataset], moves: Moves | None) -> tuple[Array, Array, Array]:
    """Read all images once: `(N,)` digests, `(N, d)` uint8 small pictures, and `(N, M)` codes."""
    total, start = sum(len(each) for each in datasets), 0
    digests, found = np.empty(total, np.uint64), list[Array]()
    for dataset in datasets:
        for batch in portions(dataset.images):
            images = np.ascontiguousarray(dataset.images[batch])
            both = (
                comparable(images).reshape(len(images), -1),
                moves.codes(images) if moves else np.zeros((len(images), 0)),
            )
            if not found:  # at once as large as they will be: of a million images there is no room for them twice
                found = [np.empty((total, each.shape[1]), each.dtype) for each in both]
            part = slice(start, start := start + len(images))
            told = b"".join(hashlib.blake2b(image.tobytes(), digest_size=8).digest() for image in images)
            digests[part] = np.frombuffer(told, np.uint64)
            for place, each in zip(found, both, strict=True):
                place[part] = each
            report("Reading images", start, total)
    return digests, found[0], found[1]


def geometry(vectors: Array) -> Scale:
    """Say what is near among `(N, D)` vectors, from the neighbours of a sample of them."""
    some = np.unique(np.linspace(0, len(vectors) - 1, min(SAMPLE, len(vectors))).round().astype(np.int64))
    apart = nearest(vectors[some], vectors, NEIGHBOUR + 1)[0][:, 1:]  # the first is the image itself
    return scale_of(apart, len(vectors))


def _here(vectors: Array, pairs: Array, scale: Scale) -> Array:
    """Distance to the fifth neighbour of each pair's two images, the smaller: `(P,)`."""
    rows, where = np.unique(pairs, return_inverse=True)
    order = np.unique(where.ravel(), return_index=True)[1]  # where each row stands first: closest pairs come first
    chosen = np.argsort(order, kind="stable")[: min(CHECKED, COMPARED // max(len(vectors), 1))]
    fifth = np.full(len(rows), scale.distance / 2)
    if len(chosen):
        fifth[chosen] = nearest(vectors[rows[chosen]], vectors, NEIGHBOUR + 1)[0][:, -1]
    return np.asarray(fifth[where.reshape(pairs.shape)].min(axis=1)) if len(pairs) else np.zeros(0)

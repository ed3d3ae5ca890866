"""Nearest neighbours and close pairs among many vectors: exactly, and where there are very many by an index.

scikit-learn finds the neighbours. Close pairs are ours: of 70,000 pictures of 28×28 pixels, `radius_neighbors` takes 34
times as long (17 times, if it found each pair once), and scipy's `cKDTree.query_pairs` on the same projection 1.4
times, with no bound on how many pairs it holds. A matrix product gives all squared distances of a tile at once; it
rounds, so what may lie within the radius is summed anew from differences. Above `near_index.MOST_EXACT` vectors an
index finds what is compared, at least 98 % of it by a sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self, cast

import numpy as np

from workbench.core.progress import report
from workbench.core.types import Array
from workbench.statistics.near_index import NearIndex, pays

BLOCK = 32
"""Columns of a tile that share a minimum."""
VALUES, QUERIES = 32_000_000, 4096
"""Values whose differences are summed at once, 128 MB; queries that are asked at once."""
THINNED = 8
"""Each how manieth value is compared before all of them are."""
BESIDE, MOST_BESIDE, TRIED = 16, 1024, 200
"""Neighbours that are looked at where an index seeks close pairs, and at most, where all of these are close; and rows
by which it is chosen what it looks at."""
BLOCK_VALUES = 2**25
"""Values of a block of rows that are compared as floats: 128 MB as float32."""
AXES, ROWS = 48, 512
"""Principal axes on which close pairs are sought, and rows that are compared at once."""


def nearest(queries: Array, base: Array, k: int, *, own: Array | None = None) -> tuple[Array, Array]:
    """Find the k nearest rows of `base` for each query, by Euclidean distance.

    Args:
        queries: `(Q, D)` numbers.
        base: `(N, D)` numbers.
        k: neighbours wanted.
        own: `(Q,)` int, the row of `base` that each query itself is and that is no neighbour of it; -1 for none.

    Returns:
        Distances `(Q, k')` float64, ascending, of equal ones the smaller row first, and rows of `base` `(Q, k')` int64;
        k' is k, or where there are fewer rows, as many as every query has.
    """
    queries, base = np.asarray(queries), np.asarray(base)
    if not base.shape[1]:  # nothing tells them apart, so all are equally near; scikit-learn refuses D = 0
        queries, base = (np.zeros((len(each), 1), np.float32) for each in (queries, base))
    itself = own is not None and bool((own >= 0).any())
    k = max(min(k, len(base) - itself), 0)
    distances, rows = np.zeros((len(queries), k)), np.zeros((len(queries), k), np.int64)
    if k == 0 or not len(queries):
        return distances, rows
    look: _Exact | _Likely = (_Likely if pays(len(base), len(queries)) else _Exact)(base, k + itself)
    size = max(1, min(QUERIES, VALUES // ((k + itself) * max(base.shape[1], 1))))
    for start in range(0, len(queries), size):
        part = slice(start, min(start + size, len(queries)))
        apart, found = look.nearest(queries[part])
        if own is not None and itself:
            left_out = found == own[part, None]
            left_out[~left_out.any(axis=1), -1] = True  # a copy took its place, or it is not there: the last one goes
            apart, found = (each[~left_out].reshape(-1, k) for each in (apart, found))
        distances[part], rows[part] = apart, found
        report("Nearest neighbours", part.stop, len(queries))
    return distances, rows


def close_pairs(vectors: Array, radius: float, *, most: int = 200_000) -> tuple[Array, Array]:
    """Find the pairs of rows that are no farther apart than `radius`, closest first.

    Pairs are sought on the first principal axes and the length of the rest: a projection never lengthens a distance,
    nor does the difference of two lengths exceed that of the vectors, so no pair is lost; what is found is checked in
    full. Of more than `near_index.MOST_EXACT` rows an index finds the neighbours that are compared: nearly all pairs
    then, and of a row with more than `MOST_BESIDE` others as close, as many. It is one of all values where the axes do
    not tell what is close, as among images of one look before noise.

    Args:
        vectors: `(N, D)` numbers.
        radius: largest distance.
        most: pairs to keep; of more, the closest.

    Returns:
        Rows `(P, 2)` int64, the smaller first, and distances `(P,)` float64, ascending.
    """
    count, found, known, pending = len(vectors), np.zeros((0, 2), np.int64), np.zeros(0), []
    if count < 2:
        return found, known
    shadow = _Projection.of(vectors).shadow(vectors)
    order = np.argsort(shadow[:, 0], kind="stable")  # so that only rows near each other in this order are compared
    if not pays(count, count):
        index: _Tiles | _Lists = _Tiles(shadow[order])
    elif _tells(shadow, vectors, radius, most):
        index = _Lists(shadow[order])
    else:
        index, order = _Lists(vectors), np.arange(count)
    first = shadow[order, 0].astype(np.float64)
    # Noise lies along no axis: of a few values alone most pairs are farther apart already.
    some = np.ascontiguousarray(vectors[:, ::THINNED]) if vectors.shape[1] >= 32 * THINNED else None
    for start in range(0, count, ROWS):
        end = min(start + ROWS, count)
        reach = radius * (1 + 1e-5) + 1e-6 * float(np.abs(first).max())
        pairs = order[index.within(start, end, int(np.searchsorted(first, first[end - 1] + reach, "right")), radius)]
        if some is not None:
            pairs = pairs[_apart(some, pairs) <= radius]
        distances = _apart(vectors, pairs)
        near = distances <= radius
        pending.append((np.sort(pairs[near], axis=1), distances[near]))
        if sum(len(each) for _, each in pending) > most:
            found, known = _closest([(found, known), *pending], most)
            radius, pending = (min(radius, float(known[-1])) if len(known) == most else radius), []
        report("Close pairs", end, count)
    return _closest([(found, known), *pending], most)


def _numbers(values: Array) -> Array:
    """Return `(N, D)` values as floats; float32, unless they came with more digits."""
    values = np.asarray(values)
    return np.ascontiguousarray(values, None if values.dtype in (np.float32, np.float64) else np.float32)


def _apart(vectors: Array, pairs: Array) -> Array:
    """Distances of pairs of rows: `(P,)` float64, a part at a time."""
    distances, size = np.zeros(len(pairs)), max(1, VALUES // (4 * vectors.shape[1]))
    for start in range(0, len(pairs), size):
        one, other = pairs[start : start + size].T
        difference = _numbers(vectors[one]) - _numbers(vectors[other])
        distances[start : start + size] = np.sqrt(np.einsum("pd,pd->p", difference, difference, dtype=np.float64))
    return distances


def _tells(shadow: Array, vectors: Array, radius: float, most: int) -> bool:
    """Whether few rows seem to be within the radius on the axes, by a sample.

    Args:
        shadow: `(N, d)`.
        vectors: `(N, D)`.
        radius: largest distance, before `most` pairs are found.
        most: pairs that are kept, the closest.
    """
    some = np.unique(np.linspace(0, len(vectors) - 1, TRIED).astype(np.int64))
    apart = np.sort(_Exact(vectors, BESIDE + 1).nearest(vectors[some])[0][:, 1:], axis=None)
    place = 2 * most * len(some) // len(vectors)  # of what all of them have, each pair twice
    end = min(radius, float(apart[place])) if place < len(apart) else radius
    return bool((_Exact(shadow, BESIDE + 1).nearest(shadow[some])[0][:, -1] > end).mean() >= 0.5)


def _closest(parts: list[tuple[Array, Array]], most: int) -> tuple[Array, Array]:
    pairs, distances = (np.concatenate(each) for each in zip(*parts, strict=True))
    order = np.lexsort((pairs[:, 1], pairs[:, 0], distances))
    first = np.diff(pairs[order], axis=0, prepend=-1).any(axis=1)  # else it was found from either side
    order = order[first][:most]
    return pairs[order], distances[order]


@dataclass(frozen=True, eq=False)
class _Projection:
    """First principal axes, the longest first, and the length of what is left over.

    Attributes:
        centre: `(D,)` float32.
        axes: `(D, d)` float32.
    """

    centre: Array
    axes: Array

    @classmethod
    def of(cls, vectors: Array) -> Self:
        some = vectors[:: -(-len(vectors) // 10_000)].astype(np.float32)
        centre = some.mean(axis=0)
        some -= centre
        few = len(some) < some.shape[1]  # their own products are the smaller matrix
        axes = np.linalg.eigh(some @ some.T if few else some.T @ some)[1][:, : -AXES - 1 : -1]
        axes = some.T @ axes if few else axes
        return cls(centre, np.linalg.qr(axes.astype(np.float64))[0].astype(np.float32))

    def shadow(self, vectors: Array) -> Array:
        """Turn `(N, D)` vectors: `(N, d + 1)` float32."""
        shadow = np.empty((len(vectors), self.axes.shape[1] + 1), np.float32)
        for start in range(0, len(vectors), 4096):
            part = slice(start, start + 4096)
            centred = vectors[part].astype(np.float32) - self.centre
            shadow[part, :-1] = centred @ self.axes
            centred -= shadow[part, :-1] @ self.axes.T
            shadow[part, -1] = np.sqrt(np.einsum("nd,nd->n", centred, centred))
        return shadow


class _Tiles:
    """Rows prepared for products: `[-2a, |a|², 1] · [b, 1, |b|²]` is the squared distance of a and b."""

    def __init__(self, rows: Array) -> None:
        self.count, dimensions = rows.shape
        self.width = -(-self.count // BLOCK) * BLOCK
        self.table = np.zeros((self.width, dimensions + 2), np.float32)
        self.table[: self.count, :-2] = rows - rows.mean(axis=0, dtype=np.float64)
        self.table[:, -2] = 1
        self.table[:, -1] = np.einsum("nd,nd->n", self.table[:, :-2], self.table[:, :-2])
        rounding = 4 * float(np.finfo(np.float32).eps) * np.sqrt(dimensions + 2)
        self.error = 16 * rounding * float(self.table[: self.count, -1].max())
        self.table[self.count :, -1] = 1e30  # what fills the last block is far from everything

    def within(self, start: int, end: int, last: int, radius: float) -> Array:
        """Return the pairs of a row of start…end and a later one before `last` that may lie within `radius`: (P, 2)."""
        first, last = start // BLOCK * BLOCK, min(-(-last // BLOCK) * BLOCK, self.width)
        asked = self.table[start:end].copy()
        asked[:, [-2, -1]] = asked[:, [-1, -2]]
        asked[:, :-2] *= -2
        limit = np.float32(radius**2 + self.error)
        blocks = (asked @ self.table[first:last].T).reshape(len(asked), BLOCK, -1)
        which, block = np.nonzero(blocks.min(axis=1) <= limit)
        found = [np.zeros((0, 2), np.int64)]
        for at in range(0, len(which), 500_000):
            one, column = which[at : at + 500_000], block[at : at + 500_000]
            hit, place = np.nonzero(blocks[one, :, column] <= limit)
            pairs = np.stack([start + one[hit], first + place * blocks.shape[2] + column[hit]], axis=1)
            found.append(pairs[(pairs[:, 0] < pairs[:, 1]) & (pairs[:, 1] < self.count)])
        return np.concatenate(found)


class _Lists:
    """The same by an index: the nearest of each row, more of them as long as the last one lies within the radius."""

    def __init__(self, rows: Array) -> None:
        self._rows, self._index = rows, NearIndex(rows)
        some = self._index.sample
        asked = _numbers(rows[some])
        last = _Exact(rows, BESIDE).nearest(asked)[0][:, -1:] * (1 + 1e-6)

        def recall() -> float:
            found = self._index.nearest(rows[some], BESIDE)
            others = found != some[:, None]
            return float(((_apart_from(asked, rows, found) <= last) & others).sum() / max(int(others.sum()), 1))

        self._index.tune(recall)

    def within(self, start: int, end: int, _: int, radius: float) -> Array:
        """Return pairs of a row of start…end and another one that may lie within `radius`: (P, 2)."""
        asked, k, pairs = np.arange(start, end), BESIDE, list[Array]()
        while len(asked):
            k = min(k, len(self._rows))
            rows = self._index.nearest(self._rows[asked], k)
            near, size = np.empty(rows.shape, bool), max(1, VALUES // (k * self._rows.shape[1]))
            for at in range(0, len(asked), size):
                part = slice(at, at + size)
                apart = _apart_from(_numbers(self._rows[asked[part]]), self._rows, rows[part])
                near[part] = apart <= radius * (1 + 1e-4)
            crowded = np.asarray(near.all(axis=1) & (k < min(MOST_BESIDE, len(self._rows))))
            place, which = np.nonzero(near & ~crowded[:, None] & (rows != asked[:, None]))
            pairs.append(np.stack([asked[place], rows[place, which]], axis=1))
            asked, k = asked[crowded], 4 * k
        return np.concatenate(pairs)


class _Exact:
    """The k nearest of all rows; of very many, a block of them after the other."""

    def __init__(self, base: Array, k: int) -> None:
        self._base, self._k = base, k
        step = max(k, BLOCK_VALUES // max(base.shape[1], 1))
        ends = [*range(step, len(base) - k + 1, step), len(base)]  # each has k rows at least
        self._blocks = list(zip([0, *ends], ends, strict=False))
        self._index = self._of(*self._blocks[0]) if len(self._blocks) == 1 else None

    def nearest(self, queries: Array) -> tuple[Array, Array]:
        """Return distances `(Q, k)` float64, ascending, and rows."""
        queries, best = _numbers(queries), None
        for start, end in self._blocks:
            index = self._index or self._of(start, end)
            rows = start + index.kneighbors(queries, self._k, return_distance=False)
            found = _ranked(queries, self._base, rows, self._k)
            best = found if best is None else _nearer(best, found, self._k)
        return cast("tuple[Array, Array]", best)

    def _of(self, start: int, end: int) -> Any:
        from sklearn.neighbors import NearestNeighbors

        return NearestNeighbors(algorithm="brute").fit(_numbers(self._base[start:end]))


class _Likely:
    """The k nearest by an index; of one that rounds, more are taken and compared in full."""

    def __init__(self, base: Array, k: int) -> None:
        self._base, self._index = base, NearIndex(base)
        some = self._index.sample
        self._k = k + 1  # each of the sample finds itself, which is nothing to be proud of
        last = _Exact(base, self._k).nearest(base[some])[0][:, -1:] * (1 + 1e-6)

        def recall() -> float:
            apart, rows = self.nearest(base[some])
            others = rows != some[:, None]
            return float(((apart <= last) & others).sum() / max(int(others.sum()), 1))

        self._index.tune(recall)
        self._k = k

    def nearest(self, queries: Array) -> tuple[Array, Array]:
        """Return distances `(Q, k)` float64, ascending, and rows."""
        rows = self._index.nearest(queries, self._k if self._index.exact else 2 * self._k)
        return _ranked(_numbers(queries), self._base, rows, self._k)


def _nearer(one: tuple[Array, Array], other: tuple[Array, Array], k: int) -> tuple[Array, Array]:
    """Return the k nearest of two lists of neighbours each query; of equal ones the smaller row first."""
    apart, rows = (np.concatenate(each, axis=1) for each in zip(one, other, strict=True))
    order = np.lexsort((rows, apart), axis=1)[:, :k]
    return np.take_along_axis(apart, order, axis=1), np.take_along_axis(rows, order, axis=1)


def _ranked(queries: Array, base: Array, rows: Array, k: int) -> tuple[Array, Array]:
    """Return distances and rows of the k nearest of `(Q, m)` rows; of equal ones the smaller row first."""
    found = np.sort(rows, axis=1)
    apart = _apart_from(queries, base, found)
    order = np.argsort(apart, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(apart, order, axis=1), np.take_along_axis(found, order, axis=1)


def _apart_from(queries: Array, base: Array, rows: Array) -> Array:
    """Distances `(Q, m)` float64 of each query from its `rows` of `base`, summed from differences."""
    difference = _numbers(base[rows]) - queries[:, None]
    return np.sqrt(np.einsum("qmd,qmd->qm", difference, difference, dtype=np.float64))

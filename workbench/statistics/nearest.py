"""Nearest neighbours and close pairs among many vectors, exactly: a matrix product finds candidates, sums check them.

A product of matrices gives all squared distances of a tile at once, but rounds; so more candidates than wanted
are kept, their distances are summed anew from differences, and where rounding could have hidden a nearer one, the
query is done again in float64. Of a tile only the minima of its blocks are searched: the k smallest values lie in the
k blocks with the smallest minima.
"""

from __future__ import annotations

import numpy as np

from workbench.core.progress import report
from workbench.core.types import Array

BLOCK = 32
"""Columns of a tile that share a minimum."""
TILE = 32_000_000
"""Values of a tile, 128 MB."""
SPARE = 8
"""Candidates beyond the k wanted."""
AXES, ROWS = 48, 512
"""Principal axes on which close pairs are sought, and rows that are compared at once."""


def nearest(queries: Array, base: Array, k: int, *, itself: bool = False) -> tuple[Array, Array]:
    """Find the k nearest rows of `base` for each query, by Euclidean distance, exactly.

    Args:
        queries: `(Q, D)` numbers.
        base: `(N, D)` numbers.
        k: neighbours wanted.
        itself: whether `queries` are `base`, row for row, so that a row is not its own neighbour.

    Returns:
        Distances `(Q, k')` float64, ascending, and rows of `base` `(Q, k')` int64; k' is k, or N (N - 1 with
        `itself`) where there are fewer.
    """
    queries, base = _numbers(queries), _numbers(base)
    k = min(k, len(base) - itself)
    distances, rows = np.zeros((len(queries), max(k, 0))), np.zeros((len(queries), max(k, 0)), np.int64)
    if k <= 0 or not len(queries):
        return distances, rows
    index = _Index(base, np.float32)
    again, size = [], max(1, min(TILE // index.width, TILE // ((k + SPARE) * max(base.shape[1], BLOCK))))
    for start in range(0, len(queries), size):
        part = slice(start, min(start + size, len(queries)))
        own = np.arange(part.start, part.stop) if itself else None
        distances[part], rows[part], sure = index.search(queries[part], k, own)
        again.append(start + np.flatnonzero(~sure))
        report("Nearest neighbours", part.stop, len(queries))
    unsure = np.concatenate(again)
    index = _Index(base, np.float64) if len(unsure) else index
    for start in range(0, len(unsure), size):
        some = unsure[start : start + size]
        distances[some], rows[some], _ = index.search(queries[some], k, some if itself else None)
    return distances, rows


def close_pairs(vectors: Array, radius: float, *, most: int = 200_000) -> tuple[Array, Array]:
    """Find all pairs of rows that are no farther apart than `radius`, closest first.

    Pairs are sought on the first principal axes and the length of the rest: a projection never lengthens a distance,
    nor does the difference of two lengths exceed that of the vectors, so no pair is lost; what is found is checked in
    full.

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
    shadow = _shadow(vectors)
    order = np.argsort(shadow[:, 0], kind="stable")  # so that only rows near each other in this order are compared
    index, first = _Index(shadow[order], np.float32), shadow[order, 0].astype(np.float64)
    for start in range(0, count, ROWS):
        end = min(start + ROWS, count)
        reach = radius * (1 + 1e-5) + 1e-6 * float(np.abs(first).max())
        pairs = order[index.within(start, end, int(np.searchsorted(first, first[end - 1] + reach, "right")), radius)]
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
    return values if values.dtype in (np.float32, np.float64) else values.astype(np.float32)


def _apart(vectors: Array, pairs: Array) -> Array:
    """Distances of pairs of rows: `(P,)` float64, a part at a time."""
    distances, size = np.zeros(len(pairs)), max(1, TILE // (4 * vectors.shape[1]))
    for start in range(0, len(pairs), size):
        one, other = pairs[start : start + size].T
        difference = _numbers(vectors[one]) - _numbers(vectors[other])
        distances[start : start + size] = np.sqrt(np.einsum("pd,pd->p", difference, difference, dtype=np.float64))
    return distances


def _closest(parts: list[tuple[Array, Array]], most: int) -> tuple[Array, Array]:
    pairs, distances = (np.concatenate(each) for each in zip(*parts, strict=True))
    order = np.lexsort((pairs[:, 1], pairs[:, 0], distances))[:most]
    return pairs[order], distances[order]


def _shadow(vectors: Array) -> Array:
    """Turn to the first principal axes, the longest first, and add the length of what is left over."""
    some = vectors[:: -(-len(vectors) // 10_000)].astype(np.float32)
    centre = some.mean(axis=0)
    some -= centre
    axes = np.linalg.eigh(some.T @ some)[1][:, : -AXES - 1 : -1]
    axes = np.linalg.qr(axes.astype(np.float64))[0].astype(np.float32)
    shadow = np.empty((len(vectors), axes.shape[1] + 1), np.float32)
    for start in range(0, len(vectors), 4096):
        part = slice(start, start + 4096)
        centred = vectors[part].astype(np.float32) - centre
        shadow[part, :-1] = centred @ axes
        centred -= shadow[part, :-1] @ axes.T
        shadow[part, -1] = np.sqrt(np.einsum("nd,nd->n", centred, centred))
    return shadow


class _Index:
    """Rows prepared for products: `[-2q, 1, |q|²] · [b, |b|², 1]` is the squared distance of q and b."""

    def __init__(self, base: Array, precision: type) -> None:
        self.base, self.centre = base, base.mean(axis=0, dtype=np.float64)
        self.count, dimensions = base.shape
        self.width = -(-self.count // BLOCK) * BLOCK
        self.table = np.zeros((self.width, dimensions + 2), precision)
        self.table[: self.count, :-2] = base - self.centre
        self.table[:, -2] = np.einsum("nd,nd->n", self.table[:, :-2], self.table[:, :-2])
        self.table[:, -1] = 1
        self.table[self.count :, -2] = 1e30  # what fills the last block is far from everything
        self.error = 4 * float(np.finfo(precision).eps) * np.sqrt(dimensions + 2)
        self.reach = float(self.table[: self.count, -2].max())

    def asked(self, queries: Array) -> Array:
        """Prepare queries in the same way."""
        table = np.empty((len(queries), queries.shape[1] + 2), self.table.dtype)
        table[:, :-2] = queries - self.centre
        table[:, -1] = np.einsum("nd,nd->n", table[:, :-2], table[:, :-2])
        table[:, :-2] *= -2
        table[:, -2] = 1
        return table

    def search(self, queries: Array, k: int, own: Array | None) -> tuple[Array, Array, Array]:
        """Return distances and rows of the k nearest, and whether rounding cannot have hidden a nearer one."""
        asked, each = self.asked(queries), np.arange(len(queries))[:, None]
        tile = asked @ self.table.T
        if own is not None:
            tile[each[:, 0], own] = np.inf
        wanted = min(k + SPARE, self.count)
        blocks = tile.reshape(len(tile), BLOCK, -1)  # block b holds the columns b, b + n, b + 2n, …
        minima = blocks.min(axis=1)
        chosen = _smallest(minima, wanted)
        columns = (chosen[:, :, None] + np.arange(BLOCK) * blocks.shape[2]).reshape(len(tile), -1)
        values = tile[each, columns]
        order = _smallest(values, wanted)
        rows, values = columns[each, order], values[each, order]
        rows[~np.isfinite(values) | (values >= 1e29)] = -1
        distances = _apart_from(queries, self.base, rows)
        place = np.argsort(distances, axis=1, kind="stable")[:, :k]
        distances, rows = distances[each, place], rows[each, place]
        doubt = self.error * (np.sqrt(asked[:, -1].astype(np.float64)) + self.reach**0.5) ** 2
        worst = distances[:, -1]
        sure = (worst**2 <= values.max(axis=1) - doubt) | (worst == 0) | (wanted == self.count)
        return distances, rows, sure

    def within(self, start: int, end: int, last: int, radius: float) -> Array:
        """Return the pairs of a row of start…end and a later one before `last` that may lie within `radius`: (P, 2)."""
        first, last = start // BLOCK * BLOCK, min(-(-last // BLOCK) * BLOCK, self.width)
        asked = self.table[start:end].copy()
        asked[:, [-2, -1]] = asked[:, [-1, -2]]
        asked[:, :-2] *= -2
        limit = np.float32(radius**2 + 16 * self.error * self.reach)
        blocks = (asked @ self.table[first:last].T).reshape(len(asked), BLOCK, -1)
        which, block = np.nonzero(blocks.min(axis=1) <= limit)
        found = [np.zeros((0, 2), np.int64)]
        for at in range(0, len(which), 500_000):
            one, column = which[at : at + 500_000], block[at : at + 500_000]
            hit, place = np.nonzero(blocks[one, :, column] <= limit)
            pairs = np.stack([start + one[hit], first + place * blocks.shape[2] + column[hit]], axis=1)
            found.append(pairs[(pairs[:, 0] < pairs[:, 1]) & (pairs[:, 1] < self.count)])
        return np.concatenate(found)


def _smallest(values: Array, count: int) -> Array:
    """Columns of the `count` smallest values of each row, in no order."""
    if count >= values.shape[1]:
        return np.broadcast_to(np.arange(values.shape[1]), values.shape)
    return np.argpartition(values, count - 1, axis=1)[:, :count]


def _apart_from(queries: Array, base: Array, rows: Array) -> Array:
    """Distances `(Q, m)` float64 of each query from its `rows` of `base`; infinite where a row is -1."""
    difference = base[rows] - queries[:, None]
    distances = np.sqrt(np.einsum("qmd,qmd->qm", difference, difference, dtype=np.float64))
    distances[rows < 0] = np.inf
    return distances

"""An index of very many vectors, which looks for neighbours only where they are likely; by faiss."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np

from workbench.core.types import Array

LOG = logging.getLogger("workbench.statistics.near_index")
MOST_EXACT = 200_000
"""Vectors up to which everything is compared."""
RECALL = 0.98
"""Share of the true neighbours of a sample that must be found."""
SAMPLE = 400
"""Vectors of that sample."""
AT_ONCE = 8192
"""Vectors that are added or asked at once."""
POINTS = 40
"""Vectors for each list from which the lists are found."""
NARROW, WIDE = 96, 256
"""Values of a vector up to which there are more lists, since it costs little to find them; and from which on an index
of floats has a byte for each."""


def pays(count: int, asked: int) -> bool:
    """Whether so many vectors are asked of so many that an index is worth it, and faiss is installed."""
    if count <= MOST_EXACT or asked <= MOST_EXACT // 100:
        return False
    if find_spec("faiss") is None:
        LOG.warning(
            "All of %s vectors are compared with each other, which takes long: an index comes with "
            "pip install 'classifier-workbench[large]'.",
            f"{count:,}",
        )
        return False
    return True


class NearIndex:
    """Lists of vectors near each other, of which the nearest few are looked through.

    How many is found by a sample of the vectors: as few as have `RECALL` of what is found among all of them.

    Source: inverted lists of Jégou et al. 2011, doi:10.1109/TPAMI.2010.57, by faiss (arXiv:2401.08281).

    Attributes:
        exact: whether its vectors are exact; those of many floats are rounded to 256 steps.
        lists: how many of them are looked through.
        recall: that was measured with so many.
        sample: `(n,)` int, rows by which it is measured.

    Args:
        vectors: `(N, D)` float, or uint8.
        seed: of the lists, and of the sample.
    """

    def __init__(self, vectors: Array, *, seed: int = 0) -> None:
        import faiss

        count, dimensions = vectors.shape
        lists = max(1, int((4 if dimensions <= NARROW else 1) * np.sqrt(count)))
        coarse, bytes_of = faiss.IndexFlatL2(dimensions), faiss.ScalarQuantizer
        self.exact = vectors.dtype == np.uint8 or dimensions <= WIDE
        if self.exact and vectors.dtype != np.uint8:
            self._index: Any = faiss.IndexIVFFlat(coarse, dimensions, lists)
        else:
            kind = bytes_of.QT_8bit_direct if vectors.dtype == np.uint8 else bytes_of.QT_8bit
            self._index = faiss.IndexIVFScalarQuantizer(coarse, dimensions, lists, kind, faiss.METRIC_L2, False)
        self._index.cp.seed = 1234 + seed
        chance = np.random.default_rng(seed)
        some = np.sort(chance.choice(count, min(count, POINTS * lists), replace=False))
        self._index.cp.max_points_per_centroid = POINTS
        self._index.train(_plain(vectors[some]))
        for start in range(0, count, AT_ONCE):
            self._index.add(_plain(vectors[start : start + AT_ONCE]))
        self.sample = np.sort(chance.choice(count, min(count, SAMPLE), replace=False))
        self.lists, self.recall = 1, 0.0

    def nearest(self, queries: Array, k: int) -> Array:
        """Return the rows of the k nearest vectors of each query, `(Q, k)` int64, in no order worth keeping."""
        found = self._index.search(_plain(queries), k)[1]
        short = np.flatnonzero((found < 0).any(axis=1))
        if len(short):  # fewer in its lists than are asked for
            self._look_through(self._index.nlist)
            found[short] = self._index.search(_plain(queries[short]), k)[1]
            self._look_through(self.lists)
            if (found < 0).any():
                raise ValueError("vectors that are not numbers, or beyond what float32 holds, have no neighbours")
        return np.asarray(found)

    def tune(self, recall: Callable[[], float]) -> None:
        """Look through as few lists as have a recall of `RECALL`, measured by whoever knows what is to be found."""
        for lists in self._numbers():
            self._look_through(lists)
            self.lists, self.recall = lists, recall()
            if self.recall >= RECALL:
                return
        LOG.warning("The index finds %.0f %% of the neighbours of a sample, less than is wanted.", 100 * self.recall)

    def _numbers(self) -> Iterator[int]:
        lists, most = 1, int(self._index.nlist)
        while lists < most:
            yield lists
            lists = max(lists + 1, int(lists * 1.5))
        yield most

    def _look_through(self, lists: int) -> None:
        self._index.nprobe = lists


def _plain(vectors: Array) -> Array:
    return np.ascontiguousarray(vectors, np.float32)

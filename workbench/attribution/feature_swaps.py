"""Cells of one image's feature maps replaced with those of another's, until the network predicts the other class.

Source: Goyal et al. 2019, arXiv:1904.07451, section 3, exhaustive search.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal, get_args

import numpy as np
import tensorflow as tf

from workbench.core.types import Array
from workbench.models.probe import Probe
from workbench.models.scorer import Tensor, continued

SIDE = 7
"""Cells along the longer side of feature maps, at most; of finer maps a cell is a block of places."""
LEAST = 4
"""Places that feature maps have each way, at least: of fewer, a cell is a third of the image's side or more."""
From = Literal["anywhere", "same-place"]
PLACES = get_args(From)
Pair = tuple[int, int]
"""A cell of the image and the cell of the other image that replaces it."""


@dataclass(frozen=True, kw_only=True)
class Swap:
    """One step of the search.

    Attributes:
        cell: of the image, counted row by row.
        other: cell of the other image that replaces it.
        log_probability: of the class that is searched for, after this step and those before, in nats.
        predicted: class that is predicted then.
    """

    cell: int
    other: int
    log_probability: float
    predicted: int


class FeatureSwaps:
    """Two images at a layer, and what the rest of the network says of maps that are made of both.

    Attributes:
        layer: its name.
        grid: rows and columns of cells.

    Args:
        probe: the model.
        image: `(H, W, C)` float32 in [0, 1].
        other: `(H, W, C)`, the image that cells are taken from.
        layer: name of a layer with places.
        side: cells along the longer side, at most.
    """

    def __init__(self, probe: Probe, image: Array, other: Array, layer: str, *, side: int = SIDE) -> None:
        self._probe, self._image, self.layer = probe, image[None], layer
        self._maps, self._other = probe.feature_maps(np.stack([image, other]), layer)
        height, width = self._maps.shape[:2]
        self._step = -(-max(height, width) // side)
        self.grid = -(-height // self._step), -(-width // self._step)

    @property
    def cells(self) -> int:
        """How many there are."""
        return self.grid[0] * self.grid[1]

    @property
    def edges(self) -> tuple[Array, Array]:
        """Where cells begin and end, as shares of the image: one more than there are rows, and than columns."""
        below, right = (
            np.minimum(np.arange(count + 1) * self._step, size) / size
            for count, size in zip(self.grid, self._maps.shape[:2], strict=True)
        )
        return below, right

    def composite(self, pairs: Sequence[Pair]) -> Array:
        """Replace cells by those of the other image: `(h, w, F)`.

        A cell at the lower or right edge may be smaller; what is missing of it is then repeated from its edge.
        """
        both = np.stack([self._maps, self._other]).reshape(-1, self._maps.shape[2])
        return np.asarray(both[self._index(pairs)].reshape(self._maps.shape))

    def log_probabilities(self, several: Sequence[Sequence[Pair]]) -> Array:
        """What the rest of the network says of some composites: `(S, K)` float64, nats."""
        return self._said(np.stack([self._index(pairs) for pairs in several]))

    def _index(self, pairs: Sequence[Pair]) -> Array:
        """Where each place of a composite is from: `(h w,)` numbers of places, the other image's after the image's."""
        index = np.arange(len(self._maps[..., 0].ravel()))
        for pair in pairs:
            index = self._with_each(index, np.array([pair]))[0]
        return index

    def _with_each(self, index: Array, pairs: Array) -> Array:
        """Add one of `(S, 2)` pairs to a composite: `(S, h w)`."""
        found = np.repeat(index[None], len(pairs), axis=0)
        for to, taken in zip(self._places(pairs[:, 0]), self._places(pairs[:, 1]), strict=True):
            inside = np.flatnonzero((to < np.array(self._maps.shape[:2])).all(axis=1))
            (down, right), (top, left) = to[inside].T, np.minimum(taken, np.array(self._maps.shape[:2]) - 1)[inside].T
            width = self._maps.shape[1]
            found[inside, down * width + right] = len(index) + top * width + left
        return found

    def _places(self, cells: Array) -> Iterator[Array]:
        """Give places of some cells, each time one of each: `(S, 2)` row and column, which may lie beyond the edge."""
        corners = np.stack(np.divmod(cells, self.grid[1]), axis=1) * self._step
        yield from (corners + offset for offset in np.ndindex(self._step, self._step))

    def _said(self, index: Array) -> Array:
        from scipy.special import log_softmax

        maps = tf.TensorSpec(self._maps.shape, self._probe.floats)

        def logits(image: Tensor, other: Tensor, index: Tensor) -> Tensor:
            whole = self._probe.trace(image)
            both = tf.stack([tf.cast(whole.maps(self.layer)[0], other.dtype), other])
            changed = tf.gather(tf.reshape(both, (-1, other.shape[-1])), index)
            return continued(self._probe, image, whole, self.layer, tf.reshape(changed, (1, -1, *other.shape))).logits

        places = tf.TensorSpec((None, index.shape[1]), tf.int64)
        key = ("feature swaps", self.layer, self._maps.shape)
        run = self._probe.compile(key, logits, (self._probe.images, maps, places))
        size = self._probe.max_rows
        parts = [run(self._image, self._other, index[start : start + size]) for start in range(0, len(index), size)]
        return np.asarray(log_softmax(np.concatenate(parts).astype(np.float64), axis=1))

    def greedy(self, target: int, most: int | None = None, *, taken_from: From = "anywhere") -> tuple[Swap, ...]:
        """Swap the pair of cells that makes a class the most probable, again and again, until it is predicted.

        Each cell is replaced once at most, and each of the other image used once: a gate and a permutation.

        Args:
            target: the class.
            most: swaps at most; all cells if not given.
            taken_from: where cells may be taken from; "same-place" keeps parts where they belong.

        Returns:
            The swaps in their order; none where the class is predicted already. It is predicted after the last one,
            unless there were no more.
        """
        done, index = list[Swap](), self._index([])
        predicted = int(self._said(index[None])[0].argmax())
        free, unused = list(range(self.cells)), list(range(self.cells))
        while predicted != target and free and len(done) < (self.cells if most is None else most):
            tried = list(product(free, unused)) if taken_from == "anywhere" else [(cell, cell) for cell in free]
            said = self._said(self._with_each(index, np.array(tried)))
            best = int(said[:, target].argmax())
            (cell, other), predicted = tried[best], int(said[best].argmax())
            done.append(Swap(cell=cell, other=other, log_probability=float(said[best, target]), predicted=predicted))
            index = self._with_each(index, np.array([tried[best]]))[0]
            free.remove(cell)
            unused.remove(other)
        return tuple(done)

    def at_random(self, target: int, draws: int, seed: int = 0) -> Array:
        """Take one cell after the other, in random order, from the same place of the other image, and count.

        Args:
            target: the class of the other image.
            draws: how often.
            seed: of the orders.

        Returns:
            `(draws,)` float64 cells until the class is predicted; infinite where it is not after all of them.
        """
        chance = np.random.default_rng(seed)
        orders = [[(cell, cell) for cell in chance.permutation(self.cells).tolist()] for _ in range(draws)]
        several = [order[:size] for order in orders for size in range(self.cells + 1)]
        hit = (self.log_probabilities(several).argmax(axis=1) == target).reshape(draws, self.cells + 1)
        return np.where(hit.any(axis=1), hit.argmax(axis=1).astype(np.float64), np.inf)


def swap_layer(probe: Probe, name: str | None) -> str:
    """Return a layer by name; without one, the last with at least 4 × 4 places, else where maps are read anyway.

    Raises:
        WorkbenchError: if there is no such layer, or none with places.
    """
    if name is None:
        for each in reversed(probe.spatial_layers):
            places = probe.layers[each].places
            if all(size is not None and size >= LEAST for size in places):
                return each
    return probe.spatial_layer(name, method="A counterfactual example")

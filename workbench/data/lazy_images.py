"""Images that are read batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from workbench.core.dataset import Dataset
from workbench.core.types import MOST_AT_ONCE, Array


def portions(images: Any, most: int = 2048) -> Iterator[slice]:
    """Cut images into slices of at most `most`, and of large images so few that 32 MB hold them as float32.

    Args:
        images: `(N, H, W, C)`, an array or what slices like one.
        most: images of a slice.
    """
    count, size = len(images), max(1, min(most, MOST_AT_ONCE // max(int(np.prod(images.shape[1:])), 1)))
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


class Some:
    """Some images of a dataset, read batch by batch: slices like an `(n, H, W, C)` array."""

    def __init__(self, dataset: Dataset, rows: Array) -> None:
        self._images, self._rows = dataset.images, rows
        self.shape, self.dtype = (len(rows), *dataset.images.shape[1:]), dataset.images.dtype

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, part: slice | Array) -> Array:
        return np.asarray(self._images[self._rows[part]])


class Joined:
    """Images of several sources one after the other, read when they are looked at; `Lazy`.

    Args:
        parts: `(n, H, W, C)` each, arrays or what slices like one.
        rows: `(N,)` int, which of them all; all in order, if not given.
    """

    def __init__(self, parts: Sequence[Any], rows: Array | None = None) -> None:
        self._parts, self._starts = parts, np.cumsum([0, *map(len, parts)])
        self._rows = np.arange(self._starts[-1]) if rows is None else rows
        self.shape, self.dtype = (len(self._rows), *parts[0].shape[1:]), parts[0].dtype

    def __len__(self) -> int:
        return len(self._rows)

    def select(self, rows: Array) -> Any:
        """Return some of them, none read yet."""
        return Joined(self._parts, self._rows[rows])

    def __getitem__(self, key: Any) -> Array:
        rows = np.atleast_1d(self._rows[key])
        found = np.empty((len(rows), *self.shape[1:]), self.dtype)
        for start, part in zip(self._starts, self._parts, strict=False):
            inside = (rows >= start) & (rows < start + len(part))
            if inside.any():
                found[inside] = part[rows[inside] - start]
        return found if np.ndim(self._rows[key]) else found[0]

"""Probabilities of many images in many classes, which are computed as they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from workbench.core.types import Array

SAMPLED = 2**24
"""Values above which a single number is fitted to a sample of them."""
AT_ONCE = 2**22
"""Values that are computed at once: 32 MB as float64."""


def portions(count: int, classes: int) -> Iterator[slice]:
    """Yield the rows of an `(N, K)` table, `AT_ONCE` values at once."""
    step = max(1, AT_ONCE // max(classes, 1))
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))


class Probabilities(NDArrayOperatorsMixin):
    """Softmax of `(N, K)` logits in float64, of the rows that are asked for: all of a million in 1,000 are 8 GB.

    It is indexed like an array of two sides, by rows, or by rows and columns, and gives arrays; whatever else is done
    with it as with an array is done with all of it.

    Attributes:
        shape: (N, K).

    Args:
        logits: `(N, K)` float.
        temperature: `(N,)` float, by which each row of them is divided first.
    """

    ndim = 2
    dtype = np.dtype(np.float64)

    def __init__(self, logits: Array, temperature: Array | None = None) -> None:
        self._logits, self._temperature = logits, temperature
        self.shape: tuple[int, int] = (len(logits), logits.shape[1])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, at: Any) -> Any:
        if not isinstance(at, tuple):
            return self._rows(np.asarray(at) if isinstance(at, list) else at)
        if len(at) != 2 or any(each is None or each is Ellipsis for each in at):
            raise IndexError("Probabilities are indexed by rows, or by rows and columns: np.asarray makes all of them.")
        rows, columns = (np.asarray(each) if isinstance(each, list) else each for each in at)
        if isinstance(rows, np.ndarray) and isinstance(columns, np.ndarray):  # a value of each row
            return self._picked(np.flatnonzero(rows) if rows.dtype == bool else rows, columns)
        found = self._rows(rows)
        return found[columns] if found.ndim == 1 else found[:, columns]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        if copy is False:
            raise ValueError("Probabilities are computed when they are asked for: there is nothing to share.")
        whole = np.empty(self.shape)
        for rows in portions(*self.shape):
            whole[rows] = self[rows]
        return whole if dtype is None else whole.astype(dtype, copy=False)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **how: Any) -> Any:
        whole = (np.asarray(each) if isinstance(each, Probabilities) else each for each in inputs)
        return getattr(ufunc, method)(*whole, **how)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(np.asarray(self), name)

    def _picked(self, rows: Array, columns: Array) -> Array:
        rows, columns = np.broadcast_arrays(rows, columns)
        found = np.empty(rows.shape)
        one, other, flat = rows.reshape(-1), columns.reshape(-1), found.reshape(-1)
        for part in portions(len(flat), self.shape[1]):
            flat[part] = self._rows(one[part])[np.arange(part.stop - part.start), other[part]]
        return found

    def _rows(self, at: Any) -> Array:
        found = divided(self._logits, self._temperature, at)  # an own copy: of a million rows, others take long
        with np.errstate(invalid="ignore"):
            found -= found.max(axis=-1, keepdims=True)
            np.exp(found, out=found)
            found /= found.sum(axis=-1, keepdims=True)
        return found


Scores = Array | Probabilities
"""`(N, K)` numbers, which may be computed as they are asked for."""


def some_rows(count: int, classes: int, values: int = SAMPLED, *, seed: int = 0) -> Array:
    """Return rows of an `(N, K)` table to which a single number is fitted: all, or of a very large one a sample.

    Args:
        count: N.
        classes: K.
        values: that the sample has at most.
        seed: of the sample.

    Returns:
        `(n,)` int64, ascending.
    """
    most = max(1, values // max(classes, 1))
    return (
        np.arange(count) if count <= most else np.sort(np.random.default_rng(seed).choice(count, most, replace=False))
    )


def divided(logits: Array, temperature: Array | None, at: Any) -> Array:
    """Return some rows of logits, or one, as a float64 copy, each divided by its temperature if there is one."""
    some: Array = logits[at].astype(np.float64)
    return some if temperature is None else some / np.asarray(temperature[at])[..., None]

"""Held-out probabilities with labels of which it is known which are wrong: files of a folder that a user names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workbench.core.errors import WorkbenchError
from workbench.core.types import Array
from workbench.data.npz import read_arrays


@dataclass(frozen=True, eq=False)
class Cell:
    """Labels of one set by one network.

    Attributes:
        name: of the file, without its suffix.
        said: `(N, K)` float64 probabilities of each image, by a network that did not see it.
        labels: `(N,)` int64, as given.
        wrong: `(N,)` bool, whether the label is another than the true one.
    """

    name: str
    said: Array
    labels: Array
    wrong: Array


def cells_of(folder: Path) -> Iterator[Cell]:
    """Read every .npz file with `probabilities` (N, K), `labels` (N,) and `wrong`, (N,) bool or packed bits.

    Raises:
        WorkbenchError: if there is none, or one of another kind.
    """
    files = sorted(folder.glob("*.npz"))
    if not files:
        raise WorkbenchError(f"{folder} has no .npz files with `probabilities`, `labels` and `wrong`.")
    for file in files:
        arrays = read_arrays(file)
        if missing := {"probabilities", "labels", "wrong"} - set(arrays):
            raise WorkbenchError(f"{file} lacks {', '.join(f'`{name}`' for name in sorted(missing))}.")
        said, labels = np.asarray(arrays["probabilities"], np.float64), np.asarray(arrays["labels"], np.int64)
        wrong = np.asarray(arrays["wrong"])
        if said.ndim != 2 or labels.shape != said.shape[:1] or not len(labels):
            raise WorkbenchError(f"{file} must have `probabilities` (N, K) and `labels` (N,).")
        if wrong.dtype == np.uint8 and len(wrong) == (len(labels) + 7) // 8:
            wrong = np.unpackbits(wrong)[: len(labels)]
        if wrong.shape != labels.shape or labels.min() < 0 or labels.max() >= said.shape[1]:
            raise WorkbenchError(
                f"{file} must say of each of its labels, 0 to K - 1, whether it is wrong; it has {len(labels):,}."
            )
        said /= np.maximum(said.sum(axis=1, keepdims=True), 1e-12)
        yield Cell(file.stem, said, labels, wrong.astype(bool))

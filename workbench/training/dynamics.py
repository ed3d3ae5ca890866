"""What the trainer notes of every training image after each epoch, and its file beside the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from workbench.core.array_file import UnreadableArrays, read_arrays, take, write_arrays
from workbench.core.errors import WorkbenchError
from workbench.core.types import Array

DYNAMICS = "dynamics.npz"


@dataclass(frozen=True, eq=False)
class Dynamics:
    """How a training went, image by image; T epochs, N images of the part that was fitted.

    Attributes:
        probabilities: `(N, T)` float16, of the label, after each epoch, without augmentation and dropout.
        correct: `(N, T)` bool, whether the label was predicted.
        area_under_margin: `(N,)` float32, mean over the epochs of the label's logit less the largest other one.
            Source: Pleiss et al. 2020, arXiv:2001.10528, equation 2.
        rows: `(N,)` int64, rows of the training part; its validation share was not fitted.
    """

    probabilities: Array
    correct: Array
    area_under_margin: Array
    rows: Array

    @property
    def epochs(self) -> int:
        """T."""
        return int(self.probabilities.shape[1])

    @cached_property
    def confidence(self) -> Array:
        """`(N,)` float64, mean probability of the label. Source: Swayamdipta et al. 2020, arXiv:2009.10795, sec. 2."""
        return self.probabilities.mean(axis=1, dtype=np.float64)

    @cached_property
    def variability(self) -> Array:
        """`(N,)` float64, standard deviation of the same over the epochs (divided by T, as there)."""
        return self.probabilities.astype(np.float64).std(axis=1)

    @cached_property
    def forgotten(self) -> Array:
        """`(N,)` int64, how often right turned wrong. Source: Toneva et al. 2019, arXiv:1812.05159, definition 2.1."""
        return (self.correct[:, :-1] & ~self.correct[:, 1:]).sum(axis=1)

    @cached_property
    def learned(self) -> Array:
        """`(N,)` int64, first epoch after which the label was predicted, from 1; 0 for never."""
        return np.where(self.correct.any(axis=1), self.correct.argmax(axis=1) + 1, 0)


def write_dynamics(folder: Path, dynamics: Dynamics, name: str = DYNAMICS) -> None:
    """Write the file into the folder of a run, or of an unfinished training."""
    arrays: dict[str, Array] = {
        "probabilities": dynamics.probabilities.astype(np.float16),
        "correct": np.packbits(dynamics.correct, axis=1),
        "area_under_margin": dynamics.area_under_margin.astype(np.float32),
        "rows": dynamics.rows.astype(np.int32),
    }
    write_arrays(folder / name, arrays)


def read_dynamics(folder: Path, name: str = DYNAMICS) -> Dynamics | None:
    """Read what `write_dynamics` wrote; None where there is none.

    Raises:
        WorkbenchError: if the file is damaged.
    """
    path = folder / name
    try:
        return _dynamics(read_arrays(path))
    except FileNotFoundError:
        return None
    except UnreadableArrays as error:
        raise WorkbenchError(f"{path} is damaged ({error}). Delete it, or train the run again.") from None


def _dynamics(arrays: Mapping[str, Array]) -> Dynamics:
    """Build the record, after seeing that there is a row for each image and a bit for each epoch."""
    probabilities, correct = take(arrays, "probabilities", "f", 2), take(arrays, "correct", "u", 2)
    margins, rows = take(arrays, "area_under_margin", "f", 1), take(arrays, "rows", "iu", 1)
    count, epochs = probabilities.shape
    whole = correct.dtype == np.uint8 and correct.shape == (count, -(-epochs // 8))
    if not (whole and len(margins) == len(rows) == count):
        raise UnreadableArrays("its arrays are of different lengths")
    bits = np.unpackbits(correct, axis=1, count=epochs).astype(bool)
    return Dynamics(probabilities, bits, margins, rows.astype(np.int64))

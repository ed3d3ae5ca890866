"""Weights that a training keeps after some of its epochs, and their file beside the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workbench.core.array_file import UnreadableArrays, read_arrays, take
from workbench.core.errors import WorkbenchError
from workbench.core.types import Array

CHECKPOINTS = "checkpoints.npz"


@dataclass(frozen=True, eq=False)
class KeptWeights:
    """A model after T of its epochs.

    Attributes:
        epochs: `(T,)` int64, counted from 1, ascending.
        rates: `(T,)` float64, mean learning rate of the epochs up to each, since the one before.
        weights: in the order of `model.weights`, each `(T, …)`.
    """

    epochs: Array
    rates: Array
    weights: tuple[Array, ...]

    def __len__(self) -> int:
        """T."""
        return len(self.epochs)

    def at(self, place: int) -> list[Array]:
        """Return the weights after one of the epochs."""
        return [each[place] for each in self.weights]

    def until(self, epoch: int) -> KeptWeights:
        """Return those after an epoch and before."""
        count = int(np.searchsorted(self.epochs, epoch, side="right"))
        return KeptWeights(self.epochs[:count], self.rates[:count], tuple(each[:count] for each in self.weights))

    def arrays(self) -> dict[str, Array]:
        """Return what their file holds."""
        named = {f"weight{number}": each for number, each in enumerate(self.weights)}
        return {"epochs": self.epochs, "rates": self.rates, **named}


def due(epochs: int, count: int) -> frozenset[int]:
    """Return after which of so many epochs, from 1, weights are kept: evenly spaced, the last one among them."""
    several = min(count, epochs)
    return frozenset(round(epochs * number / several) for number in range(1, several + 1)) if several else frozenset()


def kept_after(
    before: Mapping[str, Array] | None, history: Sequence[Mapping[str, float]], weights: Sequence[Array]
) -> dict[str, Array]:
    """Add the weights after the last epoch of a history to those that are kept already.

    Args:
        before: what `KeptWeights.arrays` returned; None where nothing is kept.
        history: a row for each epoch, with its `learning_rate`.
        weights: of the model, as `get_weights` gives them.
    """
    last = 0 if before is None else int(before["epochs"][-1])
    rate = float(np.mean([row["learning_rate"] for row in history[last:]]))
    new = KeptWeights(np.array([len(history)]), np.array([rate]), tuple(np.asarray(each)[None] for each in weights))
    if before is None:
        return new.arrays()
    return {name: np.concatenate([before[name], each]) for name, each in new.arrays().items()}


def read_kept(folder: Path) -> KeptWeights | None:
    """Read the file of a run's folder; None where there is none.

    Raises:
        WorkbenchError: if it is damaged.
    """
    path = folder / CHECKPOINTS
    try:
        arrays = read_arrays(path)
        epochs, rates = take(arrays, "epochs", "iu", 1).astype(np.int64), take(arrays, "rates", "f", 1)
        weights = tuple(arrays[f"weight{number}"] for number in range(len(arrays) - 2))
        counts = {len(each) if each.ndim else -1 for each in (epochs, rates, *weights)}
        if not len(epochs) or not weights or counts != {len(epochs)}:
            raise UnreadableArrays("its arrays are of different lengths")
        if any(each.dtype.kind not in "fiu" or not np.isfinite(each).all() for each in (rates, *weights)):
            raise UnreadableArrays("its weights are no numbers")
        if epochs[0] < 1 or (np.diff(epochs) <= 0).any():
            raise UnreadableArrays("its epochs do not ascend")
        if (rates < 0).any():
            raise UnreadableArrays("a learning rate is negative")
        return KeptWeights(epochs, rates, weights)
    except FileNotFoundError:
        return None
    except (UnreadableArrays, KeyError) as error:
        raise WorkbenchError(f"{path} is damaged ({error}). Delete it, or train the run again.") from None

"""What a model said of images, as the cache folder keeps it: logits, embeddings, and how the outputs are read."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np

from workbench.core.cache import load_arrays, save_arrays
from workbench.core.locks import sharing
from workbench.core.types import Array


class KeptOutputs:
    """The outputs of one model on N images.

    Args:
        path: of the file; None where nothing is kept.
        count: N.
    """

    def __init__(self, path: Path | None, count: int) -> None:
        self._path, self._count = path, count

    def values(self, name: str) -> Array | None:
        """Return "logits" or "embeddings", if they are there for every image."""
        values = self._stored().get(name)
        return values if values is not None and values.shape[:1] == (self._count,) else None

    @property
    def reading(self) -> str:
        """How the model's outputs are read, in sentences; empty where nothing is kept."""
        return str(self._stored().get("reading", ""))

    @property
    def engine(self) -> str:
        """What computed them in TensorFlow's place; empty where it was TensorFlow, or nothing is kept."""
        return str(self._stored().get("engine", ""))

    def alone(self) -> AbstractContextManager[None]:
        """Wait while another process computes them."""
        return sharing(self._path, "Predictions")

    def keep(self, logits: Array, embeddings: Array, reading: str, engine: str = "") -> None:
        """Keep them for the next process."""
        if self._path is not None:
            said = {"reading": np.array(reading), "engine": np.array(engine)}
            save_arrays(self._path, {"logits": logits, "embeddings": embeddings, **said})

    def _stored(self) -> dict[str, Array]:
        stored = (None if self._path is None else load_arrays(self._path)) or {}
        return stored if "reading" in stored else {}  # else of a version that did not say how it read the outputs

"""What a session will do with a file of Keras, done once where it may fail: see `trial`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from workbench.core.types import Array
from workbench.models.files import hdf5, keras
from workbench.models.files.foreign import Foreign, said
from workbench.models.probe import UNRUNNABLE, Probe

STEPS = ("rows", "scores", "gradient")
"""What can be asked for, in this order: how many images are given at a time; scores and embeddings of so many, and of
one; and gradients of the scores."""


def read_rehearsal(path: Path) -> Foreign:
    """Open a `.keras` or `.h5` file.

    Raises:
        WorkbenchError: as these formats do.
    """
    model = (keras if path.suffix.lower() == ".keras" else hdf5).load_model(path)
    probes: list[Probe] = []

    def run(images: Array, numbers: Sequence[int]) -> list[Array]:
        (step,) = numbers
        if STEPS[step] == "rows":
            probes.append(Probe(model, images.shape[1:]))
            return [np.array([probes[-1].max_rows])]
        try:
            for some in (images, images[:1]):
                if STEPS[step] == "scores":
                    probes[-1].logits_and_embeddings(some)
                else:
                    probes[-1].gradient(some, np.zeros(len(some), np.int64))
        except UNRUNNABLE as error:
            raise ValueError(said(error)) from None
        return []

    return Foreign(kind="a Keras model", name=path.name, taken=(), dtype="float32", outputs=STEPS, run=run)

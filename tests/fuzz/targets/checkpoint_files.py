"""An unfinished training: its state, as it is and with a right checksum, and its arrays."""

import atexit
import contextlib
import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np

from workbench.core.errors import WorkbenchError
from workbench.training.checkpoint import STATE, Checkpoint, State
from workbench.training.recipes import TrainingJob

from .npz_data import packed
from .run_files import signed

FOLDER = tempfile.TemporaryDirectory()
atexit.register(FOLDER.cleanup)
ROW = {"epoch": 1.0, "loss": 0.5, "val_loss": float("nan")}


@lru_cache
def _begun() -> tuple[Checkpoint, State]:
    checkpoint = Checkpoint(Path(FOLDER.name), "one")
    state = State(job=TrainingJob(), fingerprint="0123", epochs=1, history=(ROW,))
    return checkpoint, checkpoint.write(state, averages={"steps": np.array(3), "mean0": np.eye(2)})


def seeds() -> list[bytes]:
    _, state = _begun()
    return [state.model_dump_json(indent=1).encode(), packed(np.savez, steps=np.array(3), mean0=np.eye(2, dtype="f4"))]


def attack(data: bytes) -> None:
    checkpoint, state = _begun()
    if data[:2] == b"PK":
        (checkpoint.path / state.averages).write_bytes(data)
        plain = state.model_copy(update={"files": {}})  # as an older version wrote it
        assert all(isinstance(each, np.ndarray) for each in checkpoint.arrays(plain, plain.averages).values())
        return
    (checkpoint.path / STATE).write_bytes(signed(data))
    with contextlib.suppress(WorkbenchError):
        found = checkpoint.read()
        assert found is not None and found.job.recipe.epochs > 0
    (checkpoint.path / STATE).write_bytes(data)
    checkpoint.read()

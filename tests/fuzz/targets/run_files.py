"""The files of a run: run.json as it is and with a right checksum; history.csv, dynamics.npz, checkpoints.npz."""

import atexit
import contextlib
import hashlib
import json
import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np

from workbench.core.checksum import record_checksum
from workbench.core.errors import WorkbenchError
from workbench.training.kept_weights import read_kept
from workbench.training.learning_curves import learning_curves
from workbench.training.runs import Run, list_runs, open_run

from .npz_data import packed

FOLDER = tempfile.TemporaryDirectory()
atexit.register(FOLDER.cleanup)
MODEL = b"a model"
MANIFEST = {
    "name": "one",
    "architecture": "baseline",
    "recipe": "report",
    "settings": {"epochs": 2, "learning_rate": 0.001, "flip": True},
    "seed": 0,
    "epochs": 2,
    "dataset": "own.npz",
    "dataset_fingerprints": {"test": "0123"},
    "class_names": ["a", "é"],
    "image_shape": [4, 4, 1],
    "versions": {},
    "git_revision": None,
    "metrics": {"test": {"accuracy": 1.0, "loss": 0.5}},
    "seconds": 2.0,
    "created": "2026-01-01T00:00:00+00:00",
    "parameters": 34,
    "model_sha256": hashlib.sha256(MODEL).hexdigest(),
}
HISTORY = (
    b"epoch,loss,accuracy,val_loss,val_accuracy,learning_rate,seconds\n1,1.5,0.5,,,0.001,2\n2,1.25,0.75,,,0.001,2\n"
)


@lru_cache
def open_plain(folder: Path) -> Run:
    """Open a run as older versions wrote it, without checksums."""
    path = folder / "one"
    path.mkdir(exist_ok=True)
    (path / "model.keras").write_bytes(MODEL)
    (path / "run.json").write_text(json.dumps(MANIFEST))
    return open_run(path)


def seeds() -> list[bytes]:
    chance, rows = np.random.default_rng(0), np.arange(5, dtype=np.int32)
    noted = {"probabilities": chance.random((5, 3)).astype("f2"), "correct": np.zeros((5, 1), np.uint8)}
    return [
        json.dumps({**MANIFEST, "checksum": record_checksum(MANIFEST)}, indent=2).encode(),
        json.dumps(MANIFEST).encode(),
        HISTORY,
        packed(**noted, area_under_margin=np.ones(5, "f4"), rows=rows),
        packed(epochs=rows[1:3], rates=np.ones(2), weight0=np.ones((2, 3, 4), "f4"), weight1=np.zeros((2, 4), "f4")),
    ]


def attack(data: bytes) -> None:
    run = open_plain(Path(FOLDER.name))
    if data[:2] == b"PK":
        if b"weight0" in data:
            (run.path / "checkpoints.npz").write_bytes(data)
            kept = read_kept(run.path)  # a run has it only with a checksum
            assert (np.diff(kept.epochs) > 0).all() and (kept.rates >= 0).all()
            assert all(len(each) == len(kept.epochs) == len(kept.rates) > 0 for each in kept.weights)
            return
        (run.path / "dynamics.npz").write_bytes(data)
        noted = run.dynamics
        assert len(noted.confidence) == len(noted.forgotten) == len(noted.learned) == len(noted.rows)
    elif data[:1] == b"e":
        (run.path / "history.csv").write_bytes(data)
        found = run.history
        assert found["epoch"].tolist() == [1, 2]
        assert len(learning_curves(found)) == 2
    else:
        for content in (signed(data), data):
            (run.path / "run.json").write_bytes(content)
            with contextlib.suppress(WorkbenchError):
                assert isinstance(open_run(run.path).manifest.epochs, int)
            assert len(list_runs(FOLDER.name)) <= 1
        open_run(run.path)


def signed(text: bytes) -> bytes:
    """Give a record the right checksum, if it is a JSON object, so that what it says is looked at."""
    try:
        record = json.loads(text)
        return json.dumps({**record, "checksum": record_checksum(record)}).encode()
    except (ValueError, TypeError, RecursionError):
        return text

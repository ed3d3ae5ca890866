"""Predictions in an .npz file: those made elsewhere, and those of a run whose run.json has no checksums yet."""

import atexit
import contextlib
import tempfile
from pathlib import Path

import numpy as np

from workbench.core.errors import WorkbenchError
from workbench.data.saved_predictions import read_predictions

from .npz_data import packed
from .run_files import open_plain

FOLDER = tempfile.TemporaryDirectory()
atexit.register(FOLDER.cleanup)
LOGITS = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
LABELS = np.array([0, 1, 2, 0, 1, 2], np.int32)


def seeds() -> list[bytes]:
    texts = {"labels": np.array(["a", "b", "c"] * 2), "class_names": np.array(["a", "b", "c"])}
    return [
        packed(logits=LOGITS, labels=LABELS),
        packed(probabilities=np.full((6, 3), 1 / 3), **texts, split=np.array(["test", "train"] * 3)),
        packed(np.savez, scores=np.linspace(0, 1, 6), y_true=LABELS % 2, names=np.array(list("abcdef"))),
        packed(logits=LOGITS, labels=LABELS, dataset_fingerprint=np.array("0123")),
    ]


def attack(data: bytes) -> None:
    run = open_plain(Path(FOLDER.name))
    path = run.path / "predictions-test.npz"
    path.write_bytes(data)
    saved = read_predictions(path)
    assert np.isfinite(saved.logits).all()
    if saved.labels is not None and saved.parts is None:
        assert len(saved.dataset("test")) == len(saved)
    with contextlib.suppress(WorkbenchError):  # a run's own have a fingerprint
        found = run.predictions("test", "0123")
        assert found is None or found.confidence.shape == (len(found),)

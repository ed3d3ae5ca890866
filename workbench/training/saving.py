"""A run is saved: whole or not at all, with the checksums of its files; one of the same name is replaced."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from workbench.core.array_file import write_arrays
from workbench.core.checksum import CHECKSUM, file_checksum, record_checksum
from workbench.core.dataset import Dataset
from workbench.core.errors import Unavailable
from workbench.core.files import disk_trouble, put_in_place, sync
from workbench.core.predictions import Predictions
from workbench.core.types import Array
from workbench.training.dynamics import Dynamics, write_dynamics
from workbench.training.kept_weights import CHECKPOINTS
from workbench.training.manifest import Manifest
from workbench.training.runs import HISTORY, MANIFEST, MODEL, Run, checked_name, runs_folder, set_aside


def save_run(
    manifest: Manifest,
    model: Any,
    *,
    history: Iterable[Mapping[str, Any]],
    predictions: Mapping[str, tuple[Predictions, Dataset]],
    dynamics: Dynamics | None = None,
    checkpoints: Mapping[str, Array] | None = None,
    texts: Mapping[str, str] | None = None,
    folder: str | Path | None = None,
) -> Run:
    """Save a run so that it is there whole or not at all; one of the same name is replaced.

    Args:
        manifest: everything but `model_sha256`, which is filled in.
        model: the trained model, Sequential or Functional; saved without its optimizer.
        history: one row an epoch.
        predictions: by split, what the model says about which dataset.
        dynamics: what was noted of each fitted image after each epoch.
        checkpoints: weights after some epochs, as `KeptWeights.arrays` has them.
        texts: what other files beside it hold, by name.
        folder: where runs are kept.

    Raises:
        Unavailable: if it cannot be written; what was there before is still there.
    """
    folder = Path(folder or runs_folder())
    name = checked_name(manifest.name)
    partial = folder / f".{name}.saving"
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        # Not `clone_model`, which compiles the copy too: the optimizer would be saved, three times the size.
        bare = type(model).from_config(model.get_config())
        bare.set_weights(model.get_weights())
        bare.save(partial / MODEL)
        write_history(partial / HISTORY, history)
        for split, (said, dataset) in predictions.items():
            arrays = {"logits": said.logits.astype(np.float32, copy=False), "labels": said.labels.astype(np.int32)}
            arrays["dataset_fingerprint"] = np.array(dataset.fingerprint)
            write_arrays(partial / f"predictions-{split}.npz", arrays)
        if dynamics is not None:
            write_dynamics(partial, dynamics)
        if checkpoints is not None:
            write_arrays(partial / CHECKPOINTS, checkpoints, packed=False)
        for file, text in (texts or {}).items():
            (partial / file).write_text(text, encoding="utf-8")
        files = {path.name: file_checksum(path) for path in sorted(partial.iterdir())}
        manifest = _signed(manifest.model_copy(update={"model_sha256": files.pop(MODEL), "files": files}))
        (partial / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
        for path in partial.iterdir():
            sync(path)
        _replace(partial, folder, name)
    except Exception as error:
        shutil.rmtree(partial, ignore_errors=True)
        if not (trouble := disk_trouble(error)):
            raise
        raise Unavailable(
            f"Run {name!r} could not be saved in {folder}: {trouble}. What was there before is unchanged."
        ) from None
    return Run(folder / name, manifest)


def write_history(path: Path, history: Iterable[Mapping[str, Any]]) -> None:
    """Write learning curves as CSV, one row an epoch."""
    import pandas as pd

    pd.DataFrame(list(history)).to_csv(path, index=False, float_format="%.7g")


def _replace(partial: Path, folder: Path, name: str) -> None:
    """Put `partial` where the run `name` is. Cut off between the renames, the old one still opens by its name."""
    previous = set_aside(folder, name)
    if (folder / name).exists():
        shutil.rmtree(previous, ignore_errors=True)
    put_in_place(partial, folder / name, aside=previous)
    sync(folder)
    shutil.rmtree(previous, ignore_errors=True)


def _signed(manifest: Manifest) -> Manifest:
    return manifest.model_copy(update={CHECKSUM: record_checksum(json.loads(manifest.model_dump_json()))})

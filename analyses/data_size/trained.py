"""The network itself, trained on growing parts of its images; what is done is kept, and goes on after a stop."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from workbench.core.cache import cache_folder, load_arrays, save_arrays
from workbench.core.dataset import Dataset
from workbench.core.errors import WorkbenchError
from workbench.core.locks import holding
from workbench.core.params import make
from workbench.core.progress import report
from workbench.core.types import Array
from workbench.core.wording import plural
from workbench.training.checkpoint import Checkpoint, State
from workbench.training.fitting import Parts, fit
from workbench.training.recipes import TrainingJob
from workbench.training.runs import Run

from .growth import growing, sizes_of

ALL = "Images of the parts that are trained on"
"""What is told of all trainings."""


def trained_predictions(
    run: Run, train: Dataset, rows: Array, studied: Dataset, seeds: int
) -> tuple[Array, dict[int, list[Array]]]:
    """Train a run's network with its recipe on parts of its training images, and ask about the studied ones.

    Kept in the cache after each epoch and each training, so that it goes on where it was stopped.

    Args:
        run: whose network and recipe it is.
        train: its training images.
        rows: `(n,)` those of them that were fitted.
        studied: N images that are asked about.
        seeds: trainings of each size, each on a part of its own.

    Returns:
        `(N,)` rows of the studied images, and for each size `(N,)` predicted classes of each training.

    Raises:
        Unavailable: if a checkpoint cannot be written, or another process is at it.
        WorkbenchError: if a training diverges.
    """
    labels = train.labels[rows]
    sizes = sizes_of(len(rows), len(np.unique(labels)))
    found: dict[int, list[Array]] = {}
    done, whole = 0, seeds * sum(sizes)
    report(ALL, done, whole)
    for seed in range(seeds):
        order = growing(labels, seed)
        for size in sizes:
            part = train.subset(np.sort(rows[order[:size]]))
            found.setdefault(size, []).append(_predicted(run, part, studied, seed))
            done += size
            report(ALL, done, whole)  # in images, since a part takes as long as it is large
    return np.arange(len(studied)), found


def _job(run: Run, seed: int) -> TrainingJob:
    """Say what is trained: as the run was, for as many epochs as it was best after."""
    made = run.manifest.job()
    epochs = run.manifest.best_epoch if made.recipe.patience else None
    recipe = made.recipe.without_validation(epochs or made.recipe.epochs)
    return make(TrainingJob, {**made.model_dump(), "recipe": recipe, "seed": seed})


def _folder(job: TrainingJob) -> Path:
    """Return where what a training gives is kept: not in the run's folder, which may be of the workbench itself."""
    return cache_folder() / "data-size" / hashlib.sha256(job.model_dump_json().encode()).hexdigest()[:20]


def _predicted(run: Run, part: Dataset, studied: Dataset, seed: int) -> Array:
    """Train on one part, or read what was predicted before."""
    job = _job(run, seed)
    folder = _folder(job)
    name = f"{part.fingerprint}-{studied.fingerprint}"
    kept = (load_arrays(folder / f"{name}.npz") or {}).get("predicted")
    if kept is not None and kept.shape == (len(studied),):
        return kept
    from workbench.models.probe import Probe

    with holding(folder / name, f"The network on {plural(len(part), 'image')}"):
        checkpoint = Checkpoint(folder, name)
        try:
            before = checkpoint.read()
        except WorkbenchError:
            before = None
        if before is None or before.job != job or before.fingerprint != part.fingerprint:
            before = checkpoint.write(State(job=job, fingerprint=part.fingerprint))

        def progress(what: str, done: int, total: int) -> None:
            report(f"{plural(len(part), 'image')}, seed {seed}: {what}", done, total)

        parts = Parts(training=part, validation=None, test=None, fingerprint=part.fingerprint)
        _, model = fit(checkpoint, before, parts, progress)
        probe = Probe(model, part.image_shape)
        predicted = np.concatenate([probe.logits(images).argmax(axis=1) for images in studied.batches()])
        save_arrays(folder / f"{name}.npz", {"predicted": predicted.astype(np.int64)})
        checkpoint.remove()
    return predicted.astype(np.int64)

"""Fit a network to a data set and write a run; an interrupted training can be resumed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from workbench.core.dataset import Dataset
from workbench.core.errors import Unavailable, WorkbenchError, unknown
from workbench.core.locks import holding
from workbench.core.predictions import Predictions
from workbench.core.progress import Progress, silent
from workbench.core.provenance import git_revision, versions
from workbench.core.types import Array
from workbench.core.wording import plural
from workbench.data import is_folder, load_dataset, own_parts
from workbench.training import distribution
from workbench.training.architectures import architectures
from workbench.training.checkpoint import Checkpoint, State
from workbench.training.compiling import refuse_weights
from workbench.training.corrected_data import corrected
from workbench.training.corrections import CORRECTIONS
from workbench.training.dynamics import Dynamics
from workbench.training.fitting import Parts, Row, Start, Tell, fit
from workbench.training.manifest import Manifest
from workbench.training.recipes import TrainingJob
from workbench.training.runs import Run, checked_name, runs_folder
from workbench.training.saving import save_run


def train(
    name: str,
    *,
    job: TrainingJob | None = None,
    folder: str | Path | None = None,
    resume: bool = False,
    progress: Progress = silent,
    on_epoch: Callable[[Row], None] | None = None,
    on_start: Start | None = None,
    say: Tell | None = None,
) -> Run:
    """Train a network and save it as run `name`; one of that name stays whole until the new one replaces it.

    There is a checkpoint after each epoch, so that an interrupted training can continue with `resume`.

    Args:
        name: name of the run.
        job: what to train; None is the tuned baseline, or with `resume` whatever the checkpoint was training.
        folder: where runs are kept.
        resume: go on from the checkpoint, to the number of epochs that it was started with.
        progress: told "epoch 3/20" and how many of its batches are done, and "all epochs" likewise.
        on_epoch: given each new row of the history: epoch, loss, accuracy, val_loss, val_accuracy, learning_rate,
            seconds.
        on_start: told how many epochs there are in all, and what is computed on ("GPU …", "CPU, 2 cores").
        say: given a sentence when something is worth one: a checkpoint that is dropped or resumed.

    Raises:
        WorkbenchError: if the job does not fit the data, there is nothing to resume, the checkpoint was made by
            another job or from other data, or training diverges.
        Unavailable: if data cannot be found or the disk not be written, or another process trains this run; what was
            there before is still there.
    """
    folder = Path(folder or runs_folder())
    unfinished = Checkpoint(folder, name).path.name if resume else None
    with distribution.own_folder(folder, unfinished) as own, holding(own / checked_name(name), f"Run {name!r}"):
        return _train(name, own, job, resume, progress, on_epoch=on_epoch, on_start=on_start, tell=say or _quiet)


def _train(
    name: str,
    folder: Path,
    job: TrainingJob | None,
    resume: bool,
    progress: Progress,
    *,
    on_epoch: Callable[[Row], None] | None,
    on_start: Start | None,
    tell: Tell,
) -> Run:
    """Train in a folder of this process; see `train`."""
    checkpoint = Checkpoint(folder, name)
    before = _resumable(checkpoint, job, tell) if resume else None
    job = before.job if before else job or TrainingJob()
    if job.architecture not in architectures():
        raise unknown("architecture", job.architecture, architectures())
    if not before and job.weights != TrainingJob().weights:
        refuse_weights(job.architecture, architectures()[job.architecture], job.weights)
    parts = read_parts(job, progress)
    if before and before.fingerprint != parts.fingerprint:
        raise WorkbenchError(
            f"The checkpoint of {name!r} was trained on other data: {job.dataset} has changed since. "
            "Train without --resume."
        )
    if not before:
        _report_discarded(checkpoint, tell)
    if job.corrections is not None:
        parts = corrected(parts, job.corrections)
        tell(f"Training on corrected data: {job.corrections.sentence}, as {job.corrections.source} says.")
    # Written before TensorFlow is imported, so that there is something to resume from the first moment on.
    state = before or checkpoint.write(State(job=job, fingerprint=parts.fingerprint))
    state, model = fit(checkpoint, state, parts, progress, on_epoch, on_start=on_start, say=tell)
    noted = checkpoint.dynamics(state), checkpoint.arrays(state, state.kept)
    run = _save(name, folder, state, parts, model, noted=noted, progress=progress)
    checkpoint.remove()
    return run


def _quiet(sentence: str) -> None:
    """Say nothing."""


def _resumable(checkpoint: Checkpoint, job: TrainingJob | None, tell: Tell) -> State:
    """Return the state to go on from, after seeing that it is the same job."""
    state = checkpoint.read()
    if state is None:
        raise Unavailable(
            f"There is no unfinished training of {checkpoint.name!r} in {checkpoint.path.parent} to resume. "
            "Train without --resume."
        )
    then = _settings(state.job)
    now = _settings(job or state.job)
    other = ", ".join(f"{key} {then[key]!r} (now {now[key]!r})" for key in then if then[key] != now[key])
    if other:
        raise WorkbenchError(
            f"The unfinished training of {checkpoint.name!r} has other settings: {other}. Leave them out to resume it, "
            "or train without --resume to start over."
        )
    tell(f"Resuming {checkpoint.name!r} after {state.epochs} of {plural(state.job.recipe.epochs, 'epoch')}.")
    return state.model_copy(update={"job": job or state.job})


def _report_discarded(checkpoint: Checkpoint, tell: Tell) -> None:
    try:
        old = checkpoint.read()
    except WorkbenchError:
        old = None
    if old is not None and old.epochs:
        tell(
            f"Starting over: the unfinished training of {checkpoint.name!r} ({old.epochs} of "
            f"{plural(old.job.recipe.epochs, 'epoch')}) is discarded. Use --resume to continue one."
        )


def _settings(job: TrainingJob) -> dict[str, Any]:
    """What decides about the outcome of a job, by name; where the data lies does not, its fingerprint is compared."""
    values = job.model_dump(exclude={"data_dir", "recipe_name"})
    corrections = None if job.corrections is None else job.corrections.digest
    return {**values.pop("recipe"), **values, "corrections": corrections}


def read_parts(job: TrainingJob, progress: Progress) -> Parts:
    """Load a job's data as it is; without a validation part the end of the training part is split off for one."""
    own = own_parts(job.dataset, **job.reading)

    def load(split: str) -> Dataset:
        return load_dataset(job.dataset, split=split, data_dir=job.data_dir, progress=progress, **job.reading)

    whole = load("train")
    try:
        test = load("test")
    except Unavailable:
        test = None  # a file with a training part only
    if "validation" in own:
        return Parts(
            training=whole, validation=load("validation"), test=test, fingerprint=whole.fingerprint, own_validation=True
        )
    count = int(len(whole) * (1 - job.recipe.validation_split))  # as Keras' own validation_split counts
    if job.recipe.validation_split and not 0 < count < len(whole):
        raise WorkbenchError(
            f"A validation_split of {job.recipe.validation_split} of "
            f"{plural(len(whole), 'training image')} leaves a part empty. Choose another, or 0 for none."
        )
    validation = whole.subset(slice(count, None)) if count < len(whole) else None
    return Parts(training=whole.subset(slice(count)), validation=validation, test=test, fingerprint=whole.fingerprint)


def _as_read(job: TrainingJob, data: Dataset) -> dict[str, Any]:
    """How the data was read; of image files also what was left to the default, which is part of the model."""
    if not is_folder(job.dataset):
        return job.reading
    fit, interpolation = data.fit
    return {**job.reading, "fit": fit, "interpolation": interpolation}


def _validation(parts: Parts) -> str:
    """Say which images were measured after each epoch."""
    if parts.validation is None:
        return "none"
    count = len(parts.validation)
    return (
        f"{plural(count, 'image')} of "
        f"{parts.validation.name if parts.own_validation else 'the end of the training part'}"
    )


def _save(
    name: str,
    folder: Path,
    state: State,
    parts: Parts,
    model: Any,
    *,
    noted: tuple[Dynamics | None, Mapping[str, Array] | None],
    progress: Progress,
) -> Run:
    """Measure the model on what it was not fitted to, and save the run with what was noted: dynamics and weights."""
    from workbench.models.probe import Probe

    probe = Probe(model, parts.training.image_shape)
    measured = {split: data for split, data in (("validation", parts.validation), ("test", parts.test)) if data}
    predictions = {}
    for done, (split, data) in enumerate(measured.items()):
        progress(f"Evaluating on {split}", done, len(measured))
        logits = np.concatenate([probe.logits(images) for images in data.batches()])
        predictions[split] = (Predictions(logits, data.labels), data)
    progress("Evaluating", len(measured), len(measured))
    manifest = Manifest(
        name=name,
        architecture=state.job.architecture,
        recipe=state.job.recipe_name,
        settings=state.job.recipe.model_dump(),
        seed=state.job.seed,
        epochs=state.epochs,
        dataset=state.job.dataset,
        reading=_as_read(state.job, parts.training),
        weights=state.job.weights,
        dataset_fingerprints={
            "train": parts.fingerprint,
            **({"test": parts.test.fingerprint} if parts.test else {}),
            **({"validation": parts.validation.fingerprint} if parts.validation and parts.own_validation else {}),
        },
        validation=_validation(parts),
        best_epoch=state.watch.best_epoch or None,
        class_names=parts.training.class_names,
        image_shape=parts.training.image_shape,
        versions=versions(),
        git_revision=git_revision(),
        metrics={
            split: {"accuracy": float(said.correct.mean()), "loss": float(said.loss.mean())}
            for split, (said, _) in predictions.items()
        },
        seconds=round(sum(row["seconds"] for row in state.history), 1),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        parameters=model.count_params(),
        corrections=None if state.job.corrections is None else state.job.corrections.record,
    )
    split = "test" if parts.test else "validation"
    kept = {split: predictions[split]} if split in predictions else {}
    texts = {} if state.job.corrections is None else {CORRECTIONS: state.job.corrections.table}
    return save_run(
        manifest,
        model,
        history=state.history,
        predictions=kept,
        dynamics=noted[0],
        checkpoints=noted[1],
        texts=texts,
        folder=folder,
    )

"""Fit a network to a data set and write a run; a training that was cut off can be resumed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from workbench.architectures import architectures
from workbench.augmentation import TrainingBatches, validation_batches
from workbench.checkpoint import Checkpoint, State
from workbench.contracts import Dataset, Predictions
from workbench.datasets import load_dataset
from workbench.dynamics import Dynamics
from workbench.errors import Unavailable, WorkbenchError, unknown
from workbench.manifest import Manifest
from workbench.noting import history_row, note, reporter
from workbench.progress import Progress, silent
from workbench.provenance import git_revision, versions
from workbench.recipes import Recipe, TrainingJob
from workbench.runs import Run, runs_folder, save_run

Row = Mapping[str, float]
Build = Callable[[tuple[int, int, int], int], Any]


@dataclass(frozen=True)
class Parts:
    """The data of a training; `validation` is the end of the training split, `test` is measured once, at the end."""

    training: Dataset
    validation: Dataset | None
    test: Dataset | None
    fingerprint: str  # of the whole training split


def train(
    name: str,
    *,
    job: TrainingJob | None = None,
    folder: str | Path | None = None,
    resume: bool = False,
    progress: Progress = silent,
    on_epoch: Callable[[Row], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> Run:
    """Train a network and save it as run `name`; one of that name stays whole until the new one replaces it.

    After each epoch there is a checkpoint, so that a training that was killed at any moment goes on with `resume`.

    Args:
        name: name of the run.
        job: what to train; None is the tuned baseline, or with `resume` whatever the checkpoint was training.
        folder: where runs are kept.
        resume: go on from the checkpoint, to the number of epochs that it was started with.
        progress: told "epoch 3/20" and how many of its batches are done.
        on_epoch: given each new row of the history: epoch, loss, accuracy, val_loss, val_accuracy, learning_rate,
            seconds.
        say: given a sentence when something is worth one: a checkpoint that is dropped or resumed.

    Raises:
        WorkbenchError: if the job does not fit the data, there is nothing to resume, the checkpoint was made by
            another job or from other data, or training diverges.
        Unavailable: if data cannot be found or the disk not be written; what was there before is still there.
    """
    folder = Path(folder or runs_folder())
    checkpoint = Checkpoint(folder, name)
    tell = say or _quiet
    before = _resumable(checkpoint, job, tell) if resume else None
    job = before.job if before else job or TrainingJob()
    if job.architecture not in architectures():
        raise unknown("architecture", job.architecture, architectures())
    parts = _parts(job, progress)
    if before and before.fingerprint != parts.fingerprint:
        raise WorkbenchError(
            f"The checkpoint of {name!r} was trained on other data: {job.dataset} has changed since. "
            "Train without --resume."
        )
    if not before:
        _say_dropped(checkpoint, tell)
    # Written before TensorFlow is imported, so that there is something to resume from the first moment on.
    state = before or checkpoint.write(State(job=job, fingerprint=parts.fingerprint))
    state, model = fit(checkpoint, state, parts, progress, on_epoch)
    run = _save(name, folder, state, parts, model, dynamics=checkpoint.dynamics(state), progress=progress)
    checkpoint.remove()
    return run


def _quiet(sentence: str) -> None:
    """Say nothing."""


def _resumable(checkpoint: Checkpoint, job: TrainingJob | None, tell: Callable[[str], None]) -> State:
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
    tell(f"Resuming {checkpoint.name!r} after {state.epochs} of {state.job.recipe.epochs} epochs.")
    return state.model_copy(update={"job": job or state.job})


def _say_dropped(checkpoint: Checkpoint, tell: Callable[[str], None]) -> None:
    try:
        old = checkpoint.read()
    except WorkbenchError:
        old = None
    if old is not None and old.epochs:
        tell(
            f"Starting over: the unfinished training of {checkpoint.name!r} ({old.epochs} of {old.job.recipe.epochs} "
            "epochs) is dropped. With --resume it would have gone on."
        )


def _settings(job: TrainingJob) -> dict[str, Any]:
    """What decides about the outcome of a job, by name; where the data lies does not, its fingerprint is compared."""
    values = job.model_dump(exclude={"data_dir", "recipe_name"})
    return {**values.pop("recipe"), **values}


def _parts(job: TrainingJob, progress: Progress) -> Parts:
    """Load the data and split the end of the training part off for validation."""
    whole = load_dataset(job.dataset, split="train", data_dir=job.data_dir, progress=progress)
    try:
        test = load_dataset(job.dataset, split="test", data_dir=job.data_dir, progress=progress)
    except Unavailable:
        test = None  # a file with a training part only
    count = int(len(whole) * (1 - job.recipe.validation_split))  # as Keras' own validation_split counts
    if job.recipe.validation_split and not 0 < count < len(whole):
        raise WorkbenchError(
            f"A validation_split of {job.recipe.validation_split} of {len(whole)} training images leaves a part empty. "
            "Choose another, or 0 for none."
        )
    validation = whole.subset(slice(count, None)) if count < len(whole) else None
    return Parts(whole.subset(slice(count)), validation, test, whole.fingerprint)


def fit(
    checkpoint: Checkpoint, state: State, parts: Parts, progress: Progress,
    on_epoch: Callable[[Row], None] | None = None, *, build: Build | None = None,
) -> tuple[State, Any]:  # fmt: skip
    """Train the epochs that are left, one at a time, with a checkpoint after each.

    Args:
        checkpoint: where they are kept.
        state: how far it is, and the job.
        parts: what is fitted, and what is measured after each epoch.
        progress: told "epoch 3/20" and how many of its batches are done.
        on_epoch: given each new row of the history.
        build: makes the model from image shape and number of classes; the job's architecture, if not given.

    Returns:
        The state after the last epoch, and the trained model.
    """
    progress("import TensorFlow", 0, 1)
    import keras

    from workbench.probe import Probe

    recipe, seed = state.job.recipe, state.job.seed
    keras.utils.set_random_seed(seed)
    batches = TrainingBatches(parts.training, recipe, seed)
    validation = validation_batches(parts.validation, recipe) if parts.validation else None
    if state.model:
        model = checkpoint.load_model(state)
    else:
        build = build or architectures()[state.job.architecture]
        model = build(parts.training.image_shape, len(parts.training.class_names))
        _compile(model, recipe, batches.steps)
    probe = Probe(model, parts.training.image_shape)
    dynamics = checkpoint.dynamics(state)
    while state.epochs < recipe.epochs:
        started = time.perf_counter()
        _seed_dropout(model, seed, state.epochs)
        fitted = model.fit(
            batches.epoch(state.epochs),
            initial_epoch=state.epochs,
            epochs=state.epochs + 1,
            validation_data=validation,
            shuffle=False,  # the batches are shuffled already
            verbose=0,
            callbacks=[reporter(progress, f"epoch {state.epochs + 1}/{recipe.epochs}", batches.steps)],
        )
        logs = {key: float(values[-1]) for key, values in fitted.history.items()}
        row = history_row(state.epochs + 1, logs, float(model.optimizer.learning_rate), time.perf_counter() - started)
        if not math.isfinite(row["loss"]):
            raise WorkbenchError(
                f"Training diverged in epoch {state.epochs + 1}: the loss is {row['loss']}. Choose a learning rate "
                f"below {recipe.learning_rate}."
            )
        if dynamics is not None or state.epochs == 0:  # an older checkpoint has epochs without
            dynamics = note(probe, parts.training, dynamics, progress)
        state = checkpoint.write(
            state.model_copy(update={"epochs": state.epochs + 1, "history": (*state.history, row)}), model, dynamics
        )
        if on_epoch is not None:
            on_epoch(row)
    return state, model


def _compile(model: Any, recipe: Recipe, steps: int) -> None:
    """Give a fresh model its optimizer, loss and metrics."""
    import keras

    from workbench.schedule import OneCycle

    rate: Any = recipe.learning_rate
    if recipe.schedule == "one-cycle":
        rate = OneCycle(recipe.learning_rate, recipe.epochs * steps, recipe.warm_up)
    adam = keras.optimizers.Adam(rate)
    adamw = keras.optimizers.AdamW(rate, weight_decay=recipe.weight_decay)
    smoothed = keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing)
    model.compile(
        optimizer=adamw if recipe.optimizer == "adamw" else adam,
        loss=smoothed if recipe.label_smoothing else "sparse_categorical_crossentropy",
        # The smoothed loss is in no comparable unit, so the curves show the plain one.
        metrics=["accuracy", *(["categorical_crossentropy"] if recipe.label_smoothing else [])],
    )


def _seed_dropout(model: Any, seed: int, epoch: int) -> None:
    """Let dropout depend on seed and epoch alone; Keras saves no state of its random numbers in a checkpoint."""
    states = [variable for variable in model.variables if variable.path.endswith("seed_generator_state")]
    for number, variable in enumerate(states):
        variable.assign(np.random.SeedSequence((seed, epoch, number)).generate_state(2))


def _save(
    name: str, folder: Path, state: State, parts: Parts, model: Any, *, dynamics: Dynamics | None, progress: Progress
) -> Run:
    """Measure the model on what it was not fitted to, and save the run."""
    from workbench.probe import Probe

    probe = Probe(model, parts.training.image_shape)
    measured = {split: data for split, data in (("validation", parts.validation), ("test", parts.test)) if data}
    predictions = {}
    for done, (split, data) in enumerate(measured.items()):
        progress(f"measure on {split}", done, len(measured))
        logits = np.concatenate([probe.logits(images) for images in data.batches()])
        predictions[split] = (Predictions(logits, data.labels), data)
    progress("measure", len(measured), len(measured))
    manifest = Manifest(
        name=name,
        architecture=state.job.architecture,
        recipe=state.job.recipe_name,
        settings=state.job.recipe.model_dump(),
        seed=state.job.seed,
        epochs=state.epochs,
        dataset=state.job.dataset,
        dataset_fingerprints={
            "train": parts.fingerprint,
            **({"test": parts.test.fingerprint} if parts.test else {}),
        },
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
    )
    kept = {split: pair for split, pair in predictions.items() if split == "test"}
    return save_run(manifest, model, history=state.history, predictions=kept, dynamics=dynamics, folder=folder)

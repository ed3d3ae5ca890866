"""Fit a network epoch by epoch, with a checkpoint after each, so that one that was cut off goes on as if it had not."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.core.dataset import Dataset
from workbench.core.errors import WorkbenchError
from workbench.core.progress import Progress
from workbench.core.types import Array
from workbench.training import devices, distribution
from workbench.training.architectures import architectures
from workbench.training.augmentation import TrainingBatches, validation_batches
from workbench.training.checkpoint import Checkpoint, State
from workbench.training.compiling import (
    Build,
    begins_phase,
    compile_for,
    end_in_float32,
    half_precision,
    highest_rate,
    set_phase,
    to_float32,
    with_weights,
)
from workbench.training.epoch_log import history_row, note, reporter
from workbench.training.kept_weights import due, kept_after
from workbench.training.multi_device import fit_epoch
from workbench.training.weight_averaging import Averages

Row = Mapping[str, float]
Tell = Callable[[str], None]
Start = Callable[[int, str], None]


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The data of a training; `test` is measured once, at the end.

    Attributes:
        training: what is fitted.
        validation: what is measured after each epoch; None for nothing.
        test: None where the data has none.
        fingerprint: of the whole training part.
        own_validation: whether `validation` is a part of its own, not the end of the training part.
        rows: `(N,)` int64, where the fitted images stand in the training part; None where they are its first N.
    """

    training: Dataset
    validation: Dataset | None
    test: Dataset | None
    fingerprint: str
    own_validation: bool = False
    rows: Array | None = None


def fit(
    checkpoint: Checkpoint,
    state: State,
    parts: Parts,
    progress: Progress,
    on_epoch: Callable[[Row], None] | None = None,
    *,
    build: Build | None = None,
    on_start: Start | None = None,
    say: Tell | None = None,
) -> tuple[State, Any]:
    """Train the epochs that are left, one at a time, with a checkpoint after each.

    Args:
        checkpoint: where they are kept.
        state: how far it is, and the job.
        parts: what is fitted, and what is measured after each epoch.
        progress: told "epoch 3/20" and how many of its batches are done, and "all epochs" likewise.
        on_epoch: given each new row of the history.
        build: makes the model from image shape and number of classes; the job's architecture, if not given.
        on_start: told how many epochs there are in all, and on what they are computed, once that is known.
        say: given a sentence when something is worth one.

    Returns:
        The state after the last epoch, and the trained model: with the weights of the best epoch where the recipe has
        a `patience`, with the mean weights where it averages, in float32 always.

    Raises:
        WorkbenchError: if training diverges, or the recipe does not go with the network or this process.
        Unavailable: if a checkpoint cannot be written.
    """
    progress("Loading TensorFlow", 0, 1)
    from workbench.models.probe import Probe

    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of one trace for each of several trainings
    recipe = state.job.recipe
    half = _begin(state, parts, say or _silent)
    batches = TrainingBatches(parts.training, recipe, state.job.seed)
    validation = validation_batches(parts.validation, recipe) if parts.validation else None
    model = _opened(checkpoint, state, parts, build, half=half)
    if on_start is not None:
        on_start(recipe.epochs, devices.describe() + distribution.describe())
    averages = Averages(model, recipe.averaging, checkpoint.arrays(state, state.averages)) if recipe.averaging else None
    probe = Probe(model, parts.training.image_shape)
    dynamics = checkpoint.dynamics(state)
    while state.epochs < recipe.epochs and not state.watch.stopped:
        _prepare(model, state, batches.steps)
        said = reporter(progress, state.epochs, recipe.epochs, batches.steps)
        row = _epoch(model, state, batches, validation, [said, *([averages.callback()] if averages else [])])
        history = (*state.history, row)
        kept = None
        if state.epochs + 1 in due(recipe.epochs, state.job.checkpoints):
            kept = kept_after(checkpoint.arrays(state, state.kept), history, model.get_weights())
        watch, best = state.watch.after(state.epochs + 1, row["val_loss"], recipe), None
        with averages.lent() if averages else nullcontext():
            if dynamics is not None or state.epochs == 0:  # an older checkpoint has epochs without
                dynamics = note(probe, parts.training, dynamics, progress, rows=parts.rows)
            if recipe.patience and watch.improved:
                best = _weights(model)
        state = checkpoint.write(
            state.model_copy(update={"epochs": state.epochs + 1, "watch": watch, "history": history}),
            model,
            dynamics,
            averages=averages.state() if averages else None,
            best=best,
            kept=kept,
        )
        if on_epoch is not None:
            on_epoch(row)
    _say_best(state, say or _silent)
    return state, _finished(model, checkpoint, state, averages, half)


def _silent(sentence: str) -> None:
    """Say nothing."""


def _begin(state: State, parts: Parts, say: Tell) -> bool:
    """Set seed and order of all that is computed; return whether it is computed in half precision."""
    import keras

    recipe = state.job.recipe
    if recipe.watches_validation and parts.validation is None:
        raise WorkbenchError("This recipe looks at the validation loss, and there are no validation images.")
    if state.job.deterministic:
        devices.one_order()
    distribution.start()  # several workers can only be joined before anything is computed
    keras.utils.set_random_seed(state.job.seed)
    half = recipe.mixed_precision and bool(devices.gpus())
    if recipe.mixed_precision and not half:
        say("Mixed precision needs a GPU (it is slower on a CPU): training in float32.")
    return half


def _opened(checkpoint: Checkpoint, state: State, parts: Parts, build: Build | None, *, half: bool) -> Any:
    """Load the model of a checkpoint, or build it."""
    with distribution.scope():
        if state.model:
            return checkpoint.load_model(state)
        build = build or with_weights(architectures()[state.job.architecture], state.job)
        with half_precision(half):
            model = build(parts.training.image_shape, len(parts.training.class_names))
        if half:
            end_in_float32(model)
        return model


def _epoch(
    model: Any, state: State, batches: TrainingBatches, validation: Any, callbacks: list[Any]
) -> dict[str, float]:
    """Go through the training images once.

    Returns:
        The row of the history.
    """
    started = time.perf_counter()
    logs = fit_epoch(model, batches.epoch(state.epochs), epoch=state.epochs, validation=validation, callbacks=callbacks)
    row = history_row(state.epochs + 1, logs, float(model.optimizer.learning_rate), time.perf_counter() - started)
    if not math.isfinite(row["loss"]):
        raise WorkbenchError(
            f"Training diverged in epoch {state.epochs + 1}: the loss is {row['loss']}. Choose a learning rate "
            f"below {state.job.recipe.learning_rate}."
        )
    return row


def _prepare(model: Any, state: State, steps: int) -> None:
    """Make a model ready for the next epoch: its layers, its optimizer, its step size, its dropout."""
    recipe, epoch = state.job.recipe, state.epochs
    if begins_phase(recipe, epoch):
        set_phase(model, recipe, epoch, state.job.architecture)
        with distribution.scope():
            compile_for(model, recipe, steps, epoch)
    if recipe.schedule == "reduce-on-plateau":
        model.optimizer.learning_rate = highest_rate(recipe, epoch) * state.watch.factor
    _seed_dropout(model, state.job.seed, epoch)


def _seed_dropout(model: Any, seed: int, epoch: int) -> None:
    """Let dropout depend on seed and epoch alone; Keras saves no state of its random numbers in a checkpoint."""
    states = [variable for variable in model.variables if variable.path.endswith("seed_generator_state")]
    for number, variable in enumerate(states):
        variable.assign(np.random.SeedSequence((seed, epoch, number)).generate_state(2))


def _weights(model: Any) -> dict[str, Array]:
    return {f"weight{number}": weight for number, weight in enumerate(model.get_weights())}


def _say_best(state: State, say: Tell) -> None:
    """Say whose weights are kept, where they are not those of the last epoch that was asked for."""
    recipe, best = state.job.recipe, state.watch.best_epoch
    if recipe.patience and (state.epochs, best) != (recipe.epochs, recipe.epochs):
        early = "Stopped early" if state.epochs < recipe.epochs else "Ended"
        say(f"{early} after epoch {state.epochs}; keeping the weights of epoch {best}, the best.")


def _finished(model: Any, checkpoint: Checkpoint, state: State, averages: Averages | None, half: bool) -> Any:
    """Return the model with the weights that the recipe wants at the end."""
    best = checkpoint.arrays(state, state.best)
    if state.job.recipe.patience and best is not None:
        model.set_weights([best[f"weight{number}"] for number in range(len(best))])
    elif averages is not None:
        averages.keep()
    return to_float32(model) if half else model

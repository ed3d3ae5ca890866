"""A recipe's optimizer, loss and precision for a model, and which of its layers are trained in which epochs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.training.recipes import Recipe, TrainingJob

Build = Callable[[tuple[int, int, int], int], Any]
BACKBONE = "backbone"
"""Name of the layer or nested model that transfer learning keeps as it is at first."""


def refuse_weights(architecture: str, build: Callable[..., Any], weights: str) -> None:
    """Refuse weights that a network does not take, or a file that is not there.

    Raises:
        WorkbenchError: if the network starts from random weights.
        Unavailable: if there is no such file.
    """
    if weights == "none":
        return
    if "weights" not in inspect.signature(build).parameters:
        raise WorkbenchError(
            f"`weights` are for the backbone of a pretrained network. {architecture!r} takes none. Got {weights!r}: "
            "leave it out, or choose a pretrained architecture."
        )
    if weights != "imagenet" and not Path(weights).is_file():
        raise Unavailable(f"There is no file {weights} of weights. They are imagenet, none, or the path of a file.")


def with_weights(build: Callable[..., Any], job: TrainingJob) -> Build:
    """Return `build` with the job's weights for a backbone, where it takes some."""
    if "weights" not in inspect.signature(build).parameters:
        return build

    def built(image_shape: tuple[int, int, int], classes: int) -> Any:
        return build(image_shape, classes, weights=job.weights)

    return built


def begins_phase(recipe: Recipe, epoch: int) -> bool:
    """Whether an epoch, counted from 0, is the first one in which other layers are trained than before."""
    return epoch == 0 or (recipe.frozen_epochs > 0 and epoch == recipe.frozen_epochs)


def set_phase(model: Any, recipe: Recipe, epoch: int, architecture: str) -> None:
    """Freeze the backbone, or let it be trained, as the recipe says for an epoch counted from 0.

    A frozen BatchNormalization uses the statistics it came with, and does not change them. In a backbone that was
    frozen at first it stays so: the batches of a small data set would replace the statistics that its weights rest on.

    Raises:
        WorkbenchError: if it is to be frozen, and there is none.
    """
    backbone = next((layer for layer in model.layers if layer.name == BACKBONE), None)
    if backbone is None:
        if recipe.frozen_epochs:
            raise WorkbenchError(
                f"`frozen_epochs` freezes the layer called {BACKBONE!r}, and {architecture!r} has none. Set it to 0, "
                "or choose an architecture that transfers one."
            )
        return
    backbone.trainable = epoch >= recipe.frozen_epochs
    if recipe.frozen_epochs and backbone.trainable:
        for layer in getattr(backbone, "_flatten_layers", list)():
            if type(layer).__name__ == "BatchNormalization":
                layer.trainable = False


def compile_for(model: Any, recipe: Recipe, steps: int, epoch: int = 0) -> None:
    """Give a model a new optimizer, its loss and its metrics, for the phase that begins with an epoch.

    A schedule runs once through each phase.

    Args:
        model: uncompiled, or of the phase before.
        recipe: the settings.
        steps: of the optimizer in one epoch.
        epoch: the first one of the phase, counted from 0.
    """
    import keras

    ends = recipe.epochs if epoch >= recipe.frozen_epochs else recipe.frozen_epochs
    rate = _rate(recipe, steps * max(ends - epoch, 1), highest_rate(recipe, epoch))
    smoothed = keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing)
    # A smoothed or weighted loss is in no comparable unit, so the curves show the plain one.
    plain = "categorical_crossentropy" if recipe.label_smoothing else "sparse_categorical_crossentropy"
    changed = recipe.label_smoothing or recipe.class_weights != "none"
    model.compile(
        optimizer=_optimizer(recipe, rate),
        loss=smoothed if recipe.label_smoothing else "sparse_categorical_crossentropy",
        metrics=["accuracy", *([plain] if changed else [])],
    )


def highest_rate(recipe: Recipe, epoch: int) -> float:
    """Return the highest step size of the phase that an epoch, counted from 0, belongs to."""
    unfrozen = 0 < recipe.frozen_epochs <= epoch
    return recipe.learning_rate * (recipe.unfrozen_rate if unfrozen else 1)


def _rate(recipe: Recipe, steps: int, highest: float) -> Any:
    """Return a step size or a schedule of them."""
    from workbench.training.schedule import Cosine, OneCycle

    if recipe.schedule == "one-cycle":
        return OneCycle(highest, steps, recipe.warm_up)
    return Cosine(highest, steps, recipe.cycles) if recipe.schedule == "cosine" else highest


def _optimizer(recipe: Recipe, rate: Any) -> Any:
    from keras import optimizers

    decay = recipe.weight_decay
    if recipe.optimizer == "adamw":
        return optimizers.AdamW(rate, weight_decay=decay)
    if recipe.optimizer == "sgd":
        return optimizers.SGD(rate, momentum=recipe.momentum, nesterov=recipe.momentum > 0, weight_decay=decay or None)
    return optimizers.RMSprop(rate) if recipe.optimizer == "rmsprop" else optimizers.Adam(rate)


@contextmanager
def half_precision(wanted: bool) -> Iterator[None]:
    """Build layers inside that compute in float16 and keep their weights in float32, if wanted."""
    import keras

    before = keras.config.dtype_policy()
    if wanted:
        keras.config.set_dtype_policy("mixed_float16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def end_in_float32(model: Any) -> None:
    """Let the last layer of a half-precision model compute in float32, as a softmax must to be exact."""
    model.layers[-1].dtype_policy = "float32"


def to_float32(model: Any) -> Any:
    """Return a half-precision model's copy that computes in float32, uncompiled; the weights are the same."""
    for layer in model._flatten_layers(include_self=False):
        layer.dtype_policy = "float32"
    copy = type(model).from_config(model.get_config())
    copy.set_weights(model.get_weights())
    return copy

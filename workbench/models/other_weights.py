"""A model with other weights that the model itself never sees: parameter randomisation without a copy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from workbench.core.types import Array
from workbench.models.probe import Probe


class Reweighted:
    """A probe that runs its model with other weights; compiled functions serve all of them.

    Attributes:
        probe: walks the model with the weights that were set last.
        trained: the model's own weights, with which it begins.

    Args:
        probe: of the model; neither it nor its model changes.
    """

    def __init__(self, probe: Probe) -> None:
        self.trained = [np.asarray(weight.value) for weight in probe.model.weights]
        self._own = [tf.Variable(values) for values in self.trained]
        self.probe = probe.with_weights(self._own)

    def set(self, values: Sequence[Array]) -> None:
        """Take these weights from now on, in the order of `model.weights`."""
        for own, value in zip(self._own, values, strict=True):
            own.assign(value)


def weighted_layers(probe: Probe) -> dict[str, list[int]]:
    """Find the layers that have weights, from the output back to the input.

    Returns:
        Name of each layer, and the places of its weights in `model.weights`; one that is shared is counted once.
    """
    place = {id(weight): number for number, weight in enumerate(probe.model.weights)}
    found: list[tuple[str, list[int]]] = []
    for name, outer in probe.keras_layers.items():
        inner = outer._flatten_layers() if hasattr(outer, "_flatten_layers") else []
        for layer in inner:
            places = [place.pop(id(weight)) for weight in _direct(layer) if id(weight) in place]
            if places:
                found.append((name if layer is outer else f"{name}/{layer.name}", places))
    return dict(reversed(found))


def initial(probe: Probe, seed: int) -> list[Array]:
    """Draw fresh weights of the whole model, each by its own layer's initialiser, in the order of `model.weights`.

    Statistics of a normalisation go back to 0 and 1, as their initialisers say. A weight whose layer names no
    initialiser is drawn by Glorot's rule, or is zero where it has one axis.
    """
    values = [np.asarray(weight.value) for weight in probe.model.weights]
    place = {id(weight): number for number, weight in enumerate(probe.model.weights)}
    for layer in probe.model._flatten_layers():
        for weight in _direct(layer):
            number = place.get(id(weight))
            if number is not None and np.issubdtype(values[number].dtype, np.floating):
                drawn = _initialiser(layer, weight.name, values[number].ndim, seed + number)(weight.shape, weight.dtype)
                values[number] = np.asarray(drawn)
    return values


def _direct(layer: Any) -> list[Any]:
    """Weights that a layer holds itself, not through another layer."""
    inner = {id(weight) for each in layer._flatten_layers(include_self=False) for weight in each.weights}
    return [weight for weight in layer.weights if id(weight) not in inner]


def _initialiser(layer: Any, name: str, axes: int, seed: int) -> Any:
    names = [f"{name}_initializer", f"{name.removesuffix('_kernel')}_initializer", "depthwise_initializer"]
    given = next((getattr(layer, each) for each in names if hasattr(layer, each)), None)
    if given is None:
        given = keras.initializers.GlorotUniform() if axes > 1 else keras.initializers.Zeros()
    config = given.get_config() if hasattr(given, "get_config") else {}
    return type(given).from_config({**config, "seed": seed}) if "seed" in config else given

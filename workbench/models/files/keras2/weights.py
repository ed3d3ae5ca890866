"""Weights in files of Keras 2, put into a model that was built anew: by name, never by what happens to fit."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import keras
import numpy as np

from workbench.core.errors import WorkbenchError
from workbench.core.types import Array
from workbench.models.files.keras2 import MODELS, layers_of
from workbench.models.files.keras2.words import Config, layer_name

Named = list[tuple[str, Array]]


def load_hdf5_weights(model: keras.Model, group: Any) -> None:
    """Put the weights of an `.h5` file of Keras 2 into the model of its description.

    Args:
        model: built, with layers of the file's names.
        group: "model_weights" of the file: a group for each layer, with its "weight_names".

    Raises:
        WorkbenchError: if a layer's weights are missing, too many, or of another shape.
    """
    stored = {}
    for name in _texts(group, "layer_names"):
        within = group[name]
        stored[layer_name(name)] = [(each, np.asarray(within[each])) for each in _texts(within, "weight_names")]
    wanted = {layer.name: layer for layer in model.layers if layer.weights}
    given = {name for name, weights in stored.items() if weights}
    if wanted.keys() != given:
        raise WorkbenchError(f"The weights of {min(wanted.keys() ^ given)!r} stand in the file or the model alone.")
    for name, layer in wanted.items():
        _assign(layer, stored[name])
    _finish(model)


def _finish(model: keras.Model) -> None:
    """Let layers compute what they keep beside their weights: `Normalization` its mean and deviation."""
    for layer in model._flatten_layers():
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()


def _texts(group: Any, name: str) -> list[str]:
    """An attribute that is a list of texts; a long one is split into several."""
    if name in group.attrs:
        found = list(group.attrs[name])
    else:
        found, number = [], 0
        while f"{name}{number}" in group.attrs:
            found += list(group.attrs[f"{name}{number}"])
            number += 1
    return [each.decode() if isinstance(each, bytes) else str(each) for each in found]


def _assign(layer: Any, stored: Named) -> None:
    """Pair weights by the names of their layer and their own; where these differ, by the order within one layer."""
    variables = [*layer.trainable_weights, *layer.non_trainable_weights]
    if len(variables) != len(stored):
        raise WorkbenchError(
            f"The layer {layer.name!r} has {len(variables)} weights; the file has {len(stored)} of it."
        )
    own = {_key(each.path)[0]: each for each in variables}
    keys = [next((key for key in _key(name) if key in own), None) for name, _ in stored]
    if len(own) == len(variables) and set(keys) == own.keys():
        pairs = [(own[key], values) for key, (_, values) in zip(keys, stored, strict=True) if key is not None]
    elif isinstance(layer, keras.Model) and len({each.shape for each in variables}) < len(variables):
        raise WorkbenchError(f"The weights of {layer.name!r} in the file have other names than its layers.")
    else:
        pairs = list(zip(variables, [values for _, values in stored], strict=True))
    for variable, values in pairs:
        _put(variable, values, layer.name)


def _key(path: str) -> list[tuple[str, str]]:
    """The name of a weight's layer and its own, in every form that they may have in Keras 3, the likeliest first."""
    owner, _, own = (path.rpartition(":")[0] or path).rpartition("/")
    owners = (owner.rpartition("/")[2], layer_name(owner))
    return [(each, name) for name in (own, own.removeprefix("depthwise_")) for each in owners]


def _put(variable: Any, values: Array, name: str) -> None:
    if tuple(variable.shape) != values.shape:
        raise WorkbenchError(
            f"A weight of {name!r} must have shape {tuple(variable.shape)}. The file has one of shape {values.shape}."
        )
    variable.assign(values)


def load_keras_weights(model: keras.Model, config: Config, file: Any) -> None:
    """Put the weights of a `.keras` file of Keras 2 into the model of its description.

    They stand under the class of each layer, numbered in the order of the description, not under its name.

    Args:
        model: built.
        config: the description.
        file: "model.weights.h5" in it.

    Raises:
        WorkbenchError: if a layer's weights are missing, too many, or of another shape.
    """
    done: set[int] = set()
    _fill(model, config, file, done)
    missing = next((each for each in model.weights if id(each) not in done), None)
    if missing is not None:
        raise WorkbenchError(f"The file has no weights for {missing.path!r}.")
    _finish(model)


def _fill(model: Any, config: Config, group: Any, done: set[int]) -> None:
    named = {layer.name: layer for layer in model.layers}
    seen: Counter[str] = Counter()
    for entry in layers_of(config):
        kind = str(entry["class_name"]).rpartition(">")[2]  # as files name it, whoever wrote the class
        snake = _snake(kind)
        place = f"layers/{snake}_{seen[snake]}" if seen[snake] else f"layers/{snake}"
        seen[snake] += 1
        layer = named.get(layer_name(entry.get("name") or entry["config"].get("name")))
        if layer is None or place not in group:
            continue
        if kind in MODELS:
            _fill(layer, entry, group[place], done)
        else:
            _own(layer, group[place], done)


def _own(layer: Any, group: Any, done: set[int]) -> None:
    """Fill a layer and the layers inside it, which stand under the names of its attributes."""
    values = [np.asarray(group["vars"][str(n)]) for n in range(len(group["vars"]))] if "vars" in group else []
    variables = [
        each
        for each in (*layer._trainable_variables, *layer._non_trainable_variables)
        if any(each is weight for weight in layer.weights)
    ]
    if values:
        if len(values) != len(variables):
            raise WorkbenchError(
                f"The layer {layer.name!r} has {len(variables)} weights of its own; the file has {len(values)}."
            )
        for variable, value in zip(variables, values, strict=True):
            _put(variable, value, layer.name)
            done.add(id(variable))
    for name in group:
        inner = getattr(layer, name, None)
        if name != "vars" and isinstance(inner, keras.layers.Layer):
            _own(inner, group[name], done)


def _snake(name: str) -> str:
    """A class's name as Keras 2 writes it in its files."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()

"""Models as Keras 2 (and tf_keras) describe them, built anew with the layers of Keras 3.

The description is walked, not run: a layer is one of Keras's own classes, an operation of TensorFlow one of those that
`operations` names, and anything else is refused by its name. What differs between the two Keras stands in `words`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import keras

from workbench.core.errors import WorkbenchError
from workbench.models.files.keras2.operations import operation_of
from workbench.models.files.keras2.words import CLOSED, Config, arguments, class_name, dtype_name, layer_name

MODELS = ("Functional", "Model", "Sequential")


def written_by_keras_2(config: Config, version: str) -> bool:
    """Whether a description of a model is one of Keras 1 or 2: by its version, else by its words."""
    if version[:1].isdigit():
        return version.split(".", maxsplit=1)[0] in ("1", "2")
    return "batch_input_shape" in str(config)


def build(config: Config) -> keras.Model:
    """Build the model of a description with the layers of Keras 3; its weights are not the file's yet.

    Args:
        config: "class_name" and "config", as `model.to_json()` of Keras 2 writes them.

    Raises:
        WorkbenchError: if it has a layer, an operation or an argument that Keras 3 does not have.
    """
    model = _model(config)
    if not isinstance(model, keras.Model):
        raise WorkbenchError("It describes a layer, and no model.")
    return model


def layers_of(config: Config) -> list[Config]:
    """Descriptions of a model's layers, in the order of Keras 2."""
    inner = config["config"]
    return list(inner if isinstance(inner, list) else inner["layers"])


def _model(entry: Config) -> Any:
    kind = class_name(entry)
    inner = entry["config"]
    if kind == "Sequential":
        return _sequential(entry)
    if kind in MODELS and isinstance(inner, dict) and "input_layers" in inner:
        return _functional(inner)
    raise WorkbenchError(f"{kind!r} is a class with code of its own, which is not in the file.")


def _sequential(entry: Config) -> Any:
    inner = entry["config"]
    name = inner.get("name") if isinstance(inner, dict) else None
    model, listed = keras.Sequential(name=layer_name(name)), layers_of(entry)
    shape = inner.get("build_input_shape") if isinstance(inner, dict) else None
    first = listed[0]["config"] if listed else {}
    shape = (first.get("batch_input_shape") or first.get("batch_shape") or shape) if isinstance(first, dict) else shape
    if shape is not None:
        model.add(keras.Input(batch_shape=shape, dtype=dtype_name(first.get("dtype")) or "float32"))
    for each in listed:
        if class_name(each) != "InputLayer":
            model.add(_layer(each))
    return model


def _functional(config: Config) -> Any:
    """Call every layer as its "inbound_nodes" say, as soon as what it is given is there."""
    outputs: dict[str, list[Any]] = {}
    waiting = [(entry, number, node) for entry in config["layers"] for number, node in enumerate(_nodes(entry))]
    made: dict[str, Any] = {}
    for entry in config["layers"]:
        name = entry.get("name") or entry["config"]["name"]
        if class_name(entry) == "InputLayer":
            given = entry["config"]
            shape = given.get("batch_input_shape") or given.get("batch_shape")
            dtype = dtype_name(given.get("dtype")) or "float32"
            outputs[name] = [keras.Input(batch_shape=shape, dtype=dtype, name=layer_name(name))]
        else:
            made[name] = operation_of(entry) or _layer(entry)
            # What a nested model gave when it was made is its first output.
            outputs[name] = [None] if class_name(entry) in MODELS else []
    while waiting:
        left = []
        for entry, number, node in waiting:
            name = entry.get("name") or entry["config"]["name"]
            offset = int(class_name(entry) in MODELS)
            ready = len(outputs[name]) == number + offset
            if not ready or not all(_there(outputs, each) for each in _references(node, outputs)):
                left.append((entry, number, node))
                continue
            outputs[name].append(_called(made[name], node, outputs, name))
        if len(left) == len(waiting):
            raise WorkbenchError(f"The layer {left[0][0].get('name')!r} is given what no layer gives.")
        waiting = left
    ends = [[_tensor(outputs, each) for each in _listed(config[key])] for key in ("input_layers", "output_layers")]
    first, last = (each[0] if len(each) == 1 else each for each in ends)
    return keras.Model(first, last, name=layer_name(config.get("name")), trainable=config.get("trainable", True))


def _nodes(entry: Config) -> list[Any]:
    return [] if class_name(entry) == "InputLayer" else entry.get("inbound_nodes", [])


def _listed(references: Any) -> list[Any]:
    return [references] if references and isinstance(references[0], str) else list(references)


def _is_reference(node: Any) -> bool:
    return (
        isinstance(node, list)
        and len(node) in (3, 4)
        and isinstance(node[0], str)
        and isinstance(node[1], int)
        and not isinstance(node[1], bool)
    )


def _references(node: Any, outputs: Mapping[str, Any]) -> Iterator[list[Any]]:
    """Yield everything in a node that names the output of a layer."""
    if _is_reference(node):
        if node[0] in outputs:
            yield node
        for value in (node[3] if len(node) > 3 else {}).values():
            yield from _references(value, outputs)
    elif isinstance(node, list):
        for each in node:
            yield from _references(each, outputs)


def _there(outputs: Mapping[str, list[Any]], reference: list[Any]) -> bool:
    return len(outputs[reference[0]]) > reference[1]


def _tensor(outputs: Mapping[str, list[Any]], reference: list[Any]) -> Any:
    found = outputs[reference[0]][reference[1]]
    return found[reference[2]] if isinstance(found, list | tuple) else found


def _resolved(node: Any, outputs: Mapping[str, list[Any]]) -> Any:
    """Put tensors in the place of their names; constants stay."""
    if _is_reference(node):
        if node[0] == "_CONSTANT_VALUE":
            return node[2]
        if node[0] in outputs:
            return _tensor(outputs, node)
    return [_resolved(each, outputs) for each in node] if isinstance(node, list) else node


def _called(layer: Any, node: Any, outputs: Mapping[str, list[Any]], name: str) -> Any:
    first = node
    while isinstance(first, list) and not _is_reference(first):
        first = first[0]
    keywords = first[3] if len(first) > 3 else {}
    keywords = {key: _resolved(value, outputs) for key, value in keywords.items()}
    given = _resolved(node, outputs)
    if isinstance(layer, keras.layers.Layer):
        if isinstance(given, list) and len(given) == 1:
            given = given[0]
        return layer(given, **{key: value for key, value in keywords.items() if value is not None})
    output = layer(given, keywords)
    operation = output._keras_history.operation
    if not isinstance(operation, keras.layers.Layer):
        operation.name = name  # as in the file, and the same whenever it is opened
    return output


def _layer(entry: Config) -> Any:
    """Make one layer, or a nested model.

    Raises:
        WorkbenchError: if it is none of Keras's own and not registered, or has an argument that Keras 3 lacks.
    """
    kind = class_name(entry)
    if kind in MODELS:
        return _model(entry)
    registered = keras.saving.get_registered_object(str(entry.get("registered_name") or entry["class_name"]))
    if registered is not None:
        return registered.from_config(entry["config"])
    if kind == "ThresholdedReLU":
        config = entry["config"]
        return keras.layers.ReLU(threshold=config.get("theta", 1.0), name=layer_name(config["name"]))
    found = getattr(keras.layers, kind, None)
    if found is None or kind in CLOSED or not issubclass(found, keras.layers.Layer):
        raise WorkbenchError(
            f"It has a layer {kind!r}, which Keras 3 does not have. One of your own can be registered with "
            "`keras.saving.register_keras_serializable`"
        )
    return found.from_config(arguments(found, kind, entry["config"]))

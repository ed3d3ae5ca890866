"""Models as Keras 2 (and tf_keras) describe them, built anew with the layers of Keras 3.

The description is walked, not run: a layer is one of Keras's own classes, an operation of TensorFlow one of those named
here, and anything else is refused by its name. What differs between the two is written down once, below: arguments that
Keras 3 has no more, and functions of one name that compute something else.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from workbench.core.errors import WorkbenchError

Config = dict[str, Any]
MODELS = ("Functional", "Model", "Sequential")
RENAMED = {
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "SyncBatchNormalization": "BatchNormalization",
    "LSTMV2": "LSTM",
    "GRUV2": "GRU",
}
CLOSED = ("Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer")
"""Layers of Keras that run code of others."""
ANY: Any = object()
NEUTRAL: dict[str, Any] = {
    "trainable": ANY,
    "groups": 1,
    "time_major": False,
    "ragged": False,
    "sparse": False,
    "renorm": False,
    "softmax_robust_masking": False,
    "renorm_clipping": ANY,
    "renorm_momentum": ANY,
    "fused": ANY,
    "implementation": ANY,
    "rng_type": ANY,
    "input_length": ANY,
    "query_shape": ANY,
    "key_shape": ANY,
    "value_shape": ANY,
    "batch_input_shape": ANY,
    "input_spec": ANY,
}
"""Arguments of Keras 2 that Keras 3 lacks, and the value with which they change nothing."""
OF_TRAINING = ("_regularizer", "_constraint", "_initializer")
"""Ends of the names of arguments that have no effect on predictions."""
WRAPPED = ("layer", "backward_layer", "cell", "cells")
FUNCTIONS = {"swish": "silu", "softmax_v2": "softmax", "log_softmax_v2": "log_softmax", "identity": "linear"}
"""Activations of another name."""


@keras.saving.register_keras_serializable("workbench", "hard_sigmoid_of_keras_2")  # type: ignore[untyped-decorator]
def hard_sigmoid_of_keras_2(x: Any) -> Any:
    """clip(0.2 x + 0.5, 0, 1), as in Keras 2; that of Keras 3 is clip(x / 6 + 0.5, 0, 1)."""
    return ops.clip(0.2 * x + 0.5, 0.0, 1.0)


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


def layer_name(name: Any) -> Any:
    """A layer's name in Keras 3, which has no `/`."""
    return name.replace("/", "_") if isinstance(name, str) else name


def layers_of(config: Config) -> list[Config]:
    """Descriptions of a model's layers, in the order of Keras 2."""
    inner = config["config"]
    return list(inner if isinstance(inner, list) else inner["layers"])


def _model(entry: Config) -> Any:
    kind = _class_name(entry)
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
        model.add(keras.Input(batch_shape=shape, dtype=_dtype(first.get("dtype")) or "float32"))
    for each in listed:
        if _class_name(each) != "InputLayer":
            model.add(_layer(each))
    return model


def _functional(config: Config) -> Any:
    """Call every layer as its "inbound_nodes" say, as soon as what it is given is there."""
    outputs: dict[str, list[Any]] = {}
    waiting = [(entry, number, node) for entry in config["layers"] for number, node in enumerate(_nodes(entry))]
    made: dict[str, Any] = {}
    for entry in config["layers"]:
        name = entry.get("name") or entry["config"]["name"]
        if _class_name(entry) == "InputLayer":
            given = entry["config"]
            shape = given.get("batch_input_shape") or given.get("batch_shape")
            dtype = _dtype(given.get("dtype")) or "float32"
            outputs[name] = [keras.Input(batch_shape=shape, dtype=dtype, name=layer_name(name))]
        else:
            made[name] = _operation(entry) or _layer(entry)
            # What a nested model gave when it was made is its first output.
            outputs[name] = [None] if _class_name(entry) in MODELS else []
    while waiting:
        left = []
        for entry, number, node in waiting:
            name = entry.get("name") or entry["config"]["name"]
            offset = int(_class_name(entry) in MODELS)
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
    return [] if _class_name(entry) == "InputLayer" else entry.get("inbound_nodes", [])


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


def _class_name(entry: Config) -> str:
    """The name of a class of Keras; one of somebody else has its package or module before it, so that it is none."""
    name, module = str(entry["class_name"]), str(entry.get("module") or "keras").split(".")[0]
    package = str(entry.get("registered_name") or name).rpartition(">")[0]
    if package not in ("", "Experimental") or module not in ("keras", "tf_keras", "tensorflow"):
        return f"{package or module}>{name.rpartition('>')[2]}"
    name = name.rpartition(">")[2]
    return RENAMED.get(name, name)


def _layer(entry: Config) -> Any:
    """Make one layer, or a nested model.

    Raises:
        WorkbenchError: if it is none of Keras's own and not registered, or has an argument that Keras 3 lacks.
    """
    kind = _class_name(entry)
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
    return found.from_config(_arguments(found, kind, entry["config"]))


def _arguments(found: Any, kind: str, config: Config) -> Config:
    """A layer's arguments in the words of Keras 3.

    Raises:
        WorkbenchError: if one of them means something that Keras 3 does not have.
    """
    known, changed = _parameters(found), {}
    for key, value in config.items():
        name = "negative_slope" if (kind, key) == ("LeakyReLU", "alpha") else key
        if name in known:
            changed[name] = layer_name(value) if name == "name" else _argument(kind, name, value)
        elif not _changes_nothing(key, value):
            raise WorkbenchError(f"Its layer {config.get('name')!r} ({kind}) has {key}={value!r}, which Keras 3 lacks.")
    return {key: value for key, value in changed.items() if not (key.endswith(OF_TRAINING) and value is None)}


def _changes_nothing(key: str, value: Any) -> bool:
    return value is None or key.endswith(OF_TRAINING) or (key in NEUTRAL and NEUTRAL[key] in (ANY, value))


def _parameters(found: Any) -> set[str]:
    """Names of the arguments that a class takes, and those that it hands on to the classes before it."""
    names: set[str] = set()
    for each in found.__mro__:
        if "__init__" in vars(each):
            parameters = inspect.signature(vars(each)["__init__"]).parameters
            names |= parameters.keys()
            if all(one.kind is not inspect.Parameter.VAR_KEYWORD for one in parameters.values()):
                break
    return names


def _argument(kind: str, key: str, value: Any) -> Any:
    if key.endswith(OF_TRAINING):
        return _initializer(value) if key.endswith("_initializer") else None
    if key == "dtype":
        return _dtype(value)
    if key.endswith("activation"):
        return _activation(value)
    if key in WRAPPED and isinstance(value, list):
        return [_wrapped(each) for each in value]
    if key in WRAPPED and isinstance(value, dict):
        return _wrapped(value)
    return _axis(value) if key == "axis" and kind == "BatchNormalization" else value


def _wrapped(entry: Config) -> Config:
    """The description of a layer inside another one, in the words of Keras 3."""
    kind = _class_name(entry)
    found = getattr(keras.layers, kind, None)
    if found is None or kind in CLOSED:
        raise WorkbenchError(f"It has a layer {kind!r}, which Keras 3 does not have.")
    return {
        "module": "keras.layers",
        "class_name": kind,
        "config": _arguments(found, kind, entry["config"]),
        "registered_name": None,
    }


def _axis(value: Any) -> int:
    value = value.get("items", value.get("config")) if isinstance(value, dict) else value
    if isinstance(value, list) and len(value) != 1:
        raise WorkbenchError(f"A BatchNormalization is over the axes {value}; Keras 3 has one over one axis only.")
    return int(value[0] if isinstance(value, list) else value)


def _dtype(value: Any) -> Any:
    """A precision's name; Keras 2 wrote those of mixed precision as an object."""
    return value.get("config", {}).get("name") if isinstance(value, dict) else value


def _initializer(value: Any) -> Any:
    """How weights begin, which matters to who draws them anew; None where Keras 3 does not know it."""
    name = value.get("class_name") if isinstance(value, dict) else value
    if not isinstance(name, str) or not hasattr(keras.initializers, name.rpartition(">")[2]):
        return None
    if not isinstance(value, dict):
        return value
    kept = {key: each for key, each in value.get("config", {}).items() if key != "dtype"}
    return {"module": "keras.initializers", "class_name": name.rpartition(">")[2], "config": kept}


def _activation(value: Any) -> Any:
    """A function by its name in Keras 3, or a layer in the place of one.

    Raises:
        WorkbenchError: if Keras 3 has none of that name.
    """
    if value is None:
        return None
    if isinstance(value, dict) and isinstance(value.get("config"), dict):
        return _wrapped(value)
    name = str(value.get("config") if isinstance(value, dict) else value)
    name = FUNCTIONS.get(name, name)
    if name == "hard_sigmoid":
        return hard_sigmoid_of_keras_2
    if not callable(getattr(keras.activations, name, None)):
        raise WorkbenchError(f"It has the activation {name!r}, a function of its own, which is not in the file.")
    return name


def _operation(entry: Config) -> Callable[[Any, Config], Any] | None:
    """Return what computes an operation of TensorFlow that stands in a model; None for a layer.

    Raises:
        WorkbenchError: if it is none of those that are known.
    """
    kind = _class_name(entry)
    if kind not in ("TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer"):
        return None
    function = str(entry["config"].get("function", entry["config"].get("name")))
    found = OPERATIONS.get(function)
    if found is None or kind == "TensorFlowOpLayer":
        raise WorkbenchError(
            f"It has the operation {function!r} of TensorFlow in the place of a layer; arithmetic, activations, means "
            "and changes of shape are read, and not that one."
        )
    return found


def _pair(function: Callable[[Any, Any], Any]) -> Callable[[Any, Config], Any]:
    def call(x: Any, keywords: Config) -> Any:
        y = keywords.get("y", keywords.get("bias", keywords.get("b")))
        first, second = (np.asarray(each, np.float32) if isinstance(each, list) else each for each in (x, y))
        return function(first, second)

    return call


def _one(function: Callable[[Any], Any]) -> Callable[[Any, Config], Any]:
    return lambda x, _: function(x)


def _over(function: Callable[..., Any]) -> Callable[[Any, Config], Any]:
    return lambda x, given: function(x, axis=given.get("axis"), keepdims=bool(given.get("keepdims", False)))


def _cast(x: Any, given: Config) -> Any:
    dtype = str(given["dtype"])
    return x if keras.backend.standardize_dtype(x.dtype) == dtype else ops.cast(x, dtype)


def _bias_add(x: Any, given: Config) -> Any:
    if str(given.get("data_format") or "NHWC").startswith("NC"):
        raise WorkbenchError("It has the operation 'nn.bias_add' of TensorFlow on channels that stand first.")
    return _pair(ops.add)(x, given)


def _sliced(x: Any, given: Config) -> Any:
    """`x[…]`: an ellipsis, numbers and slices; turning round the channels is one of them."""
    places: list[Any] = []
    for each in given["slice_spec"]:
        if isinstance(each, dict) and each.get("class_name") == "__ellipsis__":
            places.append(Ellipsis)
        elif isinstance(each, dict):
            places.append(slice(each.get("start"), each.get("stop"), each.get("step")))
        else:
            places.append(each)
    turned = [slice(None)] * (len(x.shape) - 1)
    if places in ([Ellipsis, slice(None, None, -1)], [*turned, slice(None, None, -1)]):
        return ops.flip(x, axis=-1)
    return x[tuple(places)]


def _resized(x: Any, given: Config) -> Any:
    method = given.get("method", "bilinear")
    if given.get("antialias") or given.get("preserve_aspect_ratio") or method not in ("bilinear", "nearest", "bicubic"):
        raise WorkbenchError(f"It has the operation 'image.resize' of TensorFlow with {given}.")
    return ops.image.resize(x, tuple(given["size"]), interpolation=method, data_format="channels_last")


OPERATIONS: dict[str, Callable[[Any, Config], Any]] = {
    **dict.fromkeys(("math.truediv", "math.divide", "__operators__.truediv"), _pair(ops.true_divide)),
    **dict.fromkeys(("math.add", "__operators__.add", "add"), _pair(ops.add)),
    **dict.fromkeys(("math.subtract", "__operators__.sub", "subtract"), _pair(ops.subtract)),
    **dict.fromkeys(("math.multiply", "__operators__.mul", "multiply"), _pair(ops.multiply)),
    "math.maximum": _pair(ops.maximum),
    "math.minimum": _pair(ops.minimum),
    "math.pow": _pair(ops.power),
    **dict.fromkeys(("math.negative", "negative"), _one(ops.negative)),
    "math.square": _one(ops.square),
    "math.sqrt": _one(ops.sqrt),
    "math.exp": _one(ops.exp),
    "math.log": _one(ops.log),
    "math.abs": _one(ops.absolute),
    **dict.fromkeys(("math.sigmoid", "nn.sigmoid"), _one(ops.sigmoid)),
    **dict.fromkeys(("math.tanh", "nn.tanh"), _one(ops.tanh)),
    **dict.fromkeys(("nn.silu", "nn.swish"), _one(ops.silu)),
    **dict.fromkeys(("identity", "stop_gradient"), lambda x, _: x),
    "nn.relu": _one(ops.relu),
    "nn.relu6": _one(ops.relu6),
    "nn.elu": _one(ops.elu),
    "nn.selu": _one(ops.selu),
    "nn.softplus": _one(ops.softplus),
    "nn.softmax": lambda x, given: ops.softmax(x, axis=-1 if given.get("axis") is None else given["axis"]),
    "nn.leaky_relu": lambda x, given: ops.leaky_relu(x, negative_slope=given.get("alpha", 0.2)),
    "nn.gelu": lambda x, given: ops.gelu(x, approximate=bool(given.get("approximate", False))),
    "nn.bias_add": _bias_add,
    "math.reduce_mean": _over(ops.mean),
    "math.reduce_max": _over(ops.max),
    "math.reduce_min": _over(ops.min),
    "math.reduce_sum": _over(ops.sum),
    "cast": _cast,
    "concat": lambda x, given: ops.concatenate(x, axis=given["axis"]),
    "reshape": lambda x, given: ops.reshape(x, tuple(given["shape"])),
    "expand_dims": lambda x, given: ops.expand_dims(x, given["axis"]),
    "squeeze": lambda x, given: ops.squeeze(x, given.get("axis")),
    "clip_by_value": lambda x, given: ops.clip(x, given["clip_value_min"], given["clip_value_max"]),
    "image.resize": _resized,
    "__operators__.getitem": _sliced,
}
"""Operations of TensorFlow, by the names that Keras 2 gives them."""

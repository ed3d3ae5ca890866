"""The words of Keras 2 for layers, put into those of Keras 3: names, arguments, functions, and what is refused."""

from __future__ import annotations

import inspect
from typing import Any

import keras
from keras import ops

from workbench.core.errors import WorkbenchError

Config = dict[str, Any]
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


def layer_name(name: Any) -> Any:
    """A layer's name in Keras 3, which has no `/`."""
    return name.replace("/", "_") if isinstance(name, str) else name


def class_name(entry: Config) -> str:
    """The name of a class of Keras; one of somebody else has its package or module before it, so that it is none."""
    name, module = str(entry["class_name"]), str(entry.get("module") or "keras").split(".")[0]
    package = str(entry.get("registered_name") or name).rpartition(">")[0]
    if package not in ("", "Experimental") or module not in ("keras", "tf_keras", "tensorflow"):
        return f"{package or module}>{name.rpartition('>')[2]}"
    name = name.rpartition(">")[2]
    return RENAMED.get(name, name)


def arguments(found: Any, kind: str, config: Config) -> Config:
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
        return dtype_name(value)
    if key.endswith("activation"):
        return _activation(value)
    if key in WRAPPED and isinstance(value, list):
        return [_wrapped(each) for each in value]
    if key in WRAPPED and isinstance(value, dict):
        return _wrapped(value)
    return _axis(value) if key == "axis" and kind == "BatchNormalization" else value


def _wrapped(entry: Config) -> Config:
    """The description of a layer inside another one, in the words of Keras 3."""
    kind = class_name(entry)
    found = getattr(keras.layers, kind, None)
    if found is None or kind in CLOSED:
        raise WorkbenchError(f"It has a layer {kind!r}, which Keras 3 does not have.")
    return {
        "module": "keras.layers",
        "class_name": kind,
        "config": arguments(found, kind, entry["config"]),
        "registered_name": None,
    }


def _axis(value: Any) -> int:
    value = value.get("items", value.get("config")) if isinstance(value, dict) else value
    if isinstance(value, list) and len(value) != 1:
        raise WorkbenchError(f"A BatchNormalization is over the axes {value}; Keras 3 has one over one axis only.")
    return int(value[0] if isinstance(value, list) else value)


def dtype_name(value: Any) -> Any:
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

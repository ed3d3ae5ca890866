"""Operations of TensorFlow that stand between the layers of a model of Keras 2, as operations of Keras 3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from workbench.core.errors import WorkbenchError
from workbench.models.files.keras2.words import Config, class_name


def operation_of(entry: Config) -> Callable[[Any, Config], Any] | None:
    """Return what computes an operation of TensorFlow that stands in a model; None for a layer.

    Raises:
        WorkbenchError: if it is none of those that are known.
    """
    kind = class_name(entry)
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

"""A TensorFlow function as an ONNX graph, in memory."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from workbench.core.errors import WorkbenchError

OPSET = 17
"""Of 2022: what runtimes of the last years all know."""


def to_onnx(function: Callable[..., Any], signature: Sequence[Any]) -> Any:
    """Convert a function by tf2onnx.

    Args:
        function: tensors to a tensor, or to a nest of tensors.
        signature: a named `tf.TensorSpec` for each argument.

    Returns:
        An `onnx.ModelProto`.

    Raises:
        WorkbenchError: if ONNX has no operation for one of the function's; names it.
    """
    import onnx
    import tensorflow as tf
    import tf2onnx

    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)  # what it lacks is said below
    traced = tf.function(function, input_signature=list(signature), autograph=False)
    model, _ = tf2onnx.convert.from_function(traced, input_signature=list(signature), opset=OPSET)
    _in_other_words(model.graph)
    # What it has no translation for, tf2onnx leaves as it is.
    lacking = [node for node in model.graph.node if not onnx.defs.has(node.op_type, node.domain)]
    if lacking:
        raise WorkbenchError(
            f"This model cannot be converted to ONNX: no operation for {lacking[0].op_type}, {lacking[0].name}."
        )
    return model


def _in_other_words(graph: Any) -> None:
    """Put what ONNX has in place of what it has not: 1 - erf for erfc, as in the exact GELU; log(1 + x) for log1p."""
    from onnx import helper, numpy_helper

    number = 0
    while number < len(graph.node):
        node = graph.node[number]
        if node.op_type in ("Erfc", "Log1p"):
            output, inner, one = node.output[0], f"{node.output[0]}/inner", f"{node.output[0]}/one"
            graph.initializer.append(numpy_helper.from_array(np.array(1, np.float32), one))
            if node.op_type == "Erfc":
                node.op_type, node.output[0] = "Erf", inner
                more = number + 1, helper.make_node("Sub", [one, inner], [output], f"{node.name}/sub")
            else:
                more = number, helper.make_node("Add", [one, node.input[0]], [inner], f"{node.name}/add")
                node.op_type, node.input[0] = "Log", inner
            graph.node.insert(*more)
            number += 1
        number += 1

"""ONNX."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from workbench.core.errors import WorkbenchError
from workbench.core.types import Array
from workbench.exporting.format import IMAGES, Exporter, Served
from workbench.models.forward_passes.onnx_graph import to_onnx

LEAST = 1024
"""Weights of a kernel that is worth quantizing."""


class ONNX(Exporter):
    """For onnxruntime and the many engines that read ONNX.

    "int8" keeps each filter's weights in int8 with a scale of its own, as LiteRT's does, and onnxruntime brings them
    back to float32 when it loads the file. Its own quantizations, which take activations to int8 too, moved the
    baseline's maps by 5 to 17 % of their largest value, and were slower for one image.
    """

    file: ClassVar[str] = "model.onnx"
    quantizations: ClassVar[Mapping[str, str]] = {
        "int8": "weights in int8, activations in float32",
        "float16": "weights and activations in float16",
    }
    needs: ClassVar[tuple[str, ...]] = ("onnx", "onnxruntime", "tf2onnx")

    def write(self, graph: Path, path: Path, quantize: str | None) -> None:
        """Convert with tf2onnx."""
        import onnx

        model = _converted(graph)
        _name_batch(model)
        if quantize == "float16":
            from onnxruntime.transformers.float16 import convert_float_to_float16

            model = convert_float_to_float16(model, keep_io_types=True)
        elif quantize == "int8":
            _weights_in_int8(model.graph)
        onnx.save(model, str(path))

    def open(self, path: Path) -> Served:
        """Run it with onnxruntime."""
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]

        def run(images: Array) -> Mapping[str, Array]:
            return dict(zip(names, session.run(names, {IMAGES: images}), strict=True))

        return run


def _converted(graph: Path) -> Any:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(graph))
    served = loaded.signatures["serving_default"]
    _, given = served.structured_input_signature
    signature = [tf.TensorSpec(given[IMAGES].shape, given[IMAGES].dtype, name=IMAGES)]
    try:
        return to_onnx(lambda images: served(images), signature)  # noqa: PLW0108
    except WorkbenchError as error:
        raise WorkbenchError(f"{error} Try litert.") from None


def _name_batch(model: Any) -> None:
    """Call the first dimension of inputs and outputs N."""
    for each in (*model.graph.input, *model.graph.output):
        each.type.tensor_type.shape.dim[0].dim_param = "N"


def _weights_in_int8(graph: Any) -> None:
    """Put int8 and one scale a filter in place of the kernels of convolutions and dense layers.

    Source: Krishnamoorthi 2018, arXiv:1806.08342, section 2: symmetric, per channel.
    """
    from onnx import TensorProto, helper, numpy_helper

    scaled = []
    for initializer in list(graph.initializer):
        axes = {_channels(node, len(initializer.dims)) for node in graph.node if initializer.name in node.input}
        kernel = numpy_helper.to_array(initializer)
        if kernel.dtype != np.float32 or kernel.ndim < 2 or kernel.size < LEAST or len(axes) != 1 or None in axes:
            continue
        (axis,) = axes
        others = tuple(each for each in range(kernel.ndim) if each != axis)
        scales = np.maximum(np.abs(kernel).max(axis=others, keepdims=True) / 127, 1e-12).astype(np.float32)
        small = np.rint(kernel / scales).astype(np.int8)
        names = [f"{initializer.name}/{part}" for part in ("int8", "scale")]
        # Not DequantizeLinear: onnxruntime does that at every call, and these once, when it loads the file.
        scaled += [
            helper.make_node("Cast", names[:1], [f"{names[0]}/float"], to=TensorProto.FLOAT),
            helper.make_node("Mul", [f"{names[0]}/float", names[1]], [initializer.name]),
        ]
        graph.initializer.remove(initializer)
        graph.initializer.extend(numpy_helper.from_array(*each) for each in zip((small, scales), names, strict=True))
    for node in reversed(scaled):
        graph.node.insert(0, node)


def _channels(node: Any, rank: int) -> int | None:
    """Which axis of a node's kernel counts its output channels; None where it has no kernel."""
    transposed = any(each.name == "transB" and each.i for each in node.attribute)
    return {"Conv": 0, "MatMul": rank - 1, "Gemm": 0 if transposed else rank - 1}.get(node.op_type)

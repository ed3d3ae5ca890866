"""ONNX."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from workbench.contracts import Array
from workbench.errors import WorkbenchError
from workbench.exporters.base import IMAGES, Exporter, Served

OPSET = 17
"""Of 2022: what runtimes of the last years all know."""


class ONNX(Exporter):
    """For onnxruntime and the many engines that read ONNX.

    "int8" is onnxruntime's dynamic quantization of weights.
    """

    file: ClassVar[str] = "model.onnx"
    quantizations: ClassVar[Mapping[str, str]] = {
        "int8": "weights in int8, activations quantized while it runs (dynamic)",
        "float16": "weights and activations in float16",
    }

    def write(self, graph: Path, path: Path, quantize: str | None, sample: Array) -> None:
        """Convert with tf2onnx; quantize with onnxruntime's tools."""
        import onnx

        model = _converted(graph)
        _name_batch(model)
        if quantize == "float16":
            from onnxruntime.transformers.float16 import convert_float_to_float16

            model = convert_float_to_float16(model, keep_io_types=True)
        onnx.save(model, str(path))
        if quantize == "int8":
            from onnxruntime.quantization import QuantType, quantize_dynamic

            quantize_dynamic(str(path), str(path), weight_type=QuantType.QInt8, per_channel=True)

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
    import tf2onnx

    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    loaded = tf.saved_model.load(str(graph))
    served = loaded.signatures["serving_default"]
    _, given = served.structured_input_signature
    spec = given[IMAGES]

    @tf.function(input_signature=[tf.TensorSpec(spec.shape, spec.dtype, name=IMAGES)], autograph=False)
    def function(images: Any) -> Any:
        return served(images)

    try:
        model, _ = tf2onnx.convert.from_function(function, input_signature=function.input_signature, opset=OPSET)
    except (ValueError, NotImplementedError, RuntimeError, KeyError) as error:
        raise WorkbenchError(f"ONNX has no operations for this model: {' '.join(str(error).split())[:300]}") from None
    return model


def _name_batch(model: Any) -> None:
    """Call the first dimension of inputs and outputs N."""
    for each in (*model.graph.input, *model.graph.output):
        each.type.tensor_type.shape.dim[0].dim_param = "N"

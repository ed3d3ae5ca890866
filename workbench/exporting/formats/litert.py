"""LiteRT (formerly TensorFlow Lite)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from workbench.core.errors import WorkbenchError
from workbench.core.types import Array
from workbench.exporting.format import IMAGES, Exporter, Served


class LiteRT(Exporter):
    """For phones, small boards and servers without TensorFlow; run by ai-edge-litert.

    "int8" is dynamic-range quantization: weights in int8, activations in float32. It needs no images to find the ranges
    of activations, and the masks of an explanation's backward pass, which compare activations, hold.
    """

    file: ClassVar[str] = "model.tflite"
    quantizations: ClassVar[Mapping[str, str]] = {
        "int8": "weights in int8, activations in float32 (dynamic range)",
        "float16": "weights in float16",
    }
    needs: ClassVar[tuple[str, ...]] = ("ai_edge_litert",)

    def write(self, graph: Path, path: Path, quantize: str | None) -> None:
        """Convert with TensorFlow's converter; operations of LiteRT alone are used."""
        import tensorflow as tf
        from tensorflow.lite.python.convert_phase import ConverterError

        converter = tf.lite.TFLiteConverter.from_saved_model(str(graph))
        if quantize is not None:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if quantize == "float16":
            converter.target_spec.supported_types = [tf.float16]
        try:
            content = converter.convert()
        except (ConverterError, ValueError, RuntimeError) as error:
            raise WorkbenchError(f"This model cannot be converted to LiteRT: {_first_line(error)}") from None
        path.write_bytes(content)

    def open(self, path: Path) -> Served:
        """Run it through its signature."""
        from ai_edge_litert.interpreter import Interpreter

        runner = Interpreter(model_content=path.read_bytes()).get_signature_runner("serving_default")

        def run(images: Array) -> Mapping[str, Array]:
            return {name: np.array(values) for name, values in runner(**{IMAGES: images}).items()}

        return run


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)[:300]

"""TensorFlow's SavedModel."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from workbench.core.types import Array
from workbench.exporting.format import Exporter, Served


class SavedModel(Exporter):
    """For TensorFlow Serving, TensorFlow in other languages, and `keras.layers.TFSMLayer`."""

    file: ClassVar[str] = "saved_model"

    def write(self, graph: Path, path: Path, quantize: str | None) -> None:
        """Copy the graph as it is."""
        shutil.copytree(graph, path)

    def open(self, path: Path) -> Served:
        """Run its signature with TensorFlow."""
        import tensorflow as tf

        from workbench.models.turns import TURNS

        loaded = tf.saved_model.load(str(path))

        def run(images: Array) -> Mapping[str, Array]:
            with TURNS:
                outputs = loaded.signatures["serving_default"](images=tf.constant(images))
                return {name: values.numpy() for name, values in outputs.items()}

        return run

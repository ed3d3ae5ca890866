"""A converted model, run by onnxruntime."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from workbench.core.cores import cores
from workbench.core.errors import WorkbenchError
from workbench.core.types import Array
from workbench.models.turns import TURNS

ROWS = 32
"""Images that each core passes forward at once: what a layer gives of more no longer lies in its cache."""


class OnnxSession:
    """An ONNX model in memory, run on the processor.

    Attributes:
        failure: what it failed with last, or None; TensorFlow, which calls it, would say it in other words.

    Args:
        model: the bytes of an `onnx.ModelProto` that takes one array, "images".
    """

    def __init__(self, model: bytes) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what matters is raised
        self._cores = options.intra_op_num_threads = cores()
        # Its threads would go on spinning while others compute on the same cores; asleep they were faster.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.failure: WorkbenchError | None = None
        self._passed = False
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    @property
    def passed(self) -> bool:
        """Whether it has passed any images forward for somebody."""
        return self._passed

    def run(self, images: Array) -> list[Array]:
        """Pass `(B, H, W, C)` float32 images forward, in a turn of its own; a row of each output for each image."""
        self._passed = True
        with TURNS:
            return self.tried(images)

    def inside(self, images: Any) -> Any:
        """Do the same inside a compiled function: `(B, K)` logits; who differentiates them is told."""

        @tf.custom_gradient  # type: ignore[untyped-decorator]
        def passed(batch: Any) -> tuple[Any, Callable[..., Any]]:
            def gradient(*_: Any) -> Any:
                raise TypeError("Scores of onnxruntime cannot be differentiated. Ask the scorer for `gradient`.")

            return tf.numpy_function(self._logits, [batch], tf.float32, stateful=False), gradient

        return passed(images)

    def _logits(self, images: Array) -> Array:
        self._passed = True  # in the turn of the function that calls this
        return self.tried(images)[0]

    def tried(self, images: Array) -> list[Array]:
        """Do the same in the caller's turn, which may be to see how it does.

        Raises:
            WorkbenchError: if it fails, as for want of memory.
        """
        images = np.ascontiguousarray(images, np.float32)
        try:
            some = [
                self._session.run(None, {"images": part})
                for part in np.array_split(images, max(1, -(-len(images) // (ROWS * self._cores))))
            ]
            return [np.concatenate(parts) if len(parts) > 1 else parts[0] for parts in zip(*some, strict=True)]
        except Exception as error:
            # Its exceptions have no common base but this one.
            said = " ".join(str(error).split())[:200]
            self.failure = WorkbenchError(f"onnxruntime failed: {said} (--engine tensorflow does without it.)")
            raise self.failure from error

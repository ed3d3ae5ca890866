"""A converted model, run by onnxruntime."""

from __future__ import annotations

import numpy as np

from workbench.core.cores import cores
from workbench.core.errors import WorkbenchError
from workbench.core.types import Array
from workbench.models.turns import TURNS


class OnnxSession:
    """An ONNX model in memory, run on the processor.

    Args:
        model: the bytes of an `onnx.ModelProto` that takes one array, "images".
    """

    def __init__(self, model: bytes) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what matters is raised
        options.intra_op_num_threads = cores()
        # Its threads would go on spinning while others compute on the same cores; asleep they were faster.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._passed = False
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    @property
    def passed(self) -> bool:
        """Whether it has passed any images forward for somebody."""
        return self._passed

    def run(self, images: Array) -> list[Array]:
        """Pass `(B, H, W, C)` float32 images forward, in a turn of its own; a row of each output for each image."""
        with TURNS:
            return self.run_in_turn(images)

    def run_in_turn(self, images: Array) -> list[Array]:
        """Do the same where a compiled function calls it, whose turn it is."""
        self._passed = True
        return self.tried(images)

    def tried(self, images: Array) -> list[Array]:
        """Do the same to see how it does.

        Raises:
            WorkbenchError: if it fails, as for want of memory.
        """
        try:
            return list(self._session.run(None, {"images": np.ascontiguousarray(images, np.float32)}))
        except Exception as error:
            # Its exceptions have no common base but this one.
            said = " ".join(str(error).split())[:200]
            raise WorkbenchError(f"onnxruntime failed: {said} (--engine tensorflow does without it.)") from error

"""Names of the engines for forward passes, as `--engine` takes them; importing them loads no library."""

from __future__ import annotations

from workbench.core.errors import unknown
from workbench.core.extras import require

AUTO, TENSORFLOW, ONNXRUNTIME = "auto", "tensorflow", "onnxruntime"
ENGINES = (AUTO, TENSORFLOW, ONNXRUNTIME)
LIBRARIES = ("onnx", "onnxruntime", "tf2onnx")
"""What the engine onnxruntime needs."""


def refuse_engine(wanted: str) -> None:
    """See that an engine can be had.

    Raises:
        WorkbenchError: if there is none of this name.
        Unavailable: if what it needs is not installed.
    """
    if wanted not in ENGINES:
        raise unknown("engine", wanted, ENGINES)
    if wanted == ONNXRUNTIME:
        require(*LIBRARIES, extra="export", what="The engine onnxruntime")

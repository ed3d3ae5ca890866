"""Names of the engines for forward passes, as `--engine` takes them; importing them loads no library."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

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


def version_of(library: str) -> str:
    """Return a library's version, also where it comes in a package of another name; empty where it is not there."""
    try:
        return version(library)
    except PackageNotFoundError:
        if find_spec(library) is None:
            return ""
    return str(getattr(import_module(library), "__version__", "of unknown version"))

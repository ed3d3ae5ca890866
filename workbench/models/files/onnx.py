"""ONNX files, run by onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.extras import require
from workbench.core.types import Array
from workbench.models.files.foreign import Ending, Foreign, listed, said

DTYPES = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(uint8)": "uint8",
    "tensor(int8)": "int8",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
}


def read_onnx(path: Path) -> Foreign:
    """Open an ONNX file.

    Raises:
        Unavailable: if onnxruntime is not installed.
        WorkbenchError: if onnxruntime cannot read it, or it takes something else than one array.
    """
    runtime, failures = _runtime()
    options = runtime.SessionOptions()
    options.log_severity_level = 4  # what matters is raised
    try:
        session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except failures as error:
        raise WorkbenchError(
            f"{path.name} is not a model that onnxruntime {runtime.__version__} can run; it may be truncated, or of "
            f"another format: {said(error)}"
        ) from None
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type not in DTYPES:
        taken = ", ".join(f"{each.name!r} {each.type}" for each in inputs)
        raise WorkbenchError(f"{path.name} must take one array of images. It takes {taken or 'nothing'}.")
    outputs = tuple(each.name for each in session.get_outputs() if each.type in DTYPES)

    def run(images: Array, numbers: Sequence[int]) -> list[Array]:
        try:
            return list(session.run([outputs[number] for number in numbers], {inputs[0].name: images}))
        except failures as error:
            raise ValueError(said(error)) from None

    sizes = tuple(size if isinstance(size, int) and size > 0 else None for size in inputs[0].shape)
    # Open sizes are as PyTorch writes them, unless a name says otherwise.
    return Foreign(
        kind="an ONNX model",
        name=path.name,
        taken=sizes,
        dtype=DTYPES[inputs[0].type],
        outputs=outputs,
        run=run,
        channels_first=True,
        endings=_endings(path, outputs),
    )


def _endings(path: Path, outputs: tuple[str, ...]) -> tuple[Ending, ...]:
    """The operations that give each output; none where the package `onnx`, which reads the graph, is not installed."""
    try:
        import onnx
    except ImportError:
        return ()
    graph = onnx.load(str(path), load_external_data=False).graph
    givers = {name: node for node in graph.node for name in node.output}
    return tuple(
        listed(
            givers.get(name),
            kind=lambda node: node.op_type,
            before=lambda node: [givers[each] for each in node.input if each in givers],
        )
        for name in outputs
    )


def _runtime() -> tuple[Any, tuple[type[Exception], ...]]:
    """Return onnxruntime, and everything that it raises, which has no class of its own in common."""
    require("onnxruntime", extra="export", what="Reading .onnx files")
    try:
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as state
    except ImportError as error:
        raise Unavailable(f"onnxruntime is installed, and cannot be imported: {error}.") from None
    own = [each for each in vars(state).values() if isinstance(each, type) and issubclass(each, Exception)]
    return onnxruntime, (*own, RuntimeError, ValueError, OSError)

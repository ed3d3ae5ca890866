"""LiteRT files (TensorFlow Lite), quantized ones included."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from workbench.core.errors import WorkbenchError
from workbench.core.extras import require
from workbench.core.types import Array
from workbench.models.files.foreign import Ending, Foreign, listed, said

IDENTIFIER = b"TFL3"


def read_litert(path: Path) -> Foreign:
    """Open a `.tflite` file.

    Raises:
        WorkbenchError: if it cannot be run here, or takes something else than one array.
        Unavailable: if nothing that runs it is installed.
    """
    with path.open("rb") as file:
        mark = file.read(8)[4:]
    if mark != IDENTIFIER:
        raise WorkbenchError(f"{path.name} is not a LiteRT file: it lacks the mark {IDENTIFIER.decode()!r}.")
    Interpreter = _interpreter()
    try:
        interpreter = Interpreter(model_path=str(path))
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        if len(inputs) != 1:
            raise WorkbenchError(f"{path.name} must take one array of images. It takes {len(inputs)}.")
        (taken,), lock = inputs, threading.Lock()
        signature = taken.get("shape_signature", taken["shape"])
        sizes = tuple(int(size) if size > 0 else None for size in (signature if len(signature) else taken["shape"]))
        ready = None not in sizes[1:]  # else a size that is open counts as 1 here, which is less than a filter has
        if ready:
            interpreter.allocate_tensors()
    except WorkbenchError:
        raise
    except (ValueError, RuntimeError) as error:
        raise WorkbenchError(f"{path.name} is not a LiteRT model that can be run here: {said(error)}") from None

    def run(images: Array, numbers: Sequence[int]) -> list[Array]:
        nonlocal ready
        with lock:  # an interpreter holds the values of one call
            try:
                if not ready or images.shape != tuple(interpreter.get_input_details()[0]["shape"]):
                    interpreter.resize_tensor_input(taken["index"], images.shape)
                    interpreter.allocate_tensors()
                    ready = True
                interpreter.set_tensor(taken["index"], _quantized(images, taken))
                interpreter.invoke()
            except RuntimeError as error:
                raise ValueError(said(error)) from None
            return [_real(interpreter.get_tensor(outputs[each]["index"]), outputs[each]) for each in numbers]

    kind = np.dtype(taken["dtype"])
    scaled = kind.kind in "iu" and not _plain(taken)
    names = tuple(each["name"] for each in outputs)
    return Foreign(
        kind="a LiteRT model",
        name=path.name,
        taken=sizes,
        dtype="float32" if scaled else kind.name,
        outputs=names,
        run=run,
        endings=tuple(_ending(interpreter, each["index"]) for each in outputs),
        resolutions=tuple(
            float(each["quantization"][0]) if np.dtype(each["dtype"]).kind in "iu" else 0.0 for each in outputs
        ),
    )


def _ending(interpreter: Any, tensor: int) -> Ending:
    """The operations that give a tensor, where the interpreter tells its operations."""
    givers: dict[int, Any] = {}
    for each in getattr(interpreter, "_get_ops_details", list)():
        for output in each["outputs"]:
            givers.setdefault(int(output), each)
    return listed(
        givers.get(int(tensor)),
        kind=lambda each: each["op_name"],
        before=lambda each: [givers[int(number)] for number in each["inputs"] if int(number) in givers],
    )


def _interpreter() -> Any:
    """Return the interpreter of its own package, or TensorFlow's, which is the same and older."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        import warnings

        import tensorflow as tf

        if not hasattr(tf.lite, "Interpreter"):  # TensorFlow says that it will go
            require("ai_edge_litert", extra="export", what="Reading .tflite files")

        def Interpreter(**given: Any) -> Any:  # noqa: N802 - stands for the class
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that it moves to a package of its own
                return tf.lite.Interpreter(**given)

    return Interpreter


def _plain(tensor: Any) -> bool:
    """Whether whole numbers stand for themselves: bytes of 0…255 whose unit is 1, or without any unit."""
    scale, zero = tensor["quantization"]
    return scale in (0, 1) and zero == 0


def _quantized(given: Any, tensor: Any) -> Any:
    """Real numbers to the whole ones that a quantized input takes."""
    kind = np.dtype(tensor["dtype"])
    if kind.kind not in "iu" or _plain(tensor):
        return given.astype(kind)
    scale, zero = tensor["quantization"]
    ends = np.iinfo(kind)
    return np.clip(np.round(given / scale + zero), ends.min, ends.max).astype(kind)


def _real(found: Any, tensor: Any) -> Any:
    if np.dtype(tensor["dtype"]).kind not in "iu" or tensor["quantization"][0] == 0:
        return found.astype(np.float32)
    scale, zero = tensor["quantization"]
    return ((found.astype(np.float32) - zero) * scale).astype(np.float32)

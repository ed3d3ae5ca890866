"""The other side of `worker`: a process that opens one model file and runs it, until whoever started it is gone.

What goes over the pipes is a line of JSON and the bytes of an array; nothing is pickled, either way.
"""

from __future__ import annotations

import importlib
import json
import os
import queue
import struct
import threading
from pathlib import Path
from typing import IO, Any

import numpy as np

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.types import Array
from workbench.models.files.foreign import Foreign, said

READERS = {
    "onnx": "read_onnx",
    "litert": "read_litert",
    "saved_model": "read_saved_model",
    "rehearsal": "read_rehearsal",
}
"""Modules that read a format, and their function."""
MOST = 2**26
"""Bytes of a message, without arrays."""
Message = dict[str, Any]


def send(pipe: IO[bytes], message: Message, arrays: list[Array] | None = None) -> None:
    """Write a message and the arrays that go with it; unbuffered pipes take a part at a time."""
    arrays = [np.ascontiguousarray(each) for each in arrays or []]
    head = {**message, "arrays": [[each.dtype.str, list(each.shape)] for each in arrays]}
    text = json.dumps(head).encode()
    parts: list[Any] = [struct.pack("<Q", len(text)) + text, *(each.reshape(-1).view(np.uint8) for each in arrays)]
    for part in parts:
        left = memoryview(part)
        while left:
            left = left[pipe.write(left) or 0 :]


def receive(pipe: IO[bytes]) -> tuple[Message, list[Array]]:
    """Read what `send` wrote.

    Raises:
        EOFError: if the other side is gone.
    """
    (size,) = struct.unpack("<Q", _filled(pipe, bytearray(8)))
    if size > MOST:
        raise EOFError
    head = json.loads(_filled(pipe, bytearray(size)))
    return head, [_array(pipe, np.dtype(kind), shape) for kind, shape in head["arrays"]]


def _array(pipe: IO[bytes], dtype: np.dtype[Any], shape: list[int]) -> Array:
    if dtype.kind not in "biuf":
        raise EOFError
    found = np.empty(shape, dtype)
    _filled(pipe, found.reshape(-1).view(np.uint8))
    return found


def _filled(pipe: IO[bytes], buffer: Any) -> Any:
    left = memoryview(buffer)
    while left:
        count = pipe.readinto(left)  # type: ignore[attr-defined]
        if not count:
            raise EOFError
        left = left[count:]
    return buffer


def serve(kind: str) -> None:
    """Read requests from the standard input until it ends, and answer them on the standard output."""
    answers = os.fdopen(os.dup(1), "wb", 0)
    os.dup2(2, 1)  # what libraries print is no answer
    requests: queue.SimpleQueue[tuple[Message, list[Array]]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests,), daemon=True).start()
    module = importlib.import_module(f"workbench.models.files.{kind}")
    send(answers, {"ready": True})
    try:
        foreign: Foreign = getattr(module, READERS[kind])(Path(requests.get()[0]["path"]))
    except Exception as error:  # noqa: BLE001 - whatever it is, the file is at fault, and it is told
        send(answers, _failure(error))
        return
    send(
        answers,
        {
            "kind": foreign.kind,
            "name": foreign.name,
            "taken": foreign.taken,
            "dtype": foreign.dtype,
            "outputs": foreign.outputs,
            "channels_first": foreign.channels_first,
            "endings": foreign.endings,
            "resolutions": foreign.resolutions,
        },
    )
    while True:
        message, images = requests.get()
        try:
            found = foreign.run(images[0], message["numbers"])
        except Exception as error:  # noqa: BLE001 - as above
            send(answers, _failure(error))
        else:
            send(answers, {}, found)


def _listen(requests: queue.SimpleQueue[tuple[Message, list[Array]]]) -> None:
    """Take requests while the model runs, so that the end of whoever asks is noticed at once: then this ends, too."""
    pipe = os.fdopen(os.dup(0), "rb", 0)
    try:
        while True:
            requests.put(receive(pipe))
    except (EOFError, OSError, ValueError):
        os._exit(0)


def _failure(error: Exception) -> Message:
    if isinstance(error, WorkbenchError):
        return {"error": str(error), "kind": "Unavailable" if isinstance(error, Unavailable) else "WorkbenchError"}
    if isinstance(error, ValueError):
        return {"error": said(error), "kind": "ValueError"}
    return {"error": f"{type(error).__name__}: {said(error)}".removesuffix(": "), "kind": "ValueError"}

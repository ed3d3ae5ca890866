"""A model file in a process of its own, which can be ended: when it takes too long, or too much memory, or crashes."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import workbench
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.memory import free_memory
from workbench.core.types import Array
from workbench.models.files.foreign import Foreign
from workbench.models.files.serving import Message, receive, send

CODE = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[2]); "
    "from workbench.models.files.serving import serve; serve(sys.argv[1])"
)
ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
"""Of the process: quiet, and without the GPU, whose memory TensorFlow gives to one process alone."""
POLL = 0.02
"""Seconds between two looks at a process that works."""
GIGABYTE = 2**30


class Ended(WorkbenchError):
    """A process that is not there any more: it crashed, or was ended."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a model may take, before it is ended.

    Attributes:
        start: seconds until its libraries are imported, which is not its doing.
        load: seconds until it is loaded, and one more for each 10 MB of its file.
        first: seconds for its first answer, of one or two images.
        later: seconds for any later answer.
        slower: how many times as long as for the fastest so far an answer may take for each image, besides.
        memory: bytes that it may take besides eight times the size of its file; never more than nine tenths of what is
            free.
    """

    start: float = 300.0
    load: float = 60.0
    first: float = 60.0
    later: float = 60.0
    slower: float = 20.0
    memory: int = 4 * GIGABYTE


LIMITS = Limits()


def open_in_worker(
    kind: str, path: Path, *, size: int, limits: Limits | None = None, meanwhile: Callable[[], None] | None = None
) -> Foreign:
    """Open a model file in a process of its own.

    Args:
        kind: of `serving.READERS`.
        path: of the file or folder.
        size: of it, in bytes.
        limits: what it may take; `LIMITS`, if not given.
        meanwhile: is done here while that process starts.

    Returns:
        What it says, and how to run it there; the process ends when this is thrown away, or with this process.

    Raises:
        WorkbenchError: as the reader of that format does.
        Ended: if it takes too long, too much memory, or crashes.
    """
    limits = LIMITS if limits is None else limits
    memory, free = limits.memory + 8 * size, free_memory()
    worker = _Worker(path.name, kind, memory if free is None else min(memory, int(0.9 * free)))
    if meanwhile is not None:
        meanwhile()
    worker.ask(None, limits.start, "started")
    answer, _ = worker.ask({"path": str(path.absolute())}, limits.load + size / 1e7, "loaded")
    fastest = float("inf")

    def run(images: Array, numbers: Sequence[int]) -> list[Array]:
        nonlocal fastest
        count = max(len(images), 1)
        limit = limits.first if fastest == float("inf") else limits.later + limits.slower * count * fastest
        begun = time.monotonic()
        _, found = worker.ask({"numbers": list(numbers)}, limit, f"run on {count} image{'s' * (count > 1)}", [images])
        fastest = min(fastest, (time.monotonic() - begun) / count)
        return found

    return Foreign(
        kind=str(answer["kind"]),
        name=str(answer["name"]),
        taken=tuple(answer["taken"]),
        dtype=str(answer["dtype"]),
        outputs=tuple(map(str, answer["outputs"])),
        run=run,
        channels_first=bool(answer["channels_first"]),
        endings=tuple([(str(kind), list(map(int, before))) for kind, before in each] for each in answer["endings"]),
        resolutions=tuple(map(float, answer["resolutions"])),
    )


@dataclass
class _Work:
    """What a process is doing: until when it may, and what it is called; why it was ended, if it was."""

    until: float = float("inf")
    what: str = ""
    seconds: float = 0.0
    ended: str = ""
    closed: bool = False


class _Worker:
    """One process, and a thread that watches it while it works; one thread asks it at a time."""

    def __init__(self, name: str, kind: str, memory: int) -> None:
        self._name, self._lock, self._work, self._busy = name, threading.Lock(), _Work(), threading.Event()
        path = [str(Path(workbench.__file__).parents[1]), *(each for each in sys.path if each)]
        try:
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter, and code of ours
                [sys.executable, "-I", "-c", CODE, kind, json.dumps(path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                env={**os.environ, **ENVIRONMENT},
            )
        except OSError as error:
            raise Unavailable(f"{name} needs a process of its own, which could not be started: {error}.") from None
        _widen(self._process.stdin, self._process.stdout)
        given = (self._process, self._work, self._busy, memory)
        threading.Thread(target=_watch, args=given, name=f"watches {name}", daemon=True).start()
        weakref.finalize(self, _close, *given[:3])

    def ask(
        self, message: Message | None, seconds: float, what: str, arrays: list[Array] | None = None
    ) -> tuple[Message, list[Array]]:
        """Send a message, or only wait for one; return the answer.

        Raises:
            Ended: if the process is not there any more, or is ended while it works at this.
            ValueError: what the model's library says against it.
        """
        with self._lock:
            if self._work.ended:
                raise Ended(self._why())
            self._work.what, self._work.seconds = what, seconds
            self._work.until = time.monotonic() + seconds
            self._busy.set()
            try:
                if message is not None:
                    send(self._process.stdin, message, arrays)  # type: ignore[arg-type]
                answer, found = receive(self._process.stdout)  # type: ignore[arg-type]
            except (EOFError, OSError, ValueError, TypeError, KeyError):
                self._process.kill()
                code = self._process.wait()
                self._work.ended = self._work.ended or _crash(code, what)
                raise Ended(self._why()) from None
            finally:
                self._busy.clear()
                self._work.until = float("inf")
        if "error" in answer:
            kinds = {"Unavailable": Unavailable, "WorkbenchError": WorkbenchError}
            raise kinds.get(answer["kind"], ValueError)(str(answer["error"]))
        return answer, found

    def _why(self) -> str:
        return f"{self._name} {self._work.ended}."


def _watch(process: subprocess.Popen[bytes], work: _Work, busy: threading.Event, memory: int) -> None:
    """End a process that works for too long, or takes too much memory."""
    least = None
    while process.poll() is None:
        busy.wait()
        if work.closed:
            return
        taken = resident_memory(process.pid)
        least = taken if least is None or work.what == "started" else least  # what its libraries take
        if time.monotonic() > work.until:
            work.ended = f"was ended: after {work.seconds:.0f} s it was not yet {work.what}"
            process.kill()
        elif taken - least > memory:
            work.ended = f"was ended: it took more than {memory / GIGABYTE:.1f} GB of memory while it was {work.what}"
            process.kill()
        time.sleep(POLL)


def resident_memory(process: int) -> int:
    """Return the bytes of memory that a process takes; 0 where the system does not tell (Linux does), or it is gone."""
    try:
        pages = Path(f"/proc/{process}/statm").read_text("ascii").split()
    except OSError:
        return 0
    return int(pages[1]) * os.sysconf("SC_PAGE_SIZE") if len(pages) > 1 else 0


def _close(process: subprocess.Popen[bytes], work: _Work, busy: threading.Event) -> None:
    work.closed = True
    busy.set()
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):
            pipe.close()  # type: ignore[union-attr]


def _crash(code: int, what: str) -> str:
    import signal

    try:
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    except ValueError:
        how = f"signal {-code}"
    return f"made its process crash ({how}) while it was {what}: it is damaged, or asks for more memory than there is"


def _widen(*pipes: Any) -> None:
    """Let pipes hold a megabyte, where the system can."""
    try:
        from fcntl import F_SETPIPE_SZ, fcntl
    except ImportError:
        return
    for pipe in pipes:
        with contextlib.suppress(OSError):
            fcntl(pipe.fileno(), F_SETPIPE_SZ, 2**20)

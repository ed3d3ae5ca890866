"""New Python processes that need not import TensorFlow again: one process has imported it, and is forked for each.

They have in common what Python and the libraries are after their import, and nothing of the workbench: it is imported
anew in each. What must be seen without TensorFlow is run by `subprocess` as ever.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from tests.patience import PATIENCE

# After a fork the loop is left, and what was asked for runs as if the interpreter had begun with it.
FORKED = """
import json, os, resource, runpy, sys
import keras, sklearn, tensorflow

resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
base = list(sys.path)
ended = {}

def code_of(process, wait):
    if process not in ended:
        found, status = os.waitpid(process, 0 if wait else os.WNOHANG)
        if not found:
            return None
        ended[process] = os.waitstatus_to_exitcode(status)
    return ended[process]

while line := sys.stdin.readline():
    asked = json.loads(line)
    if "calls" not in asked:
        print(json.dumps(code_of(**asked)), flush=True)
        continue
    started = []
    for call in asked["calls"]:
        started.append(os.fork())
        if not started[-1]:
            break
    else:
        print(json.dumps(started), flush=True)
        continue
    break
else:
    sys.exit()
os.dup2(os.open(call["streams"][0], os.O_RDONLY), 0)
for stream in (1, 2):
    os.dup2(os.open(call["streams"][stream], os.O_WRONLY | os.O_APPEND), stream)
os.chdir(call["cwd"])
os.environ.clear()
os.environ.update(call["environment"])
sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
kind, what, *arguments = call["arguments"]
own = [place for place in os.environ.get("PYTHONPATH", "").split(os.pathsep) if place]
sys.path[:] = ["" if kind == "-c" else os.getcwd(), *own, *base]
sys.argv[:] = [kind, *arguments]
if kind == "-m":
    runpy.run_module(what, run_name="__main__", alter_sys=True)
else:
    exec(compile(what, "<string>", "exec"), {"__name__": "__main__"})
"""


@dataclass(frozen=True)
class Call:
    """What a process runs.

    Attributes:
        arguments: of `python`: `-c` and a program, or `-m` and the name of a module; then its own.
        cwd: where.
        environment: of the process, whole.
    """

    arguments: tuple[str, ...]
    cwd: Path
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))


_servers: list[subprocess.Popen[str]] = []
_asking = threading.Lock()


def run(*calls: Call, timeout: float = 6 * PATIENCE) -> list[subprocess.CompletedProcess[str]]:
    """Run processes side by side, and wait for all of them.

    Raises:
        TimeoutError: if they have not ended in time; they are killed.
    """
    with contextlib.ExitStack() as stack:
        streams = [[stack.enter_context(_stream()).name for _ in range(2)] for _ in calls]
        started = _start(*((call, [os.devnull, *pair]) for call, pair in zip(calls, streams, strict=True)))
        alarm = threading.Timer(timeout, _end)
        alarm.start()
        codes: list[int] = []
        for each in started:
            if (code := _ask({"process": each, "wait": True})) is None:
                break
            codes.append(code)
        alarm.cancel()
        if len(codes) < len(started):
            said = "\n".join(Path(stream).read_text(errors="replace")[-3000:] for pair in streams for stream in pair)
            raise TimeoutError(f"{[call.arguments for call in calls]} have not ended after {timeout} s:\n{said}")
        return [
            subprocess.CompletedProcess(
                list(call.arguments), code, *(Path(stream).read_text(errors="replace") for stream in pair)
            )
            for call, code, pair in zip(calls, codes, streams, strict=True)
        ]


class Process:
    """What `subprocess.Popen` gives of `python -c` with pipes, as far as `workbench.models.files.worker` asks it."""

    def __init__(self, command: Sequence[str], *, env: Mapping[str, str], **_: Any) -> None:
        program = command.index("-c")
        with tempfile.TemporaryDirectory(prefix="workbench-forked-") as folder:
            pipes = [os.path.join(folder, name) for name in ("in", "out")]  # noqa: PTH118
            for pipe in pipes:
                os.mkfifo(pipe)
            (self.pid,) = _start((Call(tuple(command[program:]), Path.cwd(), env), [*pipes, os.devnull]))
            self.stdin = open(pipes[0], "wb", 0)  # noqa: SIM115, PTH123 - whoever asked for it closes it
            self.stdout = open(pipes[1], "rb", 0)  # noqa: SIM115, PTH123
        self._server = _servers[-1]

    def poll(self, *, wait: bool = False) -> int | None:
        """Return its exit code; None while it runs."""
        if self._server.poll() is not None:  # it has taken its processes with it
            return -signal.SIGKILL
        code: int | None = _ask({"process": self.pid, "wait": wait})
        return code

    def wait(self) -> int | None:
        """Return its exit code when it has one."""
        return self.poll(wait=True)

    def kill(self) -> None:
        """End it."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


def _start(*wanted: tuple[Call, Sequence[str]]) -> list[int]:
    """Begin processes whose standard streams are files; return their numbers."""
    calls = [
        {
            "arguments": list(call.arguments),
            "cwd": str(call.cwd),
            "environment": dict(call.environment),
            "streams": list(streams),
        }
        for call, streams in wanted
    ]
    started: list[int] = _ask({"calls": calls})
    return started


def _ask(what: Mapping[str, Any]) -> Any:
    """Ask the process that is forked; None where it has been ended."""
    with _asking:
        server = _server()
        assert server.stdin is not None and server.stdout is not None
        server.stdin.write(json.dumps(what) + "\n")
        server.stdin.flush()
        return json.loads(server.stdout.readline() or "null")


def _stream() -> IO[bytes]:
    return tempfile.NamedTemporaryFile(prefix="workbench-forked-")


def _server() -> subprocess.Popen[str]:
    """Return the process that is forked; start it at the first call."""
    if not _servers or _servers[-1].poll() is not None:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        _servers.append(
            subprocess.Popen(
                [sys.executable, "-P", "-c", FORKED],
                env={**environment, "TF_CPP_MIN_LOG_LEVEL": "3"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,  # so that it can be killed with what it forked
            )
        )
        atexit.register(_end, _servers[-1])
    return _servers[-1]


def _end(server: subprocess.Popen[str] | None = None) -> None:
    server = server or _servers[-1]
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()

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
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

# After a fork the loop is left, and what was asked for runs as if the interpreter had begun with it.
FORKED = """
import json, os, runpy, sys
import keras, sklearn, tensorflow

base = list(sys.path)
while True:
    calls = []
    while (line := sys.stdin.readline()).strip():
        calls.append(json.loads(line))
    if not line:
        sys.exit()
    started = []
    for call in calls:
        started.append(os.fork())
        if not started[-1]:
            break
    else:
        print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(each, 0)[1]) for each in started]), flush=True)
        continue
    break
nothing = os.open(os.devnull, os.O_RDONLY)
os.dup2(nothing, 0)
for stream in (1, 2):
    os.dup2(os.open(call["streams"][stream - 1], os.O_WRONLY | os.O_APPEND), stream)
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


def run(*calls: Call, timeout: float = 900) -> list[subprocess.CompletedProcess[str]]:
    """Run processes side by side, and wait for all of them.

    Raises:
        TimeoutError: if they have not ended in time; they are killed.
    """
    server = _server()
    assert server.stdin is not None and server.stdout is not None
    with contextlib.ExitStack() as stack:
        streams = [[stack.enter_context(_stream()) for _ in range(2)] for _ in calls]
        for call, pair in zip(calls, streams, strict=True):
            asked = {
                "arguments": list(call.arguments),
                "cwd": str(call.cwd),
                "environment": dict(call.environment),
                "streams": [stream.name for stream in pair],
            }
            server.stdin.write(json.dumps(asked) + "\n")
        server.stdin.write("\n")
        server.stdin.flush()
        alarm = threading.Timer(timeout, _end)
        alarm.start()
        answer = server.stdout.readline()
        alarm.cancel()
        if not answer:
            written = [Path(stream.name).read_text(errors="replace") for pair in streams for stream in pair]
            said = "\n".join(text[-3000:] for text in written)
            raise TimeoutError(f"{[call.arguments for call in calls]} have not ended after {timeout} s:\n{said}")
        return [
            subprocess.CompletedProcess(
                list(call.arguments), code, *(Path(stream.name).read_text(errors="replace") for stream in pair)
            )
            for call, code, pair in zip(calls, json.loads(answer), streams, strict=True)
        ]


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

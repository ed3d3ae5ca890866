"""Trainings that the page begins: a process of their own each, which goes on when the page is closed or killed.

What is to be done, and how far it is, stand in a file beside the runs, so that every page that is opened sees it. A
training that was stopped or killed can go on: its checkpoint is there.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.files import write_file
from workbench.core.locks import Taken, holding
from workbench.training.runs import checked_name

FOLDER = ".retraining"
ONCE, PROOF = "once", "proof"
KINDS = (ONCE, PROOF)
RUNNING, DONE, FAILED, STOPPED = "running", "done", "failed", "stopped"
STARTED = 20.0
"""Seconds within which a new process has to take its lock; until then it counts as running."""

_begun: list[subprocess.Popen[bytes]] = []
"""Processes of this one."""


class Order(BaseModel):
    """What is to be trained.

    Attributes:
        kind: "once" trains one run on the corrected data, "proof" several with and without corrections.
        name: of the new run, or of the proof.
        run: folder of the run whose recipe and data it is.
        workspace: file with the corrections.
        runs: folder where runs are kept.
        copies: which copies are left out too.
        seeds: of a proof.
        control: whether a proof has one.
        begun: when it was asked for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    name: str
    run: str
    workspace: str
    runs: str
    copies: str = ""
    seeds: int = 3
    control: bool = False
    begun: str = ""


class Said(BaseModel):
    """How far it is, or what came out; written by the process.

    Attributes:
        state: "running", "done" or "failed".
        what: what is being done.
        share: of all, in [0, 1].
        sentence: what came out, or what went wrong.
        others: more sentences.
        run: the new run, to be compared; of a proof the first one after.
        process: that writes this.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    state: str = RUNNING
    what: str = ""
    share: float = 0.0
    sentence: str = ""
    others: tuple[str, ...] = ()
    run: str = ""
    process: int = 0


@dataclass(frozen=True, kw_only=True)
class Training:
    """One of them: what was asked for, and how far it is by now."""

    order: Order
    said: Said

    @property
    def state(self) -> str:
        """One of "running", "done", "failed" and "stopped"."""
        return self.said.state


def trainings(runs: Path) -> list[Training]:
    """Return all that were begun where these runs are, the newest first; what cannot be read is left out."""
    _begun[:] = [each for each in _begun if each.poll() is None]  # so that none that has ended is kept as a zombie
    found = []
    for path in sorted((runs / FOLDER).glob("*.order.json")):
        with contextlib.suppress(OSError, ValueError, ValidationError):
            order = Order.model_validate_json(path.read_text(encoding="utf-8"))
            found.append(Training(order=order, said=_said(runs, order)))
    return sorted(found, key=lambda each: each.order.begun, reverse=True)


def begin(order: Order) -> None:
    """Begin a training in a process of its own, or let one go on that was stopped.

    Raises:
        WorkbenchError: if its name cannot be that of a run, or one of that name is there or being trained.
        Unavailable: if the disk cannot be written.
    """
    runs, name = Path(order.runs), checked_name(order.name)
    if order.kind not in KINDS:
        raise WorkbenchError(f"A training is {' or '.join(map(repr, KINDS))}. Got {order.kind!r}.")
    if busy := next((each for each in trainings(runs) if each.state == RUNNING), None):
        raise WorkbenchError(f"{busy.order.name!r} is being trained. Wait until that is done, or stop it.")
    if order.kind == ONCE and (runs / name).exists():
        raise WorkbenchError(f"There is a run {name!r} already. Choose another name.")
    order = order.model_copy(update={"begun": datetime.now(UTC).isoformat()})
    place = _path(runs, name, "order")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        write_file(place, order.model_dump_json(indent=1) + "\n", durable=True)
        write_file(_path(runs, name, "said"), Said(what="Starting").model_dump_json())
        command = [sys.executable, "-m", "workbench.app.page.retraining_process", str(place)]
        nowhere = subprocess.DEVNULL
        made = subprocess.Popen(  # noqa: S603 - this Python, and a file that was just written
            command, stdin=nowhere, stdout=nowhere, stderr=nowhere, env=_environment(), start_new_session=True
        )
        _begun.append(made)
    except OSError as error:
        raise Unavailable(
            f"No training can be begun in {runs}: {error.strerror or error}. Make room there, or name another folder "
            "with WORKBENCH_RUNS."
        ) from None


def stop(runs: Path, name: str) -> None:
    """Stop a training; it can go on later, from its last epoch.

    Raises:
        WorkbenchError: if none of this name is running.
    """
    found = next((each for each in trainings(runs) if each.order.name == name and each.state == RUNNING), None)
    if found is None or not found.said.process:
        raise WorkbenchError(f"No training {name!r} is running here.")
    with contextlib.suppress(ProcessLookupError):
        os.kill(found.said.process, signal.SIGTERM)


def told(runs: Path, order: Order, said: Said) -> None:
    """Write how far it is."""
    write_file(_path(runs, order.name, "said"), said.model_dump_json(), durable=said.state != RUNNING)


def log_path(runs: Path, name: str) -> Path:
    """Return where the process says what nobody foresaw."""
    return (runs / FOLDER / f"{name}.log.txt").resolve()


def lock_path(runs: Path, name: str) -> Path:
    """Return what the process of a training holds while it works."""
    return _path(runs, name, "order")


def _path(runs: Path, name: str, what: str) -> Path:
    return runs / FOLDER / f"{name}.{what}.json"


def _environment() -> dict[str, str]:
    """Return its surroundings, in which the package is found wherever it is begun."""
    import workbench

    source = str(Path(workbench.__file__).parents[1])
    paths = [source, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def _said(runs: Path, order: Order) -> Said:
    """Read how far a training is; one whose process is gone without a word was stopped."""
    try:
        said = Said.model_validate(_read(_path(runs, order.name, "said")))
    except (OSError, ValueError, ValidationError):
        said = Said()
    if said.state != RUNNING or _is_held(lock_path(runs, order.name)):
        return said
    age = (datetime.now(UTC) - datetime.fromisoformat(order.begun)).total_seconds() if order.begun else STARTED
    if not said.process and age < STARTED:
        return said
    said = Said.model_validate(again) if (again := _reread(runs, order)) else said  # it may have ended just now
    return said if said.state != RUNNING else said.model_copy(update={"state": STOPPED})


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _reread(runs: Path, order: Order) -> Any:
    with contextlib.suppress(OSError, ValueError):
        return _read(_path(runs, order.name, "said"))
    return None


def _is_held(path: Path) -> bool:
    """Whether a process has it now."""
    try:
        with holding(path, "It"):
            return False
    except Taken:
        return True
    except Unavailable:
        return False

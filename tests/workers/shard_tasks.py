"""A task without a model, for tests of those who do tasks: each image's number squared, and what else goes wrong."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.data.image_decoding import Unreadable
from workbench.shards.plan import BYTES
from workbench.shards.running import Work
from workbench.shards.store import Store
from workbench.shards.task import About, Opened, Task

BATCH, IN_A_SHARD = 4, 8


@dataclass(frozen=True, kw_only=True)
class Squares(Task):
    """Squares the numbers of images.

    Attributes:
        count: of them.
        log: folder in which each call leaves a line of what it computed; None for none.
        seconds: that a batch takes.
        company: so many processes have to compute before anything is done, each of which has a file in `log`.
        deadly: images that kill whoever computes them.
        together: an image that kills in company only.
        unreadable: images that cannot be computed.
        unopened: file whose first reader dies while it opens the task.
        small: file; the process that made it has a disk that takes next to nothing.
        version: of the data; -1 for another one in each process.
        chooses: whether each process chooses an engine of its own, unless it is told one.
        engine: that it is told.
        late: seconds that all but the first process take to open the task.
        first: file that the first process to open the task makes.
        unmounted: file; who makes it does not find the images.
        spoilt: file; the process that made it computes nothing after its first batches.
        sound: so many batches it computes before.
        stands: file; the process that made it stands still when it is to compute something.
        gate: file without which no shard but the first two is computed.
    """

    count: int = 40
    log: Path | None = None
    seconds: float = 0.0
    company: int = 1
    deadly: frozenset[int] = frozenset()
    together: int = -1
    unreadable: frozenset[int] = frozenset()
    unopened: Path | None = None
    small: Path | None = None
    version: int = 1
    chooses: bool = False
    engine: str = ""
    late: float = 0.0
    first: Path | None = None
    unmounted: Path | None = None
    spoilt: Path | None = None
    sound: int = 0
    stands: Path | None = None
    gate: Path | None = None

    def open(self) -> Opened:
        if self.first is not None:
            try:
                self.first.touch(exist_ok=False)
            except FileExistsError:
                time.sleep(self.late)
        if self.unopened is not None:
            with contextlib.suppress(FileExistsError):
                self.unopened.touch(exist_ok=False)
                os.kill(os.getpid(), signal.SIGKILL)
        if self.unmounted is not None:
            with contextlib.suppress(FileExistsError):
                self.unmounted.touch(exist_ok=False)
                raise Unavailable("There is no folder /images.")
        if self.small is not None:
            with contextlib.suppress(FileExistsError):
                self.small.touch(exist_ok=False)
                _fill_the_disk()
        return _Squares(self)

    def like(self, about: About) -> Task:
        return replace(self, engine=about.made.get("engine", ""))


class Threads(Squares):
    """Cannot be opened, and says how many threads numpy's library had when it was loaded."""

    def open(self) -> Opened:
        from threadpoolctl import threadpool_info

        raise WorkbenchError(f"threads: {max(each['num_threads'] for each in threadpool_info())}")


class Particular(Squares):
    """Cannot be opened, and says so by an error that is made of two things."""

    def open(self) -> Opened:
        raise Unreadable("cat.png is cut off.", "cut off")


class Unopenable(Squares):
    """Kills whoever opens it."""

    def open(self) -> Opened:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


def _fill_the_disk() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))  # a shard has more bytes


class _Squares(Opened):
    def __init__(self, task: Squares) -> None:
        self._task, self._spoilt, self._batches = task, False, 0
        if task.spoilt is not None:
            with contextlib.suppress(FileExistsError):
                task.spoilt.touch(exist_ok=False)
                self._spoilt = True

    @property
    def about(self) -> About:
        made: dict[str, Any] = {
            "task": "squares",
            "version": self._task.version if self._task.version >= 0 else os.getpid(),
        }
        if self._task.chooses:
            made["engine"] = self._task.engine or f"engine of {os.getpid()}"
        return About(made=made, count=self._task.count, batch=BATCH, bytes_of_one=BYTES // IN_A_SHARD)

    def compute(self, rows):
        self._wait_at_the_gate(int(rows.max()))
        time.sleep(self._task.seconds)
        if self._task.log is not None:
            with (self._task.log / f"{os.getpid()}.log").open("a") as file:
                file.write(f"{' '.join(map(str, rows.tolist()))}\n")
            until = time.monotonic() + 600
            while len(list(self._task.log.glob("*.log"))) < self._task.company and time.monotonic() < until:
                time.sleep(0.01)
        if self._task.stands is not None:
            with contextlib.suppress(FileExistsError):
                self._task.stands.touch(exist_ok=False)
                time.sleep(10**6)
        self._batches += 1
        if self._spoilt and self._batches > self._task.sound:
            raise WorkbenchError("the images are gone")
        if set(rows.tolist()) & self._task.deadly or (self._task.together in rows.tolist() and len(rows) > 1):
            os.kill(os.getpid(), signal.SIGKILL)
        if wrong := set(rows.tolist()) & self._task.unreadable:
            raise WorkbenchError(f"image {min(wrong)} is no picture")
        return {"square": rows.astype(np.float64) ** 2}

    def _wait_at_the_gate(self, row):
        if (gate := self._task.gate) is None:
            return
        (self._task.log / f"{os.getpid()}.log").touch()
        while row >= 2 * IN_A_SHARD and not gate.exists():
            time.sleep(0.01)


def squares(task, crew, folder):
    """Do a task; return the squares by image, why others have none, and the store."""
    work = Work(task, crew, "Squares")
    plan = work.plan()
    store = Store.begin(folder, work.about.made, work.about.count, len(plan))
    found, without = {}, {}
    for part in work.results(store, plan):
        assert not set(part.kept.tolist()) & set(found), "an image is there twice"
        found |= dict(zip(part.kept.tolist(), part.arrays["square"].tolist() if len(part.kept) else [], strict=True))
        without |= part.left_out
    return found, without, store


def expected(count, without=()):
    """The squares of all images but some."""
    return {row: float(row**2) for row in range(count) if row not in without}


def files_of(store):
    """Return what lies in the store besides its manifest, and what a killed worker had half written beside a place."""
    files = [each.name for each in store.folder.rglob("*") if each.is_file() and each.name != "manifest.json"]
    return sorted(name for name in files if not name.startswith("."))


def computed(log):
    """Return the images of every call that was made."""
    return [list(map(int, line.split())) for file in log.glob("*.log") for line in file.read_text().splitlines()]

"""Work that takes longer than a click: started once, watched by the page, its answer kept."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from workbench.app.page.lane import Lane
from workbench.app.page.owners import Owner
from workbench.core.errors import WorkbenchError
from workbench.core.progress import Stop, reporting, stoppable

LOG = logging.getLogger("workbench.app.page")
STOPPED = "Stopped."
UNEXPECTED = "Unexpected error: see the terminal that runs the workbench."
RETRY = 3.0
"""Seconds that a failure is shown before asking again means trying again."""


def state_of(job: Job | None) -> dict[str, object]:
    """Return how far a job is, for whoever waits for it; what is not known any more is done."""
    return {
        "done": job is None or job.done.is_set(),
        "what": "" if job is None else job.what,
        "share": None if job is None else job.share,
        "parts": 0 if job is None else job.parts,
    }


class Bug(Exception):  # no error of who asked
    """Something went wrong that should not have: what a program that asked is told; the terminal has the traceback."""


@dataclass(kw_only=True)
class Job:
    """One piece of work; `done` is set last, after `value` or `error`; `stop` asks it to end.

    It ends by itself when all its `owners` are gone; where they are None it is the page's own. Of an answer that comes
    part by part, `parts` are there already.
    """

    what: str = ""
    parts: int = 0
    share: float | None = None
    value: Any = None
    error: str = ""
    seconds: float = 0.0
    ended: float = 0.0
    done: threading.Event = field(default_factory=threading.Event)
    stop: threading.Event = field(default_factory=threading.Event)
    owners: list[Owner] | None = None
    raised: WorkbenchError | None = None
    _begun: bool = False
    _told: list[Callable[[], None]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def join(self, owner: Owner | None) -> bool:
        """Let somebody own it too, who then waits for it; False if it is ending, and has to be started anew."""
        with self._lock:
            if self.stop.is_set() and not self.done.is_set():
                return False
            if owner is None:
                self.owners = None
            elif self.owners is not None:
                self.owners = [each for each in self.owners if not each.gone()] + [owner]
            return True

    def check(self) -> None:
        """See whether anybody wants it.

        Raises:
            Stop: if the work is to end.
        """
        with self._lock:
            if self.owners is not None and all(owner.gone() for owner in self.owners):
                self.stop.set()
        if self.stop.is_set():
            raise Stop

    def progress(self, what: str, done: int, total: int) -> None:
        """Note how far it is; a `Progress`."""
        self.what = f"{what}: {done:,} of {total:,}" if total > 1 else what
        self.share = done / total if total else None

    def run(self, work: Callable[[], Any]) -> None:
        """Do the work; an error ends here, as one sentence."""
        started, self._begun = time.perf_counter(), True
        try:
            with stoppable(self.check), reporting(self.progress):
                self.check()
                self.value = work()
        except WorkbenchError as error:
            self.error, self.raised = str(error), error
        except Stop:
            self.error = STOPPED
        except Exception:  # a surface: it must reach the terminal, and the page must stay
            LOG.exception("A computation of the page failed.")
            self.error = UNEXPECTED
        self.ended = time.perf_counter()
        self.seconds = self.ended - started
        self._end()

    def _end(self) -> None:
        with self._lock:
            self.done.set()
            told, self._told = self._told, []
        for tell in told:
            tell()

    def end(self) -> asyncio.Future[None]:
        """Return what is done when the job is, in the running event loop."""
        loop = asyncio.get_running_loop()
        found: asyncio.Future[None] = loop.create_future()

        def tell() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                loop.call_soon_threadsafe(_set, found)

        with self._lock:
            if not self.done.is_set():
                self._told.append(tell)
                return found
        found.set_result(None)
        return found

    @property
    def again(self) -> bool:
        """Whether it ended such that asking again means trying again: stopped, or failed a while ago."""
        return self.error == STOPPED or (self.error != "" and time.perf_counter() - self.ended > RETRY)

    def fail(self, error: str) -> None:
        """End it without having run, because what it needs failed."""
        self.error = error
        self._end()

    def give_up(self) -> None:
        """Have it end: at its next step, or at once where it was not begun, and never will be."""
        self.stop.set()
        if not self._begun and not self.done.is_set():
            self.fail(STOPPED)


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class Jobs:
    """Jobs by key; the same key is worked on once, and the last answers are kept.

    Args:
        workers: how many run at a time.
        keep: how many finished jobs are kept.
        name: of the threads.
    """

    def __init__(self, workers: int = 4, keep: int = 64, name: str = "workbench-page") -> None:
        self._lane = Lane(name, workers)
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._lock = threading.Lock()
        self._keep = keep

    def get(self, key: str) -> Job | None:
        """Return the job, running or done, if there is one."""
        with self._lock:
            return self._jobs.get(key)

    def start(
        self, key: str, work: Callable[[], Any], *, wait: float = 0.0, owner: Owner | None = None, again: bool = False
    ) -> Job:
        """Return the job of this key, started now if there is none; one that failed a while ago is tried again.

        Args:
            key: names the work.
            work: does it; what it reports is its progress.
            wait: seconds to give a quick one before returning.
            owner: who wants it; nobody for work of the page's own. Those who ask the same own one job together.
            again: whether one that has ended is done anew.

        Raises:
            TooMany: if this owner's client has asked for too much already.
            Busy: if all together have.
        """
        with self._lock:
            job = self._jobs.get(key)
            ended = job is not None and job.done.is_set() and (again or job.again)
            if job is None or ended or not job.join(owner):
                job = Job(owners=None if owner is None else [owner])
                self._lane.submit("" if owner is None else owner.client, partial(job.run, work))
                self._jobs[key] = job
            self._jobs.move_to_end(key)
            for old in [key for key, each in self._jobs.items() if each.done.is_set()][
                : max(0, len(self._jobs) - self._keep)
            ]:
                del self._jobs[old]
        job.done.wait(wait)
        return job

    def close(self) -> None:
        """Start nothing more; what runs ends when it reports its progress next, and nobody waits for what waited."""
        self._lane.close()
        with self._lock:
            for job in self._jobs.values():
                job.give_up()

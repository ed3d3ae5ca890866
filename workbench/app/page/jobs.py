"""Work that takes longer than a click: started once, watched by the page, its answer kept."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.progress import reporting

LOG = logging.getLogger("workbench.app.page")
STOPPED = "Stopped."
UNEXPECTED = "Unexpected error: see the terminal that runs the workbench."
RETRY = 3.0
"""Seconds that a failure is shown before asking again means trying again."""


class Stop(Exception):  # no error: the page is going down
    """Raised inside work that reports its progress, when nobody wants it any more."""


class Busy(Unavailable):
    """It cannot be answered now, and can a little later."""


class TooMany(Busy):
    """One client has asked enough for now."""


class Bug(Exception):  # no error of who asked
    """Something went wrong that should not have: what a program that asked is told; the terminal has the traceback."""


@dataclass(kw_only=True)
class Job:
    """One piece of work; `done` is set last, after `value` or `error`; `stop` asks it to end.

    Of an answer that comes part by part, `parts` are there already.
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

    def progress(self, what: str, done: int, total: int) -> None:
        """Note how far it is; a `Progress`.

        Raises:
            Stop: if the work is to end.
        """
        if self.stop.is_set():
            raise Stop
        self.what = f"{what}: {done:,} of {total:,}" if total > 1 else what
        self.share = done / total if total else None

    def run(self, work: Callable[[], Any]) -> None:
        """Do the work; an error ends here, as one sentence."""
        started = time.perf_counter()
        try:
            with reporting(self.progress):
                self.value = work()
        except WorkbenchError as error:
            self.error = str(error)
        except Stop:
            self.error = STOPPED
        except Exception:  # a surface: it must reach the terminal, and the page must stay
            LOG.exception("A computation of the page failed.")
            self.error = UNEXPECTED
        self.ended = time.perf_counter()
        self.seconds = self.ended - started
        self.done.set()

    @property
    def again(self) -> bool:
        """Whether it ended such that asking again means trying again: stopped, or failed a while ago."""
        return self.error == STOPPED or (self.error != "" and time.perf_counter() - self.ended > RETRY)

    def fail(self, error: str) -> None:
        """End it without having run, because what it needs failed."""
        self.error = error
        self.done.set()


class Jobs:
    """Jobs by key; the same key is worked on once, and the last answers are kept.

    Args:
        workers: how many run at a time.
        keep: how many finished jobs are kept.
    """

    def __init__(self, workers: int = 2, keep: int = 64) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="workbench-page")
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._lock = threading.Lock()
        self._keep = keep

    def get(self, key: str) -> Job | None:
        """Return the job, running or done, if there is one."""
        with self._lock:
            return self._jobs.get(key)

    def start(self, key: str, work: Callable[[], Any], *, wait: float = 0.0) -> Job:
        """Return the job of this key, started now if there is none; one that failed a while ago is tried again.

        Args:
            key: names the work.
            work: does it; what it reports is its progress.
            wait: seconds to give a quick one before returning.
        """
        with self._lock:
            job = self._jobs.get(key)
            if job is None or (job.done.is_set() and job.again):
                job = self._jobs[key] = Job()
                self._pool.submit(job.run, work)
            self._jobs.move_to_end(key)
            for old in [key for key, each in self._jobs.items() if each.done.is_set()][
                : max(0, len(self._jobs) - self._keep)
            ]:
                del self._jobs[old]
        job.done.wait(wait)
        return job

    def close(self) -> None:
        """Start nothing more; what runs ends when it reports its progress next."""
        with self._lock:
            for job in self._jobs.values():
                job.stop.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

"""Workers, wherever they are: each does one thing at a time, and says when it is done, or has died."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Lock
from typing import Any, Literal, Self

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.shards.task import About, Task
from workbench.shards.worker import Done, Fruitless, NotOpen, Order, Worker, said

EVERY = 1.0
"""Seconds between two signs of a worker that it gets on."""
KINDS = (Fruitless, NotOpen, Unavailable, WorkbenchError)
"""Errors that travel, each as the first of these that it is."""
News = Literal["open", "done", "failed", "dead", "at it"]


@dataclass(frozen=True)
class Event:
    """What became of what a worker was given.

    Attributes:
        worker: its number.
        call: the number that was given with what it was asked; of a death, the last one.
        news: the task is open (`value` is its `About`), a shard is done (its `Done`), it could not be (an error), the
            worker died (a sentence; there is another one of its number then), or it is still at it, and has got on
            (what it reports of its progress, or None).
        value: see above.
        node: of a death, the machine where it was, as `Crew.lives` takes it.
    """

    worker: int
    call: int
    news: News
    value: Any
    node: str = ""


class Crew(ABC):
    """Workers, numbered from 0 on; to be closed in the end."""

    what: str = "workers"
    """What they are, for people."""

    @property
    @abstractmethod
    def workers(self) -> Iterable[int]:
        """Their numbers, less those that were dismissed."""

    @abstractmethod
    def open(self, worker: int, task: Task, call: int) -> None:
        """Have a worker open a task; the event says for which call it is."""

    @abstractmethod
    def give(self, worker: int, order: Order, call: int) -> None:
        """Have a worker whose task is open do a shard; the event says for which call it is."""

    @abstractmethod
    def wait(self, seconds: float) -> list[Event]:
        """Return what has happened; waits for so long at most."""

    @abstractmethod
    def kill(self, worker: int) -> None:
        """End a worker that stands still, if it is one; its death is heard like any other, and it is replaced."""

    def lives(self, node: str) -> bool:
        """Whether a machine on which a worker died is there all the same, as far as is known now."""
        return True

    @abstractmethod
    def dismiss(self, worker: int) -> None:
        """End a worker for good."""

    @abstractmethod
    def close(self) -> None:
        """End them all."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Here(Crew):
    """One worker, this process itself: what ends it ends the work."""

    what = "this process"

    def __init__(self) -> None:
        self._worker, self._there, self._events = Worker(), True, list[Event]()
        self._order: tuple[int, Order] | None = None

    @property
    def workers(self) -> Iterable[int]:
        """See `Crew`."""
        return [0] if self._there else []

    def open(self, worker: int, task: Task, call: int) -> None:
        """See `Crew`."""
        self._events.append(attempt(worker, call, "open", lambda: self._worker.open(task)))

    def give(self, worker: int, order: Order, call: int) -> None:
        """See `Crew`."""
        self._order = call, order

    def wait(self, seconds: float) -> list[Event]:
        """See `Crew`."""
        if self._order is not None:
            (call, order), self._order = self._order, None
            self._events.append(attempt(0, call, "done", lambda: self._worker.do(order)))
        events, self._events = self._events, []
        return events

    def kill(self, worker: int) -> None:
        """See `Crew`; who asks is the one that would have to be ended, so nobody asks."""

    def dismiss(self, worker: int) -> None:
        """See `Crew`."""
        self._there = False

    def close(self) -> None:
        """See `Crew`."""


class Signs:
    """Says of a worker that it gets on with its work, now and then at most.

    Args:
        tell: told what it reports of its progress, or None.
    """

    def __init__(self, tell: Callable[[tuple[str, int, int] | None], None]) -> None:
        self._tell, self._last, self._lock = tell, -math.inf, Lock()

    def step(self) -> None:
        """Note that it has got on."""
        self._note(None)

    def report(self, what: str, done: int, total: int) -> None:
        """Note what it reports; a `Progress`."""
        self._note((what, done, total))

    def _note(self, said: tuple[str, int, int] | None) -> None:
        with self._lock:
            if time.monotonic() - self._last >= EVERY:
                self._last = time.monotonic()
                self._tell(said)


def attempt(worker: int, call: int, news: News, work: Any) -> Event:
    """Do some work of a worker, and say what became of it."""
    try:
        value: About | Done = work()
    except WorkbenchError as error:
        kind = next(kind for kind in KINDS if isinstance(error, kind))
        return Event(worker, call, "failed", kind(str(error)))  # others' classes may want more than a sentence
    except Exception as error:  # noqa: BLE001 - of whatever kind, it has to travel, and its class may not be there
        return Event(worker, call, "failed", WorkbenchError(said(error)))
    return Event(worker, call, news, value)

"""Whose computation goes first: one compiled function runs at a time; a long one lets others in between its parts."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from workbench.core.progress import check

FIRST, NEXT, LAST = 0, 1, 2
"""Priorities: work that somebody waits for, work that is shown a moment later, background work."""
AGING = 1.0
"""Seconds of waiting after which a function has the next better priority."""
_SLICE = 0.1
"""Seconds after which a waiting thread looks whether it is still wanted."""


@dataclass(eq=False)
class Turn:
    """One function that runs, waits to begin, or waits to go on.

    Attributes:
        rank: its priority.
        go_on: raises, to end it.
        number: a smaller one has waited longer.
        since: when it began to wait.
        ended: what ended it within a pause.
    """

    rank: int
    go_on: Callable[[], None]
    number: int = 0
    since: float = field(default_factory=time.monotonic)
    ended: BaseException | None = None

    @property
    def aged(self) -> int:
        """Its priority, the better the longer it waits: nobody is kept out by an endless row of others."""
        return max(FIRST, self.rank - int((time.monotonic() - self.since) / AGING))


class Turns:
    """Lets one compiled function run at a time, those first whose work is waited for.

    TensorFlow 2.21 on CPU gives wrong values, or crashes, when one compiled function runs in two threads at once.
    """

    def __init__(self) -> None:
        self._free, self._claims = threading.Condition(), [0, 0, 0]
        self._running: Turn | None = None
        self._waiting: list[Turn] = []
        self._paused, self._numbers = 0, itertools.count()
        self._mine = threading.local()

    @contextlib.contextmanager
    def claimed(self, rank: int) -> Iterator[None]:
        """Begin no function of a later rank while this thread is in here.

        Args:
            rank: of this thread: `FIRST`, which all are that claim nothing, `NEXT` or `LAST`.
        """
        before = getattr(self._mine, "rank", FIRST)
        self._mine.rank = rank
        with self._free:
            self._claims[rank] += 1
        try:
            yield
        finally:
            self._mine.rank = before
            with self._free:
                self._claims[rank] -= 1
                self._free.notify_all()

    def __enter__(self) -> Turn:
        turn = Turn(getattr(self._mine, "rank", FIRST), check())
        with self._free:
            self._wait(turn)
        self._mine.turn = turn
        return turn

    def __exit__(self, *_: object) -> None:
        with self._free:
            if self._running is self._mine.turn:  # else it was ended within a pause
                self._running = None
            self._free.notify_all()

    def pause(self, spare: int) -> None:
        """Let others go first, those who wait for longer or whose work is waited for; called by the one that runs.

        Args:
            spare: how many may pause at a time: each keeps a thread of TensorFlow's.

        Raises:
            Stop: if nobody wants what runs any more.
        """
        turn = self._running
        if turn is None:
            return
        try:
            turn.go_on()
            with self._free:
                others = any(self._claims[: turn.rank]) or any(each.aged <= turn.rank for each in self._waiting)
                if not others or self._paused >= spare:
                    return
                self._running, turn.since = None, time.monotonic()
                self._paused += 1
                try:
                    self._wait(turn)
                finally:
                    self._paused -= 1
        except BaseException as error:  # TensorFlow, which calls this, would make another one of it
            turn.ended = error
            raise

    def _wait(self, turn: Turn) -> None:
        """Wait until it is this one's turn; the lock is held."""
        turn.number = next(self._numbers)
        self._waiting.append(turn)
        try:
            turn.go_on()
            self._free.notify_all()
            while not self._is_next(turn):
                self._free.wait(_SLICE)
                turn.go_on()
            self._running = turn
        finally:
            self._waiting.remove(turn)
            self._free.notify_all()

    def _is_next(self, turn: Turn) -> bool:
        if self._running is not None or any(self._claims[: turn.aged]):
            return False
        return min(self._waiting, key=lambda each: (each.aged, each.number)) is turn


TURNS = Turns()

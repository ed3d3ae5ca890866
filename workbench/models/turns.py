"""Whose computation goes first: one compiled function runs at a time."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

FIRST, NEXT, LAST = 0, 1, 2
"""Priorities: work that somebody waits for, work that is shown a moment later, background work."""


class Turns:
    """Lets one compiled function run at a time, those first whose work is waited for.

    TensorFlow 2.21 on CPU gives wrong values, or crashes, when one compiled function runs in two threads at once.
    """

    def __init__(self) -> None:
        self._free, self._running, self._claims = threading.Condition(), False, [0, 0, 0]
        self._mine = threading.local()

    @contextlib.contextmanager
    def claimed(self, rank: int, go_on: Callable[[], None] | None = None) -> Iterator[None]:
        """Begin no function of a later rank while this thread is in here.

        Args:
            rank: of this thread: `FIRST`, which all are that claim nothing, `NEXT` or `LAST`.
            go_on: called before each function of this thread; may raise, to end the work.
        """
        before = getattr(self._mine, "rank", FIRST), getattr(self._mine, "go_on", None)
        self._mine.rank, self._mine.go_on = rank, go_on
        with self._free:
            self._claims[rank] += 1
        try:
            yield
        finally:
            self._mine.rank, self._mine.go_on = before
            with self._free:
                self._claims[rank] -= 1
                self._free.notify_all()

    def __enter__(self) -> None:
        rank = getattr(self._mine, "rank", FIRST)
        if (go_on := getattr(self._mine, "go_on", None)) is not None:
            go_on()
        with self._free:
            self._free.wait_for(lambda: not self._running and not any(self._claims[:rank]))
            self._running = True

    def __exit__(self, *_: object) -> None:
        with self._free:
            self._running = False
            self._free.notify_all()


TURNS = Turns()

"""Threads for the work of many clients, who take turns."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from workbench.app.page.idle import working
from workbench.app.page.refusals import Busy, TooMany

EACH, ALL = 16, 256
"""Pieces of work of one client, and of all, that may wait or run."""


class Lane:
    """Does work on a few threads, of each client in turn, so that who asks much waits for himself.

    One client's work is on all threads but one at most, so that another's can begin.

    Args:
        name: of the threads.
        workers: how many there are.
    """

    def __init__(self, name: str, workers: int) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix=name)
        self._most = max(1, workers - 1)
        self._lock = threading.Lock()
        self._waiting: OrderedDict[str, deque[Callable[[], None]]] = OrderedDict()
        self._running: Counter[str] = Counter()
        self._closed = False

    def submit(self, client: str, work: Callable[[], None]) -> None:
        """Have `work`, which raises nothing, done when it is this client's turn; the page's own has no name.

        Raises:
            TooMany: if this client has asked for too much already.
            Busy: if all together have.
        """
        with self._lock:
            mine = len(self._waiting.get(client, ())) + self._running[client]
            if self._closed:
                raise Busy("The page is shutting down.")
            if client and mine >= EACH:
                raise TooMany(f"{mine} of your questions wait or are worked on; ask again when some are answered.")
            if sum(map(len, self._waiting.values())) + self._running.total() >= ALL:
                raise Busy(f"{ALL} questions are waiting already; try again in a moment.")
            self._waiting.setdefault(client, deque()).append(work)
            self._pool.submit(self._work)

    def _work(self) -> None:
        while (taken := self._take()) is not None:
            client, work = taken
            try:
                with working():
                    work()
            finally:
                with self._lock:
                    self._running[client] -= 1
                    self._running += Counter()  # forget who has nothing left

    def _take(self) -> tuple[str, Callable[[], None]] | None:
        """Take what is next: of the client with the least work under way, who has waited longest."""
        with self._lock:
            clients = [client for client in self._waiting if self._running[client] < self._most]
            if not clients:
                return None
            client = min(clients, key=self._running.__getitem__)
            work = self._waiting[client].popleft()
            self._waiting.move_to_end(client)
            if not self._waiting[client]:
                del self._waiting[client]
            self._running[client] += 1
            return client, work

    def close(self) -> None:
        """Begin nothing more."""
        with self._lock:
            self._closed = True
            self._waiting.clear()
        self._pool.shutdown(wait=False, cancel_futures=True)

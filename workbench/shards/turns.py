"""What each worker is given next; a shard of which one could compute nothing is given to another one."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Set as AbstractSet
from dataclasses import replace

from workbench.shards.worker import Order

PATIENCE = 120.0
"""Seconds that a doubtful shard waits for a second worker that is not ready, before whoever is there does it."""


class Turns:
    """Orders that wait for a worker.

    Attributes:
        suspects: workers that could compute nothing of their last shard, until another one has tried it.
    """

    def __init__(self) -> None:
        self._todo, self._doubts = deque[Order](), list[tuple[Order, float]]()
        self.suspects = set[int]()

    def __len__(self) -> int:
        return len(self._todo) + len(self._doubts)

    def add(self, order: Order) -> None:
        """Add what is done last."""
        self._todo.append(order)

    def put_back(self, order: Order) -> None:
        """Add what is done next."""
        if order.doubt is None:
            self._todo.appendleft(order)
        else:
            self._doubts.append((order, time.monotonic() + PATIENCE))

    def doubt(self, order: Order, worker: int, why: str) -> None:
        """Have another worker try what this one could compute nothing of; the same once more, if there is no other."""
        self.suspects.add(worker)
        self.put_back(replace(order, doubt=(worker, why)))

    def next(self, worker: int, everyone: AbstractSet[int], ready: AbstractSet[int]) -> Order | None:
        """Take what a worker is to do; None if there is nothing for it.

        Args:
            worker: who asks.
            everyone: workers, with those that have not opened the task yet.
            ready: those that have.
        """
        for place, (order, until) in enumerate(self._doubts):
            if self._suits(worker, order, everyone if time.monotonic() < until else ready):
                del self._doubts[place]
                return order
        if not self._todo or (worker in self.suspects and ready - self.suspects):
            return None
        return self._todo.popleft()

    def _suits(self, worker: int, order: Order, company: AbstractSet[int]) -> bool:
        """Whether a worker may try what another one doubts: one that nobody suspects, if there is one."""
        others = company - {order.doubt[0] if order.doubt else worker}
        for some in (others - self.suspects, others):
            if some:
                return worker in some
        return True

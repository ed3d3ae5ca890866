"""Has shards done: hands them to workers, and again where one died, until each is there once."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.progress import Progress, report, silent
from workbench.shards.crew import Crew, Event
from workbench.shards.plan import Shard, cut
from workbench.shards.store import Part, Store
from workbench.shards.task import About, Task
from workbench.shards.turns import Turns
from workbench.shards.worker import Done, Fruitless, NotOpen, Order

LOG = logging.getLogger("workbench.shards")
Known = Callable[[], Mapping[str, Any]]
"""What `About.made` has to hold, asked for once a worker has opened the task."""
KILLS = 3
"""So often an image has to have ended its worker while it was alone, on machines that live, before it is left out."""
FAILURES = 3
"""A worker that has died so often, and got nothing done, is done without."""
BARREN = 3
"""After so many shards without a result of any image, where no other has one, it is not the images that are wrong."""
CALLS = count(1)
"""What is asked of workers is numbered, so that no answer is taken for that to another question."""
POLL = 0.5
"""Seconds between two looks whether the work is still wanted."""
SILENCE = 3600.0
"""Seconds after which a worker that has not got on with anything is ended, and another one does what it was at."""
AWAY = 60.0
"""Seconds between two looks, of which more do not count: this process was stopped itself, and heard nobody."""
CLOCK = time.monotonic


def nothing() -> Mapping[str, Any]:
    """Know nothing."""
    return {}


class Work:
    """A task and who does it.

    Attributes:
        about: what the first worker said of it.

    Args:
        task: what is done.
        crew: who does it; the workers that are not ready yet take part as soon as they are.
        title: what is done, for people.
        known: what `About.made` has to hold.
        tell: told what workers say of their progress; nobody, if not given, since of images their number is enough.

    Raises:
        WorkbenchError: if the task cannot be opened, or nobody lives to do it.
    """

    def __init__(self, task: Task, crew: Crew, title: str, known: Known = nothing, *, tell: Progress = silent) -> None:
        self._task, self._crew, self._title, self._known, self._tell = task, crew, title, known, tell
        self._idle, self._at, self._turns = set[int](), dict[int, Order](), Turns()
        self._kills, self._deaths, self._images = dict[int, tuple[int, list[str]]](), Counter[int](), 0
        self._losses, self._heard = Counter[int](), dict[int, float]()
        self._looked, self._time = CLOCK(), 0.0
        self._fruitful, self._barren = False, list[Order]()
        self._last: WorkbenchError | None = None
        self._abouts, self._again = list[About](), set[int]()
        self._calls = dict[int, int]()
        for worker in crew.workers:
            self._open(worker)
        while not self._abouts:
            report(f"{title}: waiting for {crew.what}", 0, 0)
            self._listen()
        self.about = self._abouts[0]

    def plan(self) -> tuple[Shard, ...]:
        """Cut the images into shards."""
        return cut(self.about.count, self.about.bytes_of_one, self.about.batch)

    def results(
        self, store: Store, shards: Sequence[Shard], left_out: Mapping[int, str] | None = None
    ) -> Iterator[Part]:
        """Have the shards done that are not there, then yield all of them in order; one that is damaged is done anew.

        Args:
            store: where they are.
            shards: of the plan.
            left_out: images that are not touched, and why.

        Raises:
            WorkbenchError: if one cannot be done.
        """
        there = store.there()
        new = {shard.number for shard in shards if store.path(shard).name not in there}
        self.do(store, [shard for shard in shards if shard.number in new], left_out)
        seen = False
        for place, shard in enumerate(shards):
            if (part := store.read_new(shard) if shard.number in new else store.read(shard)) is None:
                others = [] if seen else [each for each in shards[place + 1 :] if each.number not in new]
                damaged = [shard, *(each for each in others if store.read(each) is None)]
                seen = True  # all that is damaged is done at once
                self.do(store, damaged, left_out)
                new |= {each.number for each in damaged}
                part = store.read_new(shard)
            if part is None:
                raise Unavailable(
                    f"{store.path(shard)} was written, and cannot be read: its disk is not to be trusted."
                )
            yield part

    def do(self, store: Store, shards: Sequence[Shard], left_out: Mapping[int, str] | None = None) -> None:
        """Have shards done, whatever is there; arguments and errors are those of `results`."""
        self._images = self.about.count - sum(map(len, shards))
        self._fruitful = self._fruitful or self._images > 0
        for shard in shards:
            without = {row: why for row, why in (left_out or {}).items() if shard.start <= row < shard.stop}
            self._turns.add(Order(store=store, shard=shard, batch=self.about.batch, left_out=without))
        while self._turns or self._at:
            self._hand_out()
            report(self._title, self._images, self.about.count)
            self._listen()
            self._see_fruit(BARREN)
        self._see_fruit(1)
        report(self._title, self._images, self.about.count)

    def _hand_out(self) -> None:
        ready, everyone = self._idle | set(self._at), set(self._crew.workers)
        for worker in sorted(self._idle):
            if (order := self._turns.next(worker, everyone, ready)) is not None:
                self._idle.remove(worker)
                self._at[worker] = order
                self._calls[worker], self._heard[worker] = next(CALLS), self._time
                self._crew.give(worker, order, self._calls[worker])

    def _listen(self) -> None:
        events = self._crew.wait(POLL)
        self._count_time()
        for event in events:
            if event.call != self._calls.get(event.worker):
                continue  # an answer to what another piece of work had asked, or of one that was dismissed
            self._heard[event.worker] = self._time
            if event.news == "at it":
                if event.value is not None:
                    self._tell(*event.value)
                continue
            order = self._at.pop(event.worker, None)
            if event.news == "open":
                self._welcome(event)
            elif event.news == "done" and order is not None:
                self._count(event, order)
            elif event.news == "dead" or isinstance(event.value, NotOpen):  # it died, and another one answers
                self._mourn(event, order)
            else:
                self._blame(event, order)
        self._end_the_silent()
        if not list(self._crew.workers):
            raise self._last or Unavailable(f"{self._title}: there is no worker.")

    def _count_time(self) -> None:
        """Count the time in which this process listened: whoever it did not listen to was not silent."""
        now = CLOCK()
        self._time, self._looked = self._time + min(now - self._looked, AWAY), now

    def _end_the_silent(self) -> None:
        """End workers that have not got on with what they were asked for a long time; that is heard like any death."""
        for worker in self._calls.keys() - self._idle:
            if self._time - self._heard[worker] > SILENCE:
                LOG.warning("%s: worker %d stands still, and is ended.", self._title, worker)
                self._heard[worker] = self._time
                self._crew.kill(worker)

    def _see_fruit(self, most: int) -> None:
        """See that there are results of some image, where there are none of so many shards.

        Raises:
            WorkbenchError: if not: then it is not the images that are wrong, and those shards are not kept.
        """
        if self._fruitful or len(self._barren) < most:
            return
        for order in self._barren:
            order.store.path(order.shard).unlink(missing_ok=True)
        _, why = min(self._barren, key=lambda order: order.shard.start).doubt or (0, "")
        raise WorkbenchError(f"Nothing of it can be computed. The first reason: {why}")

    def _open(self, worker: int) -> None:
        self._calls[worker], self._heard[worker] = next(CALLS), self._time
        self._crew.open(worker, self._task, self._calls[worker])

    def _welcome(self, event: Event) -> None:
        """Take a worker in, if it has before it what this process knows, and what the first one has."""
        about: About = event.value
        deaths = self._deaths[event.worker] - self._losses.pop(event.worker, 0)  # a machine's loss is not its fault
        self._deaths[event.worker] = max(0, deaths)
        if differs := [name for name, value in self._known().items() if about.made.get(name) != value]:
            wrong = f"A worker has another {', '.join(differs)} than this process: see that all have the same."
            self._dismiss(event.worker, WorkbenchError(wrong))
            return
        if not self._abouts:
            self._abouts, self._task = [about], self._task.like(about)
        first = self._abouts[0]
        if (about.made, about.count) == (first.made, first.count):
            self._idle.add(event.worker)
            return
        if event.worker not in self._again:  # it may have chosen something by itself
            self._again.add(event.worker)
            self._open(event.worker)
            return
        differs = [name for name, value in about.made.items() if first.made.get(name) != value]
        wrong = f"A worker has another {', '.join(differs) or 'number of images'} than the first one."
        self._dismiss(event.worker, WorkbenchError(wrong))

    def _count(self, event: Event, order: Order) -> None:
        """Note that a shard is done, and who was wrong of two workers that tried it."""
        done: Done = event.value
        self._images += done.images
        self._deaths.pop(event.worker, None)
        self._idle.add(event.worker)
        fruitful = len(done.left_out) < done.images
        self._fruitful = self._fruitful or fruitful
        suspects = self._turns.suspects
        if fruitful:
            suspects.discard(event.worker)
        if order.doubt is None:
            return
        doubter, why = order.doubt
        if not fruitful:
            self._barren.append(order)
            suspects.discard(doubter)
        elif doubter in suspects:
            wrong = f"It could compute no image of a shard, of which another worker could: {why}"
            self._dismiss(doubter, WorkbenchError(wrong))

    def _blame(self, event: Event, order: Order | None) -> None:
        """Do without a worker that cannot open the task, or has no place to write to; else there is an error."""
        error: WorkbenchError = event.value
        if order is not None and isinstance(error, Fruitless):
            self._turns.doubt(order, event.worker, str(error))
            self._idle.add(event.worker)
            return
        if order is not None:
            if not isinstance(error, Unavailable):
                raise error
            self._turns.put_back(order)
        self._dismiss(event.worker, error)

    def _dismiss(self, worker: int, error: WorkbenchError) -> None:
        LOG.warning("%s: worker %d is done without. %s", self._title, worker, error)
        self._last = error
        self._idle.discard(worker)
        self._turns.suspects.discard(worker)
        self._calls.pop(worker, None)
        if (order := self._at.pop(worker, None)) is not None:
            self._turns.put_back(order)
        self._crew.dismiss(worker)

    def _mourn(self, event: Event, order: Order | None) -> None:
        """Have another one do what a worker died of, with more care."""
        worker = event.worker
        self._idle.discard(worker)
        self._turns.suspects.discard(worker)
        self._again.discard(worker)
        self._deaths[worker] += 1
        if not self._crew.lives(event.node):
            self._losses[worker] += 1
        if order is not None:
            self._turns.put_back(self._careful(order, event.node))
        if self._deaths[worker] < FAILURES:
            self._open(worker)
            return
        self._dismiss(
            worker, Unavailable(f"It died {FAILURES} times before it got anything done. The last time: {event.value}.")
        )

    def _careful(self, order: Order, node: str) -> Order:
        """Narrow down which image ends its worker: first the batch, then the image, which is then left out.

        Only a death with an image alone says something of it, and only where the machine lives: one that is gone took
        with it whatever was there. Of machines that is asked once it matters, when what is gone is known to be.
        """
        number = order.shard.number
        mark = order.store.marked(order.shard) if order.marked else None
        order.store.unmark(order.shard)
        if mark is None:
            return replace(order, marked=True)
        batch, row = mark
        if row is None and batch in order.alone:  # each alone does no harm
            self._deaths.clear()
            return replace(order, alone=order.alone - {batch}, singly=order.singly | {batch})
        if row is None:
            self._deaths.clear()  # something is known now
            self._kills.pop(number, None)
            return replace(order, alone=order.alone | {batch})
        suspected, nodes = self._kills.get(number, (row, []))
        nodes = [each for each in [*(nodes if suspected == row else []), node] if self._crew.lives(each)]
        self._kills[number] = row, nodes
        if len(nodes) < KILLS:
            return replace(order, alone=order.alone | {batch})
        self._deaths.clear()
        del self._kills[number]
        why = f"it ended its worker {KILLS} times"
        return replace(order, left_out={**order.left_out, row: why}, alone=order.alone - {batch})

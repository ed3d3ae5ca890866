"""Workers as actors on a Ray cluster, which starts another one where one has died, or its machine."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import pickle
import secrets
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Any

from workbench.core.errors import Unavailable
from workbench.core.extras import require
from workbench.core.progress import reporting
from workbench.shards.crew import Crew, Event, Signs, attempt
from workbench.shards.task import Task
from workbench.shards.worker import Order, Worker, surroundings

PATIENCE = 10.0
"""Seconds to reach the cluster."""
PAUSE = 1.0
"""Seconds after which a worker that cannot be reached is asked again."""
BESIDE = "signs"
"""What is answered beside the work."""
LOOK = 5.0
"""Seconds between two looks whether workers get on, if they are few."""
ASKED = 100
"""So many are asked in a second, if they are many."""
GIVEN_UP = 20.0
"""Seconds after which what it was doing is left to others: there may be no room for it any more."""


@dataclass(frozen=True, eq=False)
class _Asked:
    """A call of an actor.

    Attributes:
        worker: its number.
        call: the call's.
        send: makes it.
        why: it could not be reached, if so.
        since: when that was first so.
    """

    worker: int
    call: int
    send: Callable[[], Any]
    why: str = ""
    since: float = math.inf


class OnRay(Crew):
    """Actors of a Ray cluster that is there.

    An actor comes back by itself when it died (`max_restarts=-1`), wherever there is room. What it was doing is not
    tried again by Ray, but by whom gave it: Ray would wait for room for that very actor, while others have nothing to
    do, and would not say that there was a death, so that an image that ends its worker would end workers for ever.

    Args:
        address: of the cluster, "host:6379".
        count: of actors; one for each GPU of the cluster, or where there is none for each core, if not given.

    Raises:
        Unavailable: if Ray is not installed, or there is no cluster.
    """

    def __init__(self, address: str, count: int | None = None) -> None:
        require("ray", extra="cluster", what=f"A cluster ({address})")
        _reach(address)
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        import ray

        self._ray, self._own = ray, not ray.is_initialized()
        if self._own:
            try:
                ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, namespace="workbench")
            except Exception as error:  # noqa: BLE001 - Ray has many ways to say that nobody is there
                raise Unavailable(f"There is no Ray cluster at {address}: {error}") from None
        try:
            needs, fitting = _share(ray.cluster_resources(), count)
            number = fitting if count is None else count
            self.what = f"{number} workers on {address}"
            threads = max(1, int(needs["num_cpus"]))
            always = {"max_restarts": -1, "max_task_retries": 0, "concurrency_groups": {BESIDE: 1}}
            kind: Any = ray.remote(scheduling_strategy="SPREAD", **always, **needs)(_Actor)
            how = {"threads": threads, **surroundings()}
            self._there = {each: kind.remote(how) for each in range(number)}
            self._waiting, self._later = dict[Any, _Asked](), list[tuple[float, _Asked]]()
            self._born, self._nodes = dict[int, str](), dict[int, str]()
            self._signs, self._asked_for_signs = dict[int, int](), dict[Any, tuple[int, int]]()
            self._looked = time.monotonic()
            self._task: tuple[Task | None, Any] = None, None
        except BaseException:
            self.close()
            raise

    @property
    def workers(self) -> Iterable[int]:
        """See `Crew`."""
        return list(self._there)

    def open(self, worker: int, task: Task, call: int) -> None:
        """See `Crew`."""
        if task is not self._task[0]:
            self._task = task, self._ray.put(pickle.dumps(task))  # once for all of them
        actor, reference = self._there[worker], self._task[1]
        self._ask(_Asked(worker, call, lambda: actor.open.remote(reference, call)))

    def give(self, worker: int, order: Order, call: int) -> None:
        """See `Crew`."""
        actor, sent = self._there[worker], pickle.dumps(order)
        self._ask(_Asked(worker, call, lambda: actor.do.remote(sent, call)))

    def wait(self, seconds: float) -> list[Event]:
        """See `Crew`."""
        now = time.monotonic()
        for _, asked in (due := [each for each in self._later if each[0] <= now]):
            self._waiting[self._there[asked.worker].born.remote()] = asked
        self._later = [each for each in self._later if each not in due]
        if gone := [each for each, asked in self._waiting.items() if now - asked.since > GIVEN_UP]:
            lost = [self._waiting.pop(each) for each in gone]
            return [
                Event(asked.worker, asked.call, "dead", asked.why, self._nodes.get(asked.worker, "")) for asked in lost
            ]
        self._ask_for_signs(now)
        waiting = list(self._waiting)
        if not waiting:
            time.sleep(min([seconds, *(until - now for until, _ in self._later)]))
            return []
        ready, _ = self._ray.wait(waiting, num_returns=1, timeout=seconds, fetch_local=False)
        if ready and len(waiting) > 1:  # and what else has come meanwhile
            ready, _ = self._ray.wait(waiting, num_returns=len(waiting), timeout=0, fetch_local=False)
        events = [self._heard(each, self._waiting.pop(each)) for each in ready]
        return [*self._seen(), *(event for event in events if event is not None)]

    def kill(self, worker: int) -> None:
        """See `Crew`; one for which there has not been room yet does not stand still."""
        if worker in self._born or worker in self._signs:
            self._ray.kill(self._there[worker], no_restart=False)

    def lives(self, node: str) -> bool:
        """See `Crew`; of a worker that died before its first answer it is not known where it was."""
        return not node or any(each["NodeID"] == node and each["Alive"] for each in self._ray.nodes())

    def dismiss(self, worker: int) -> None:
        """See `Crew`."""
        self._ray.kill(self._there.pop(worker), no_restart=True)
        self._waiting = {each: asked for each, asked in self._waiting.items() if asked.worker != worker}
        self._later = [each for each in self._later if each[1].worker != worker]

    def close(self) -> None:
        """See `Crew`."""
        for worker in list(getattr(self, "_there", ())):
            self.dismiss(worker)
        if self._own:
            self._ray.shutdown()

    def _ask_for_signs(self, now: float) -> None:
        """Ask those who are at something how far they are, beside what they do; nobody is asked twice at a time."""
        if now - self._looked < max(LOOK, len(self._there) / ASKED):
            return
        self._looked = now
        asked = {worker for worker, _ in self._asked_for_signs.values()}
        for each in list(self._waiting.values()):
            if each.worker in self._there and each.worker not in asked:
                signs = self._there[each.worker].signs.options(concurrency_group=BESIDE).remote()
                self._asked_for_signs[signs] = each.worker, each.call

    def _seen(self) -> list[Event]:
        """Return who has got on since it was asked the last time."""
        if not self._asked_for_signs:
            return []
        ready, _ = self._ray.wait(list(self._asked_for_signs), num_returns=len(self._asked_for_signs), timeout=0)
        events = []
        for each in ready:
            worker, call = self._asked_for_signs.pop(each)
            with contextlib.suppress(self._ray.exceptions.RayError):  # what it was asked to do says what it died of
                count, said = self._ray.get(each)
                if self._signs.get(worker) != count:
                    events.append(Event(worker, call, "at it", said))
                self._signs[worker] = count
        return events

    def _ask(self, asked: _Asked) -> None:
        self._waiting[asked.send()] = asked

    def _heard(self, reference: Any, asked: _Asked) -> Event | None:
        """Return what became of a call, if that is known: whoever cannot be reached may be back, as it was or anew."""
        worker = asked.worker
        if worker not in self._there:
            return None
        try:
            (born, node), answer = self._ray.get(reference)
        except self._ray.exceptions.ActorUnavailableError as error:
            why = asked.why or _line(error)
            now = time.monotonic()
            self._later.append((now + PAUSE, replace(asked, why=why, since=min(now, asked.since))))
            return None
        except self._ray.exceptions.RayError as error:
            return Event(worker, asked.call, "dead", _line(error), self._nodes.get(worker, ""))
        known, self._born[worker] = self._born.get(worker), born
        was, self._nodes[worker] = self._nodes.get(worker, ""), node
        if answer:
            return replace(pickle.loads(answer), worker=worker)  # noqa: S301 - of our own actor
        if born != known:
            return Event(worker, asked.call, "dead", asked.why, was)
        self._ask(replace(asked, why="", since=math.inf))
        return None


def _node() -> str:
    """Return which machine of the cluster this is; called there."""
    import ray

    return str(ray.get_runtime_context().get_node_id())


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def _reach(address: str) -> None:
    """See that somebody listens at an address, which Ray would try for minutes.

    Raises:
        Unavailable: if nobody does.
    """
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal():
        raise Unavailable(f"A cluster is local, auto, or the HOST:PORT that `ray start` prints. Got {address!r}.")
    try:
        socket.create_connection((host, int(port)), PATIENCE).close()
        loopback = ip_address(socket.gethostbyname(host) if ":" not in host else host).is_loopback
    except (OSError, ValueError) as error:
        raise Unavailable(
            f"There is no Ray cluster at {address}: {error}. Give the address that `ray start` prints."
        ) from None
    if loopback:  # Ray would take another address of this machine in its place, and listen there
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")


class _Actor:
    """A `Worker`. Tasks, orders and answers travel pickled, so that what is wrong with them is said by us.

    With each answer it says which of those it is that came into being under its number, one after the other.
    """

    def __init__(self, how: dict[str, Any]) -> None:
        self._worker, self._born = Worker(**how), (secrets.token_hex(8), _node())
        self._count, self._said, self._signs = 0, None, Signs(self._note)
        self._worker.step = self._signs.step

    def born(self) -> tuple[tuple[str, str], bytes]:
        return self._born, b""

    def signs(self) -> tuple[int, Any]:
        return self._count, self._said

    def open(self, task: bytes, call: int) -> tuple[tuple[str, str], bytes]:
        with reporting(self._signs.report):
            event = attempt(0, call, "open", lambda: self._worker.open(pickle.loads(task)))  # noqa: S301 - ours
        return self._born, pickle.dumps(event)

    def do(self, order: bytes, call: int) -> tuple[tuple[str, str], bytes]:
        with reporting(self._signs.report):
            event = attempt(0, call, "done", lambda: self._worker.do(pickle.loads(order)))  # noqa: S301 - ours
        return self._born, pickle.dumps(event)

    def _note(self, said: Any) -> None:
        self._count, self._said = self._count + 1, said


def _share(resources: dict[str, float], count: int | None) -> tuple[dict[str, float], int]:
    """Return what an actor takes of a cluster, and how many such there can be."""
    processors, cards = int(resources.get("CPU", 1)), int(resources.get("GPU", 0))
    if cards:
        return {"num_cpus": 1, "num_gpus": 1}, cards
    largest = max(1, processors // max(1, sum(name.startswith("node:") and "head" not in name for name in resources)))
    each = 1 if count is None else min(max(1, processors // count), largest)
    return {"num_cpus": each}, max(1, processors // each)

"""Workers in processes of their own on this machine."""

from __future__ import annotations

import contextlib
import multiprocessing
import pickle
import signal
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from threading import Lock
from typing import Any

from workbench.core.cores import cores, few_threads
from workbench.core.errors import WorkbenchError
from workbench.core.progress import reporting
from workbench.shards.crew import Crew, Event, Signs, attempt
from workbench.shards.task import Task
from workbench.shards.worker import Order, Worker, surroundings

PATIENCE = 5.0
"""Seconds that a process has to end by itself."""


class Local(Crew):
    """Processes on this machine, which share its cores.

    Args:
        count: of them; one for each core, if not given.
        threads: of each; an even share of the cores, if not given.
    """

    def __init__(self, count: int | None = None, threads: int | None = None) -> None:
        count = cores() if count is None else count
        self.what = f"{count} processes"
        self._context = multiprocessing.get_context("spawn")  # a fork of TensorFlow's threads would hang
        self._how: Mapping[str, Any] = {"threads": threads or max(1, cores() // count), **surroundings()}
        self._there = {number: self._start() for number in range(count)}
        self._calls = dict.fromkeys(self._there, 0)

    @property
    def workers(self) -> Iterable[int]:
        """See `Crew`."""
        return list(self._there)

    def open(self, worker: int, task: Task, call: int) -> None:
        """See `Crew`."""
        self._send(worker, task, call)

    def give(self, worker: int, order: Order, call: int) -> None:
        """See `Crew`."""
        self._send(worker, order, call)

    def wait(self, seconds: float) -> list[Event]:
        """See `Crew`."""
        numbers = {id(connection): number for number, (_, connection) in self._there.items()}
        ready = wait([connection for _, connection in self._there.values()], seconds)
        return [self._heard(numbers[id(each)], each) for each in ready if isinstance(each, Connection)]

    def kill(self, worker: int) -> None:
        """See `Crew`."""
        self._there[worker][0].kill()

    def dismiss(self, worker: int) -> None:
        """See `Crew`."""
        process, connection = self._there.pop(worker)
        connection.close()
        _end(process)

    def close(self) -> None:
        """See `Crew`."""
        for process, connection in self._there.values():
            connection.close()
            process.terminate()
        for process, _ in self._there.values():
            _end(process)
        self._there = {}

    def _start(self) -> tuple[Any, Connection]:
        here, there = self._context.Pipe()
        process = self._context.Process(target=serve, args=(there, self._how), daemon=True)
        with few_threads(self._how["threads"]):
            process.start()
        there.close()  # so that its end is heard
        return process, here

    def _send(self, worker: int, what: Task | Order, call: int) -> None:
        self._calls[worker] = call
        with contextlib.suppress(OSError):  # it has died: `wait` hears that
            self._there[worker][1].send((call, pickle.dumps(what)))

    def _heard(self, worker: int, connection: Connection) -> Event:
        try:
            event: Event = connection.recv()
            return replace(event, worker=worker)
        except (EOFError, OSError):
            process = self._there[worker][0]
            connection.close()
            _end(process)
            self._there[worker] = self._start()
            return Event(worker, self._calls[worker], "dead", f"a process {_how_it_ended(process.exitcode)}")


def serve(connection: Connection, how: Mapping[str, Any]) -> None:
    """Do in a process of one's own what is sent, until nobody is there any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that gives the work
    worker, lock = Worker(**how), Lock()

    def say(event: Event) -> None:
        with lock:
            connection.send(event)

    with contextlib.suppress(EOFError, OSError):
        while True:
            call, what = connection.recv()
            say(_answer(worker, call, what, say))


def _answer(worker: Worker, call: int, sent: bytes, say: Callable[[Event], None]) -> Event:
    """Do what was sent, and say meanwhile that one gets on."""

    def tell(said: tuple[str, int, int] | None) -> None:
        with contextlib.suppress(OSError):  # nobody is there any more: that is heard with the answer
            say(Event(0, call, "at it", said))

    signs = Signs(tell)
    worker.step = signs.step
    with reporting(signs.report):
        return _answered(worker, call, sent)


def _answered(worker: Worker, call: int, sent: bytes) -> Event:
    try:
        what: Task | Order = pickle.loads(sent)  # noqa: S301 - of the process that started this one
    except Exception as error:  # noqa: BLE001 - what cannot be unpickled here is not there
        return Event(0, call, "failed", WorkbenchError(f"A worker cannot read its task: {error}"))
    if isinstance(what, Task):
        return attempt(0, call, "open", lambda: worker.open(what))
    return attempt(0, call, "done", lambda: worker.do(what))


def _end(process: Any) -> None:
    process.join(PATIENCE if process.exitcode is None and not process.is_alive() else 0.5)
    if process.is_alive():
        process.terminate()
        process.join(PATIENCE)
    if process.is_alive():
        process.kill()
        process.join()


def _how_it_ended(code: int | None) -> str:
    if code is not None and code < 0:
        with contextlib.suppress(ValueError):
            return f"was ended by {signal.Signals(-code).name}"
    return f"ended with code {code}"

"""Benchmarks measured side by side in processes; one that has parts in several."""

from __future__ import annotations

import logging
import multiprocessing
import os
import queue
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.context import SpawnProcess
from typing import Any, cast

from workbench.app.cli.quiet import quiet_tensorflow
from workbench.core.cores import cores, few_threads
from workbench.core.errors import WorkbenchError
from workbench.core.progress import report, reporting
from workbench.diagnosis.benchmark import Asked, Benchmark, DividedBenchmark, Measured

LOOK = 0.2
"""Seconds after which is looked whether a process has died."""
_LEVEL = "TF_CPP_MIN_LOG_LEVEL"


def measured(kinds: Mapping[str, type[Benchmark]], asked: Asked, jobs: int) -> Iterator[tuple[str, Measured]]:
    """Measure benchmarks, those that take longest first, and give each with its name as it ends.

    What they report is reported here. With one job, or where there is but one thing to do, it is done in this process.

    Args:
        kinds: benchmarks by name.
        asked: how they are run.
        jobs: how many processes at a time, at least 1; they share the processor's cores evenly.

    Raises:
        WorkbenchError: what a benchmark raises, or that its process died; the others are ended then.
    """
    _hush()
    names = sorted(kinds, key=lambda name: -kinds[name].minutes)
    shares = [each for name in names for each in _shares(name, kinds[name], asked, jobs)]
    if jobs == 1 or len(shares) == 1:
        for name in names:
            yield name, kinds[name]().measure(asked)
        return
    work = sorted(shares, key=lambda share: -share.minutes)
    found: dict[str, dict[int, Any]] = {name: {} for name in names}
    for name, what in _in_processes(work, asked, jobs):
        found[name] |= what
        if len(found[name]) == sum(len(each.numbers) for each in work if each.name == name):
            yield name, _combined(kinds[name], asked, found.pop(name))


@dataclass(frozen=True)
class _Share:
    """What one process measures of a benchmark.

    Attributes:
        name: the benchmark's.
        kind: it.
        numbers: of its parts; 0 for all of one that has none.
        minutes: about how long that takes.
    """

    name: str
    kind: type[Benchmark]
    numbers: tuple[int, ...]
    minutes: float


def _shares(name: str, kind: type[Benchmark], asked: Asked, jobs: int) -> Iterator[_Share]:
    """Deal the parts of a benchmark out to as many processes as may run, or leave it whole."""
    count = kind().parts(asked) if issubclass(kind, DividedBenchmark) else 1
    for first in range(max(1, min(jobs, count))):
        numbers = tuple(range(first, count, jobs))
        yield _Share(name, kind, numbers, kind.minutes * len(numbers) / max(1, count))


def _combined(kind: type[Benchmark], asked: Asked, found: Mapping[int, Any]) -> Measured:
    if issubclass(kind, DividedBenchmark):
        return kind().combine(asked, [found[number] for number in sorted(found)])
    return cast("Measured", found[0])


def _in_processes(work: Sequence[_Share], asked: Asked, jobs: int) -> Iterator[tuple[str, dict[int, Any]]]:
    """Measure shares in processes of their own, the first ones first; give the name and what each part came to."""
    waiting, jobs = list(work), min(jobs, len(work))
    context = multiprocessing.get_context("spawn")
    told: Any = context.Queue()
    running: dict[_Share, SpawnProcess] = {}
    threads = max(1, cores() // jobs)
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                share = waiting.pop(0)
                place = share.kind.__module__, share.kind.__name__  # what it imports is to be quiet
                given = (share.name, place, share.numbers, asked, told)
                running[share] = context.Process(target=_measure, args=given)
                with few_threads(threads):
                    running[share].start()
            dead = [share for share, process in running.items() if not process.is_alive()]
            try:
                name, numbers, what = told.get(timeout=LOOK)
            except queue.Empty:
                if dead:  # it was dead before nothing more came
                    code = running[dead[0]].exitcode
                    raise WorkbenchError(
                        f"The process of the benchmark {dead[0].name} died, exit status {code}."
                    ) from None
                continue
            if isinstance(what, dict):
                running.pop(next(each for each in running if (each.name, each.numbers) == (name, numbers))).join()
                yield name, what
            elif isinstance(what, str):
                raise WorkbenchError(what)
            else:
                report(f"{name}: {what[0]}", *what[1:])
    finally:
        for process in running.values():
            process.kill()


def _hush() -> None:
    """TensorFlow warns of one trace for each of many networks."""
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def _measure(name: str, place: tuple[str, str], numbers: tuple[int, ...], asked: Asked, told: Any) -> None:
    """Measure parts of a benchmark in a process of its own, and tell what it reports, and what it found or why not."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever began this ends it
    level = os.environ.pop(_LEVEL, None)
    quiet_tensorflow()
    os.environ |= {} if level is None else {_LEVEL: level}
    _hush()
    benchmark = getattr(import_module(place[0]), place[1])()
    one = (
        benchmark.measure_part if isinstance(benchmark, DividedBenchmark) else lambda asked, _: benchmark.measure(asked)
    )
    try:
        with reporting(lambda what, done, total: told.put((name, numbers, (what, done, total)))):
            told.put((name, numbers, {number: one(asked, number) for number in numbers}))
    except WorkbenchError as error:
        told.put((name, numbers, str(error)))

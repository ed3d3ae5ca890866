"""Benchmarks measured side by side, each in a process of its own."""

from __future__ import annotations

import logging
import multiprocessing
import os
import queue
import signal
from collections.abc import Iterator, Mapping
from importlib import import_module
from multiprocessing.context import SpawnProcess
from typing import Any

from workbench.app.cli.quiet import quiet_tensorflow
from workbench.core.cores import cores
from workbench.core.errors import WorkbenchError
from workbench.core.progress import report, reporting
from workbench.diagnosis.benchmark import Asked, Benchmark, Measured

LOOK = 0.2
"""Seconds after which is looked whether a process has died."""
_THREADS = ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
_LEVEL = "TF_CPP_MIN_LOG_LEVEL"


def measured(kinds: Mapping[str, type[Benchmark]], asked: Asked, jobs: int) -> Iterator[tuple[str, Measured]]:
    """Measure benchmarks, those that take longest first, and give each with its name as it ends.

    What they report is reported here. With one job, or of one benchmark, everything is done in this process.

    Args:
        kinds: benchmarks by name.
        asked: how they are run.
        jobs: how many processes at a time, at least 1; they share the processor's cores evenly.

    Raises:
        WorkbenchError: what a benchmark raises, or that its process died; the others are ended then.
    """
    _hush()
    waiting = sorted(kinds, key=lambda name: -kinds[name].minutes)
    if jobs == 1 or len(waiting) == 1:
        for name in waiting:
            yield name, kinds[name]().measure(asked)
        return
    jobs = min(jobs, len(waiting))
    context = multiprocessing.get_context("spawn")
    told: Any = context.Queue()
    running: dict[str, SpawnProcess] = {}
    threads = max(1, cores() // jobs)
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                name = waiting.pop(0)
                place = kinds[name].__module__, kinds[name].__name__  # what it imports is to be quiet
                given = (name, place, asked, threads, told)
                running[name] = context.Process(target=_measure, args=given)
                running[name].start()
            dead = [name for name, process in running.items() if not process.is_alive()]
            try:
                name, what = told.get(timeout=LOOK)
            except queue.Empty:
                if dead:  # it was dead before nothing more came
                    code = running[dead[0]].exitcode
                    raise WorkbenchError(f"The process of the benchmark {dead[0]} died, exit status {code}.") from None
                continue
            if isinstance(what, Measured):
                running.pop(name).join()
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


def _measure(name: str, place: tuple[str, str], asked: Asked, threads: int, told: Any) -> None:
    """Measure a benchmark in a process of its own, and tell what it reports, and what it found or why not."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever began this ends it
    level = os.environ.pop(_LEVEL, None)
    quiet_tensorflow()
    os.environ |= dict.fromkeys(_THREADS, str(threads)) | ({} if level is None else {_LEVEL: level})
    _hush()
    benchmark = getattr(import_module(place[0]), place[1])()
    try:
        with reporting(lambda what, done, total: told.put((name, (what, done, total)))):
            told.put((name, benchmark.measure(asked)))
    except WorkbenchError as error:
        told.put((name, str(error)))

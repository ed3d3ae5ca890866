"""Benchmarks that are measured in no time, in a module that other processes can import."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from workbench.core.errors import WorkbenchError
from workbench.core.progress import report
from workbench.diagnosis.benchmark import Asked, Benchmark, DividedBenchmark, Measured


class Slow(Benchmark):
    """Does it take until it is let go, by a file?"""

    title = "Slow"
    minutes = 2.0

    def measure(self, asked: Asked) -> Measured:
        report("Waiting", 1, 2)
        while not Path(os.environ["MADE_BENCHMARKS_GO"]).exists():
            time.sleep(0.02)
        return Measured(tables={}, notes=(f"{os.getpid()}", f"{asked.seed}"))


class Fast(Slow):
    """Is it soon done?"""

    minutes = 1.0

    def measure(self, asked: Asked) -> Measured:
        return Measured(tables={}, notes=(f"{os.getpid()}", f"{asked.seed}"))


class Divided(DividedBenchmark):
    """Is each of its parts measured once?"""

    title = "Divided"
    minutes = 5.0

    def parts(self, asked: Asked) -> int:
        return 5

    def measure_part(self, asked: Asked, number: int) -> tuple[int, int, int]:
        report("Parts", number + 1, 5)
        return number, os.getpid(), asked.seed

    def combine(self, asked: Asked, found: Sequence[tuple[int, int, int]]) -> Measured:
        return Measured(tables={}, notes=tuple(" ".join(map(str, each)) for each in found))


class Threads(Divided):
    """With how many threads does numpy compute?"""

    def measure_part(self, asked: Asked, number: int) -> tuple[int, int, int]:
        from threadpoolctl import threadpool_info

        return number, max(each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"), 0


class Nothing(Divided):
    """Is what has no parts summed up?"""

    def parts(self, asked: Asked) -> int:
        return 0


class Failing(Slow):
    """Does it end with a sentence?"""

    minutes = 3.0

    def measure(self, asked: Asked) -> Measured:
        raise WorkbenchError("There is no data.")


class Killed(Failing):
    """Does it end without one?"""

    def measure(self, asked: Asked) -> Measured:
        os.kill(os.getpid(), signal.SIGKILL)

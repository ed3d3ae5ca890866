"""Benchmarks that are measured in no time, in a module that other processes can import."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from workbench.core.errors import WorkbenchError
from workbench.core.progress import report
from workbench.diagnosis.benchmark import Asked, Benchmark, Measured


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


class Failing(Slow):
    """Does it end with a sentence?"""

    minutes = 3.0

    def measure(self, asked: Asked) -> Measured:
        raise WorkbenchError("There is no data.")


class Killed(Failing):
    """Does it end without one?"""

    def measure(self, asked: Asked) -> Measured:
        os.kill(os.getpid(), signal.SIGKILL)

"""One input to one parser: it answers, or says in one sentence what is wrong; soon, and in little memory."""

from __future__ import annotations

import importlib
import pkgutil
import re
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType, ModuleType
from typing import NoReturn

from workbench.core.errors import WorkbenchError

SECONDS = 10
GROWTH = 1.0
"""Seconds and GB of memory that one input may take."""
HERE = Path(__file__).parent
REGRESSIONS = HERE / "regressions"


class Hang(BaseException):
    """One input took too long."""


def targets() -> dict[str, ModuleType]:
    """Return every parser that is attacked: a module with `seeds()`, right inputs, and `attack(data)`."""
    folder = str(HERE / "targets")
    found = sorted(each.name for each in pkgutil.iter_modules([folder]))
    inside = f"{__package__}." if __package__ else ""  # a script's folder is no package
    return {name: importlib.import_module(f"{inside}targets.{name}") for name in found}


def kept(name: str) -> list[Path]:
    """Return the inputs that once failed, which are tried every time."""
    return sorted((REGRESSIONS / name).glob("*.bin"))


def attack(target: ModuleType, data: bytes) -> None:
    """Give one input to a parser.

    Raises:
        AssertionError: if it took too much memory, or a sentence has the form of a traceback.
        Hang: if it took too long.
        Exception: whatever the parser lets through.
    """
    before = _memory("VmRSS")
    _forget_peak()
    with _alarm(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            target.attack(data)
        except WorkbenchError as error:
            said = str(error)
            assert said.strip(), "an error without a sentence"
            assert "Traceback" not in said, said
    grown = (_memory("VmHWM") - before) / 2**20
    assert grown < GROWTH, f"{len(data)} bytes took {grown:.1f} GB of memory"


@contextmanager
def _alarm() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(signum: int, frame: FrameType | None) -> NoReturn:
        raise Hang(f"no answer within {SECONDS} s")

    old = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


def _memory(which: str) -> int:
    """Kilobytes of this process, now or at most since the last `_forget_peak`; 0 where the system does not tell."""
    with suppress(OSError):
        found = re.search(rf"{which}:\s+(\d+) kB", Path("/proc/self/status").read_text())
        return int(found[1]) if found else 0
    return 0


def _forget_peak() -> None:
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")

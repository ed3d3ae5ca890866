"""How long tests wait, and how much work they let a thing be: that a machine is slow, or busy, is no fault.

Continuous integration may be ten times slower than a quiet machine, and stand still for seconds. So what has to come is
waited for long; what a test counts on not to be over yet is held until the test lets it go, and not slept through; and
where seconds are what is tested, a test tries again with more of them: a fault fails with all.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE = 600.0
"""Seconds for what comes within seconds, or never."""
QUIET = 0.007
"""Seconds that the piece of work takes by which `at_once` tells how fast the processor is, on a quiet machine."""


@contextmanager
def at_once(seconds: float) -> Iterator[None]:
    """Let a block be so many seconds of work of this thread, as a quiet machine does it; waiting is no work."""
    before, began = _piece_of_work(), time.thread_time()
    yield
    took = time.thread_time() - began
    slower = max(1.0, before / QUIET, _piece_of_work() / QUIET)
    assert took < seconds * slower, f"{took:.2f} s of work, on a machine that is {slower:.1f} times slower than usual"


def _piece_of_work() -> float:
    began = time.thread_time()
    sum(number * number for number in range(100_000))
    return time.thread_time() - began

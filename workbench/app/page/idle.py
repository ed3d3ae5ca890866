"""What is done while nothing else is: memory that nobody refers to any more is given back to the system."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

PAUSE = 3.0
"""Seconds without an end of work after which there is time for it."""
_lock = threading.Lock()
_soon: list[threading.Timer] = []


@contextmanager
def working() -> Iterator[None]:
    """Tidy up soon after the block, unless more work ends before."""
    try:
        yield
    finally:
        with _lock:
            for timer in _soon:
                timer.cancel()
            _soon[:] = [threading.Timer(PAUSE, give_back)]
            _soon[0].daemon = True
            _soon[0].start()


def give_back() -> None:
    """Collect circles of Python's objects, and hand free pages of the C library's heap back.

    Arrays and compiled functions in such circles wait for a collection that small objects bring about, which may be
    long after. What glibc keeps of freed memory stays otherwise with the thread that it was freed in.
    """
    gc.collect()
    with contextlib.suppress(OSError, AttributeError, TypeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def set_aside() -> None:
    """Leave what is there by now out of all later collections.

    With TensorFlow, a model and the page these are half a million objects: going through them takes 0.3 s, in which
    nobody is answered. Circles among them stay until the process ends, so only a server does this, once.
    """
    gc.collect()
    gc.freeze()

"""The C library's heaps, of which a server with many threads needs few."""

from __future__ import annotations

import contextlib
import ctypes
import os

MOST = 2
"""Heaps. glibc makes eight for each core, and what is free in one is of no use to a thread of another."""
_M_ARENA_MAX = -8  # of malloc.h


def keep_few() -> None:
    """Let all threads that begin from now on allocate from `MOST` heaps; whoever set MALLOC_ARENA_MAX has decided.

    Other C libraries than glibc are left as they are.
    """
    if "MALLOC_ARENA_MAX" in os.environ:
        return
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, MOST)

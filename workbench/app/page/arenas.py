"""The C library's heaps, of which a server with many threads needs few, and from which TensorFlow takes its memory."""

from __future__ import annotations

import contextlib
import ctypes
import os

MOST = 2
"""Heaps. glibc makes eight for each core, and what is free in one is of no use to a thread of another."""
_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8  # of malloc.h
_KEPT = 32 << 20
"""Bytes at a heap's end that are kept for the next array; `idle.give_back` gives them back when nobody asks."""
_SYSTEM_ALLOCATOR = "TF_ONEDNN_USE_SYSTEM_ALLOCATOR"
"""Else oneDNN's kernels keep a pool beside the heaps that only ever grows: 115 MB after all methods at once."""


def keep_few() -> None:
    """Let all threads that begin from now on allocate from `MOST` heaps; whoever set MALLOC_ARENA_MAX has decided.

    TensorFlow, imported after this, takes its arrays from them, too. They stay in the heap between two batches: mapped
    anew each time, large ones made integrated gradients 1.45 times as slow. Other C libraries than glibc are left as
    they are, and TensorFlow with its own pool.
    """
    if "MALLOC_ARENA_MAX" in os.environ:
        return
    with contextlib.suppress(OSError, AttributeError, TypeError):
        libc = ctypes.CDLL(None)
        if all(
            libc.mallopt(what, value) for what, value in ((_ARENA_MAX, MOST), (_MMAP_MAX, 0), (_TRIM_THRESHOLD, _KEPT))
        ):
            os.environ.setdefault(_SYSTEM_ALLOCATOR, "1")

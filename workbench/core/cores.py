"""How many processor cores there are for this process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import Any

_THREADS = ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
VARIABLE = "WORKBENCH_CORES"
"""Names how many of them this process has, where others of its kind share the machine."""


def cores() -> int:
    """Return how many cores this process may use, at least 1."""
    if (given := os.environ.get(VARIABLE, "")).isdecimal() and int(given) > 0:
        return int(given)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def few_threads(threads: int) -> Iterator[None]:
    """See that a process that begins here computes with so many; numpy's library asks once, when it is loaded."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ |= dict.fromkeys(_THREADS, str(threads))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def at_most(threads: int | None) -> AbstractContextManager[Any]:
    """See that numerical libraries compute with at most so many threads meanwhile; None leaves them as they are.

    Small products lose more by waiting for each other than they win. Which libraries are loaded is looked up once: that
    takes longer than the clustering of some hundred vectors does.
    """
    return _libraries().limit(limits=threads)


@cache
def _libraries() -> Any:
    import scipy.linalg  # noqa: F401 - what is to be limited has to be loaded
    import sklearn.utils  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()

"""How many processor cores there are for this process."""

from __future__ import annotations

import os

VARIABLE = "WORKBENCH_CORES"
"""Names how many of them this process has, where others of its kind share the machine."""


def cores() -> int:
    """Return how many cores this process may use, at least 1."""
    if (given := os.environ.get(VARIABLE, "")).isdecimal() and int(given) > 0:
        return int(given)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

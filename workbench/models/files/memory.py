"""How much memory there is, and how much a process takes."""

from __future__ import annotations

import os
from pathlib import Path

UNKNOWN = 8 * 2**30
"""Bytes that are taken to be free where the system does not tell."""


def available_memory() -> int:
    """Return the bytes that could be taken now, within the limit of a container too."""
    free = UNKNOWN
    for line in _text(Path("/proc/meminfo")).splitlines():
        if line.startswith("MemAvailable:"):
            free = 1024 * int(line.split()[1])
    limit, used = (_text(Path("/sys/fs/cgroup") / name).strip() for name in ("memory.max", "memory.current"))
    if limit.isdigit() and used.isdigit():
        free = min(free, max(int(limit) - int(used), 2**28))
    return free


def resident_memory(process: int) -> int:
    """Return the bytes of memory that a process takes; 0 where the system does not tell, or it is gone."""
    pages = _text(Path(f"/proc/{process}/statm")).split()
    return int(pages[1]) * os.sysconf("SC_PAGE_SIZE") if len(pages) > 1 else 0


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except (OSError, UnicodeDecodeError):
        return ""

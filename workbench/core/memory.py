"""How much memory is left, before something large is asked for."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

KERNEL, GROUP = Path("/proc/meminfo"), Path("/sys/fs/cgroup")


def free_memory() -> int | None:
    """Return the bytes that can be had without swapping, of this machine or container; None where nothing tells.

    Linux says it; elsewhere the whole memory of the machine, where that is known, is an upper bound.
    """
    known = [each for each in (_of_machine(), _of_group()) if each is not None]
    return min(known, default=None)


def _of_machine() -> int | None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in KERNEL.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    with contextlib.suppress(AttributeError, OSError, ValueError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def _of_group() -> int | None:
    """What a container is left, by version 2 of control groups; what it has cached counts as used."""
    with contextlib.suppress(OSError, ValueError):
        most = (GROUP / "memory.max").read_text(encoding="ascii")
        used = (GROUP / "memory.current").read_text(encoding="ascii")
        return max(int(most) - int(used), 0)  # "max", no number, where there is no limit
    return None

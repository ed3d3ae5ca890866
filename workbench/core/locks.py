"""A lock on what is being written, so that two programs never write one thing; it ends with the process that holds it.

The lock is the operating system's, on a file beside what is written, in which stands who holds it: after a crash
nothing is stale, and nobody is told to wait for a process that is gone. Between machines it is as good as their disk's.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from workbench.core.errors import Unavailable
from workbench.core.progress import report

LOG = logging.getLogger("workbench.core.locks")
ASKED = 0.2
"""Seconds after which who waits looks again."""
PATIENCE = 60.0
"""Seconds that are waited for another process to compute what can be computed here too."""
FAR = 2**30
"""Place of the byte that is locked where a locked byte cannot be read."""


class Taken(Unavailable):
    """Somebody else is writing this."""


@contextlib.contextmanager
def holding(path: Path, what: str, remedy: str = "Make room there, or choose another place.") -> Iterator[None]:
    """Be the only one that writes something, in all processes and threads.

    Args:
        path: of the file or folder that is written; the lock stands in `.<name>.lock` beside it.
        what: what is written, for the sentence: "Run 'mine'".
        remedy: what helps where the folder takes no file.

    Raises:
        Taken: if another one is at it; says who, where and since when.
        Unavailable: if the folder takes no file.
    """
    lock = lock_of(path)
    made = [each for each in lock.parents if not each.exists()]
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        handle = _acquired(lock)
    except OSError as error:
        raise Unavailable(f"{what} cannot be written in {lock.parent}: {error.strerror or error}. {remedy}") from None
    if handle is None:
        raise Taken(f"{what} is being written by {_holder(lock)}. Wait until that is done, or stop it.")
    try:
        yield
    finally:
        _release(lock, handle)
        with contextlib.suppress(OSError):  # what was made for the lock alone
            for each in made:
                each.rmdir()


@contextlib.contextmanager
def sharing(path: Path | None, what: str, moved: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Wait while another process computes the same for the cache; go on without, where no lock can be had.

    Whoever waits for a minute in which nothing moved computes it too: what is written is whole either way.

    Args:
        path: of the file in the cache; None where nothing is kept.
        what: what is computed, for those who wait.
        moved: returns something else whenever the other process has got on, where that can be seen from here.
    """
    handle, lock = None, None if path is None else lock_of(path)
    if lock is not None:
        with contextlib.suppress(OSError):
            lock.parent.mkdir(parents=True, exist_ok=True)
            handle = _waited(lock, what, moved)
    try:
        yield
    finally:
        if lock is not None and handle is not None:
            _release(lock, handle)


def lock_of(path: Path) -> Path:
    """Return where the lock of a file or folder stands."""
    return path.with_name(f".{path.name.removeprefix('.')}.lock")


def _waited(lock: Path, what: str, moved: Callable[[], object]) -> int | None:
    until, before = time.monotonic() + PATIENCE, moved()
    while (handle := _acquired(lock)) is None and time.monotonic() < until:
        if (now := moved()) != before:
            until, before = time.monotonic() + PATIENCE, now
        report(f"{what}: waiting for {_holder(lock)}", 0, 0)
        time.sleep(ASKED)
    return handle


def _acquired(lock: Path) -> int | None:
    """Lock the file and write into it who has it; None where another one has."""
    while True:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o644)
        try:
            if not _lock(handle):
                os.close(handle)
                return None
            if os.path.samestat(os.fstat(handle), lock.stat()):  # else the one before has just removed it
                break
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)
    with contextlib.suppress(OSError):  # a disk that is full has locks all the same
        os.ftruncate(handle, 0)
        os.write(handle, json.dumps(_oneself()).encode())
    return handle


def _release(lock: Path, handle: int) -> None:
    with contextlib.suppress(OSError):  # while it is held, so that nobody locks a file that is removed
        lock.unlink()
    os.close(handle)
    if sys.platform == "win32":
        with contextlib.suppress(OSError):
            lock.unlink()


def _oneself() -> dict[str, str | int]:
    since = datetime.now(UTC).astimezone().isoformat(" ", "seconds")
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": since}


def _holder(lock: Path) -> str:
    """Say who has a lock, as far as it says."""
    for _ in range(5):
        try:
            found = json.loads(lock.read_text(encoding="utf-8"))
            here = "" if found["host"] == socket.gethostname() else f" on {found['host']}"
            return f"process {int(found['pid'])}{here}, since {found['since']}"
        except (OSError, ValueError, KeyError, TypeError):  # it may be about to write that
            time.sleep(0.02)
    return "another process"


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> bool:
        os.lseek(handle, FAR, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(handle, 0, os.SEEK_SET)
        return True

else:
    import fcntl

    def _lock(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            LOG.warning("This disk has no locks (%s): nothing keeps two programs from writing the same.", error)
        return True

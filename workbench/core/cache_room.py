"""Room in the cache folder: of what is kept there, that goes which was used longest ago."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from workbench.core.errors import WorkbenchError

USUAL = 20.0
"""Gigabytes that are kept, where the environment does not say."""
PORTION = 0.05
"""Of them that a process writes before it looks again whether there are too many."""
TOUCHED = 3600.0
"""Seconds after which the use of a file is noted down again."""


class Room:
    """Folders of the cache that hold so much together, and files that can be made again.

    Args:
        variable: of the environment, which says how many gigabytes.
        folders: which they are, asked each time.
    """

    def __init__(self, variable: str, folders: Callable[[], Iterable[Path]]) -> None:
        self.variable, self._folders = variable, folders
        self._lock = threading.Lock()
        self._written: dict[tuple[Path, ...], float] = {}  # bytes since this process has looked

    @property
    def most(self) -> int:
        """How many bytes are kept.

        Raises:
            WorkbenchError: if the environment says no number of gigabytes.
        """
        said = os.environ.get(self.variable, str(USUAL))
        try:
            size = float(said)
        except ValueError:
            size = -1.0
        if not 0 <= size < 1e9:
            raise WorkbenchError(f"{self.variable} must be a number of gigabytes from 0. Got {said[:40]!r}.")
        return int(size * 1e9)

    def wrote(self, count: int, keep: Collection[Path] = ()) -> None:
        """Count bytes that were written, and remove what was used longest ago once there may be too much.

        Args:
            count: of the bytes.
            keep: files that stay this time, however large they are.

        Raises:
            WorkbenchError: as `most`.
        """
        folders, most = tuple(self._folders()), self.most
        with self._lock:
            known = self._written.get(folders)
            self._written[folders] = 0 if known is None else known + count
            if known is not None and known + count < most * PORTION:
                return
            self._written[folders] = 0
        remove_oldest(folders, most, keep)


def touch(path: Path) -> None:
    """Note down that a file is in use, so that others go first."""
    with contextlib.suppress(OSError):
        if path.stat().st_mtime < time.time() - TOUCHED:
            os.utime(path)


def remove_oldest(folders: Iterable[Path], most: int, keep: Collection[Path] = ()) -> int:
    """Remove the files below some folders that were used longest ago, until the rest has at most `most` bytes.

    Returns:
        How many bytes are left.
    """
    kept, found = {os.fspath(each) for each in keep}, list[tuple[float, int, str]]()
    for root, _, names in (each for folder in folders for each in os.walk(folder)):
        for name in names:
            path = os.path.join(root, name)  # noqa: PTH118 - 100,000 of them
            with contextlib.suppress(OSError):
                known = os.stat(path)  # noqa: PTH116 - likewise
                if not name.startswith(".") or known.st_mtime < time.time() - 24 * TOUCHED:  # what is being written
                    found.append((known.st_mtime, known.st_size, path))
    held = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if held <= most:
            break
        if path not in kept:
            with contextlib.suppress(OSError):
                with contextlib.suppress(FileNotFoundError):  # of many that look at once each would remove as much more
                    os.unlink(path)  # noqa: PTH108 - likewise
                held -= size
                os.rmdir(os.path.dirname(path))  # noqa: PTH106, PTH120 - likewise; only where it is empty
    return held

"""Every image file of a folder, decoded once: which are whole, of what size, and what their content is.

The answers are kept in the cache folder; a file that has not changed since is not read again.
"""

from __future__ import annotations

import hashlib
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from workbench.core import cache
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.progress import Progress, silent
from workbench.core.types import Array
from workbench.data.folder.contents import Contents
from workbench.data.image_claims import MOST_BYTES
from workbench.data.image_decoding import Unreadable
from workbench.data.image_file import look_at
from workbench.data.regular_file import read_regular

FRESH = 2.0  # seconds; a file that was changed since may be changed again within one tick of the disk's clock
LARGE = 16 * 2**20  # bytes; of files that have more, one is looked at at a time
VERSION = 5  # of what is kept

_large = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What is known of each of F files, in the order of their names.

    Attributes:
        sizes: `(F, 2)` int64, height and width in pixels; 0 for a file that cannot be used.
        coloured: `(F,)` bool, whether any pixel is anything but grey.
        transparent: `(F,)` bool, whether any pixel is not opaque.
        turned: `(F,)` bool, whether it has to be turned or mirrored, as its EXIF orientation says.
        deep: `(F,)` bool, whether it has 16 bits a channel, of which the high 8 are read.
        digests: `(F,)` 16 bytes each, the beginning of the SHA-256 of the file's bytes.
        problems: `(F,)` text, why a file cannot be used; empty where it can.
    """

    sizes: Array
    coloured: Array
    transparent: Array
    turned: Array
    deep: Array
    digests: Array
    problems: Array


def survey_files(
    folder: Path,
    files: Sequence[str],
    progress: Progress = silent,
    *,
    within: Path | None = None,
    contents: Contents | None = None,
) -> Survey:
    """Look at every file, or remember what was seen of it.

    Args:
        folder: what `files` are below.
        files: F paths relative to `folder`.
        progress: receives how many of the files are decoded.
        within: folder, resolved, out of which no link may lead; anywhere, if not given.
        contents: the F files, where they are not files of `folder`.

    Raises:
        Unavailable: if what has the contents cannot be reached; what was seen until then is remembered.
    """
    own = os.fsencode(folder.resolve()) if contents is None else contents.key.encode()
    path = cache.cache_folder() / "folders" / f"{hashlib.sha256(own).hexdigest()[:16]}.npz"
    if contents is None:
        stamps = np.array([_stamp(folder / name) for name in files], np.int64).reshape(-1, 2)  # (F, 2) bytes, ns
    else:
        stamps = contents.stamps().copy()

    def read(place: int) -> Callable[[], bytes]:
        if contents is None:
            return partial(read_regular, folder / files[place], MOST_BYTES, within=within)
        return partial(contents.read, place, MOST_BYTES)

    kept = _Kept.read(path)
    known = {} if kept is None else {name: place for place, name in enumerate(kept.files.tolist())}
    places = np.array([known.get(name, -1) for name in files], np.int64)
    if kept is not None:
        places[(places >= 0) & (kept.stamps[places] != stamps).any(axis=1)] = -1
    table = np.zeros(len(files), ROW)
    if kept is not None:
        table[places >= 0] = kept.table[places[places >= 0]]
    new = np.flatnonzero(places < 0)
    table["problem"][new[stamps[new, 0] == 0]] = "empty"  # and not opened
    new = new[stamps[new, 0] != 0]
    started, seen = time.time_ns(), np.zeros(len(files), bool)

    def see(place: int) -> None:
        table[place], seen[place] = _seen(read(place), int(stamps[place, 0]))  # not lasting: it may be read next time

    try:
        with _threads(0 if contents is None else contents.threads) as threads:
            for done, _ in enumerate(threads.map(see, new.tolist())):
                if done % 50 == 0 or done + 1 == len(new):
                    progress("Checking images", done + 1, len(new))
    finally:  # some of them, if it ends before
        if (places < 0).any() or kept is None or len(kept.files) != len(files):
            stamps[new[~seen[new]]] = -1  # looked at again the next time
            stamps[stamps[:, 1] > started - FRESH * 1e9] = -1
            _Kept(np.array(files), stamps, table).write(path)
    return Survey(
        sizes=table["size"],
        coloured=table["coloured"],
        transparent=table["transparent"],
        turned=table["turned"],
        deep=table["deep"],
        digests=table["digest"],
        problems=table["problem"],
    )


ROW = np.dtype(
    [
        ("size", np.int64, 2),
        *((name, bool) for name in ("coloured", "transparent", "turned", "deep")),
        ("digest", "V16"),
        ("problem", "U32"),
    ]
)


@dataclass(frozen=True)
class _Kept:
    """What the cache folder keeps of one folder."""

    files: Array
    stamps: Array
    table: Array

    @classmethod
    def read(cls, path: Path) -> _Kept | None:
        stored = cache.load_arrays(path)
        if stored is None or stored.get("version", np.array(0)) != VERSION:
            return None
        return cls(stored["files"], stored["stamps"], stored["table"])

    def write(self, path: Path) -> None:
        arrays = {"files": self.files, "stamps": self.stamps, "table": self.table}
        cache.save_arrays(path, {"version": np.array(VERSION), **arrays})


def _stamp(path: Path) -> tuple[int, int]:
    try:
        known = path.stat()
    except (OSError, ValueError):
        return -2, -2
    return known.st_size if stat.S_ISREG(known.st_mode) else -3, known.st_mtime_ns


@contextmanager
def _threads(waiting: int) -> Iterator[ThreadPoolExecutor]:
    """Lend threads; after an error nothing more is begun."""
    threads = ThreadPoolExecutor(max(2, os.cpu_count() or 1, waiting))
    try:
        yield threads
    finally:
        threads.shutdown(cancel_futures=True)


def _seen(read: Callable[[], bytes], size: int) -> tuple[tuple[Any, ...], bool]:
    """Decode one file of so many bytes; a row of the table, and whether it holds while the file does not change."""
    digest, problem, lasting = bytes(16), "", True
    try:
        with _large if size > LARGE else nullcontext():
            content = read()
            digest = hashlib.sha256(content).digest()[:16]
            look = look_at(content)
    except OSError as error:
        problem, lasting = error.strerror or "cannot be read", False
    except Unreadable as error:
        problem = error.reason if content else "empty"
    except Unavailable:
        raise
    except (WorkbenchError, ValueError) as error:  # ValueError: a name that no file can have
        problem = str(error)
    else:
        shape = (look.height, look.width)
        return (shape, look.coloured, look.transparent, look.turned, look.deep, digest, ""), True
    return ((0, 0), False, False, False, False, digest, problem[:32]), lasting

"""Copies of remote objects in the cache folder, by address, size and time of change; bounded, oldest use first."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from workbench.core import cache
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.files import replacing, write_file, write_stream
from workbench.core.locks import sharing
from workbench.data.regular_file import read_regular
from workbench.data.remote.address import Address
from workbench.data.remote.store import Entry, store_of

LOG = logging.getLogger("workbench.data.remote")
USUAL = 20.0
"""Gigabytes of copies that are kept, where `WORKBENCH_REMOTE_CACHE` does not say."""
PORTION = 0.05
"""Of them that a process writes before it looks again whether there are too many."""
TOUCHED = 3600.0
"""Seconds after which the use of a copy is noted down again."""

_lock = threading.Lock()
_written: dict[str, float] = {}
"""Bytes that this process has written since it looked, by the folder."""


def most_bytes() -> int:
    """Return how many bytes of copies are kept: `WORKBENCH_REMOTE_CACHE`, in gigabytes.

    Raises:
        WorkbenchError: if that is no number of them.
    """
    said = os.environ.get("WORKBENCH_REMOTE_CACHE", str(USUAL))
    try:
        size = float(said)
    except ValueError:
        size = -1.0
    if not 0 <= size < 1e9:
        raise WorkbenchError(f"WORKBENCH_REMOTE_CACHE must be a number of gigabytes from 0. Got {said[:40]!r}.")
    return int(size * 1e9)


def copies_folder() -> Path:
    """Return the folder of all copies."""
    return cache.cache_folder() / "remote"


def object_content(address: Address, entry: Entry, most: int) -> bytes:
    """Read an object, from its copy if there is one.

    Raises:
        OSError: as `Store.read`.
        Unavailable: as `Store.read`.
    """
    key = _key(address, entry)
    path = copies_folder() / "objects" / key[:2] / key
    with contextlib.suppress(OSError):
        content = read_regular(path, most)
        if len(content) == entry.size:
            touch(path)
            return content
    content = store_of(address).read(address, entry, most)
    if len(content) <= most_bytes() * PORTION:
        with _told():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path, content)
            _make_room(len(content))
    return content


def file_copy(address: Address, entry: Entry) -> Path:
    """Return a copy of an object as a file of its name; another process that makes it too is waited for.

    Raises:
        Unavailable: if it cannot be had, or there is no room for it.
    """
    path = place_of(address, entry)
    if _is_whole(path, entry):
        touch(path)
        return path
    refuse_larger(str(address), entry.size)

    def fetch(into: Path) -> None:
        with store_of(address).stream(address, entry) as stream:
            write_stream(into, stream, entry.size)

    made_once(path, f"{address}", fetch, lambda made: _is_whole(made, entry))
    return path


def place_of(address: Address, entry: Entry) -> Path:
    """Return where the copy of an object is, once it is there."""
    return copies_folder() / "files" / _key(address, entry) / entry.name


def refuse_larger(what: str, size: int) -> None:
    """See that a file of so many bytes has room among the copies, and on their disk.

    Raises:
        Unavailable: if it has not.
    """
    if size > most_bytes():
        raise Unavailable(
            f"{what} has {size / 1e9:.3g} GB, and {most_bytes() / 1e9:g} GB of copies are kept. Set "
            "WORKBENCH_REMOTE_CACHE to more gigabytes."
        )
    folder = copies_folder()
    there = next((each for each in (folder, *folder.parents) if each.exists()), None)
    if there is not None and size > shutil.disk_usage(there).free:
        raise Unavailable(f"{what} needs {size // 2**20 + 1:,} MB in {folder}, where there is less room.")


def made_once(
    path: Path,
    what: str,
    make: Callable[[Path], None],
    whole: Callable[[Path], bool] = Path.is_file,
    before: Sequence[Path] = (),
) -> None:
    """Make a file of the cache, whole or not at all; another process that is at it is waited for while its file grows.

    Args:
        path: of the file.
        what: what is in it, for sentences.
        make: writes it to a path beside that.
        whole: whether a file is the one that is meant.
        before: other files of the cache that are made first.

    Raises:
        Unavailable: if it cannot be made; says why.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with alone(path, what, before):
            if whole(path):
                return
            with replacing(path) as part:
                make(part)
                if not whole(part):
                    raise OSError(0, "it became shorter while it was read")
            _make_room(path.stat().st_size, path)
    except OSError as error:
        said = (error.strerror or str(error)).rstrip(".")
        raise Unavailable(f"{what} cannot be copied to the cache: {said}.") from None


def alone(path: Path, what: str, before: Sequence[Path] = ()) -> contextlib.AbstractContextManager[None]:
    """Be the only one that makes a file of the cache, or needs what it is made of; as `made_once`."""
    return sharing(path, f"Fetching {what}", lambda: [_written_so_far(each) for each in (path, *before)])


def _written_so_far(path: Path) -> list[int]:
    """Bytes of what is being written to take the place of a file, as `replacing` calls it."""
    found = list[int]()
    with contextlib.suppress(OSError), os.scandir(path.parent) as entries:
        for each in entries:
            if each.name.startswith(".") and each.name.endswith(f".{path.name}"):
                found.append(each.stat().st_size)
    return found


def _key(address: Address, entry: Entry) -> str:
    return hashlib.sha256(repr((str(address), entry.size, entry.changed, entry.fresh)).encode()).hexdigest()[:32]


def _is_whole(path: Path, entry: Entry) -> bool:
    try:
        return path.stat().st_size == entry.size
    except OSError:
        return False


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        LOG.warning("Not kept, so fetched again next time: %s", error.strerror or error)


def touch(path: Path) -> None:
    """Note down that a copy is in use, so that others go first."""
    with contextlib.suppress(OSError):
        if path.stat().st_mtime < time.time() - TOUCHED:
            os.utime(path)


def _make_room(written: int, keep: Path | None = None) -> None:
    """Count what was written, and remove what was used longest ago once there may be too much."""
    folder, most = copies_folder(), most_bytes()
    with _lock:
        known = _written.get(str(folder))
        _written[str(folder)] = 0 if known is None else known + written
        if known is not None and known + written < most * PORTION:
            return
        _written[str(folder)] = 0
    remove_oldest(folder, most, keep)


def remove_oldest(folder: Path, most: int, keep: Path | None = None) -> int:
    """Remove the files below a folder that were used longest ago, until the rest has at most `most` bytes.

    Returns:
        How many bytes are left.
    """
    found = list[tuple[float, int, str]]()
    for root, _, names in os.walk(folder):
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
        if keep is None or path != os.fspath(keep):
            with contextlib.suppress(OSError):
                os.unlink(path)  # noqa: PTH108 - likewise
                held -= size
                os.rmdir(os.path.dirname(path))  # noqa: PTH106, PTH120 - likewise; only where it is empty
    return held

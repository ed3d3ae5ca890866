"""Copies of remote objects in the cache folder, by address, size and time of change; bounded, oldest use first."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from workbench.core import cache
from workbench.core.cache_room import PORTION, Room, touch
from workbench.core.errors import Unavailable
from workbench.core.files import replacing, write_file, write_stream
from workbench.core.locks import sharing
from workbench.data.regular_file import read_regular
from workbench.data.remote.address import Address
from workbench.data.remote.store import Entry, store_of

LOG = logging.getLogger("workbench.data.remote")


def copies_folder() -> Path:
    """Return the folder of all copies."""
    return cache.cache_folder() / "remote"


ROOM = Room("WORKBENCH_REMOTE_CACHE", lambda: [copies_folder()])


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
    if len(content) <= ROOM.most * PORTION:
        with _told():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path, content)
            ROOM.wrote(len(content))
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
    if size > ROOM.most:
        raise Unavailable(
            f"{what} has {size / 1e9:.3g} GB, and {ROOM.most / 1e9:g} GB of copies are kept. Set "
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
            ROOM.wrote(path.stat().st_size, [path])
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

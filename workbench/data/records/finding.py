"""Which files of many images a path, a pattern or a folder means, here or in a store."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.progress import Progress, silent
from workbench.data.folder.tree import is_system, printable
from workbench.data.image_kinds import SUFFIXES
from workbench.data.records.shard_file import PARQUET, TAR, ShardFile
from workbench.data.records.webdataset import is_webdataset
from workbench.data.regular_file import read_regular
from workbench.data.remote.address import Address
from workbench.data.remote.opening import copy_of, entry_at, listing_of
from workbench.data.remote.store import Entry

MAGIC = b"PAR1"
ARCHIVES = (".zip", ".tgz", ".gz", ".bz2", ".xz")
TABLES = (".csv", ".tsv")
MOST_FILES = 100_000
"""That a pattern may mean."""
DEEPEST = 3
"""Folders in which files of many images are looked for."""
LOOKED_AT = 10_000
"""Entries of a folder that are looked at until it is known to hold no such file."""
_BRACES = re.compile(r"\{(?:(\d{1,12})\.\.(\d{1,12})|([^{}]*,[^{}]*))\}")


def is_pattern(name: object) -> bool:
    """Whether a name has braces that stand for several: shard-{000..009}.tar, {a,b}.parquet."""
    return _BRACES.search(str(name)) is not None


def expanded(pattern: str) -> list[str]:
    """Return the names that a pattern stands for, in its order.

    Raises:
        WorkbenchError: if they are too many.
    """
    names = [pattern]
    while found := _BRACES.search(names[0]):
        first, last, words = found.groups()
        if words is not None:
            steps = words.split(",")
        else:
            count = abs(int(last) - int(first)) + 1
            if count * len(names) > MOST_FILES:
                raise WorkbenchError(f"A pattern must stand for at most {MOST_FILES:,} files. {found[0]} is more.")
            way = 1 if int(first) <= int(last) else -1
            width = len(first) if first.startswith("0") or len(first) == len(last) else 0
            steps = [str(number).zfill(width) for number in range(int(first), int(last) + way, way)]
        if len(steps) * len(names) > MOST_FILES:
            raise WorkbenchError(f"A pattern must stand for at most {MOST_FILES:,} files.")
        names = [
            f"{name[: m.start()]}{step}{name[m.end() :]}"
            for name in names
            if (m := _BRACES.search(name))
            for step in steps
        ]
    return names


def is_shard_file(path: Path) -> bool:
    """Whether a local file is one of many images, by its content."""
    if path.suffix.lower() == TAR:
        return is_webdataset(path)
    try:
        return path.is_file() and read_regular(path, len(MAGIC), head=True) == MAGIC
    except OSError:
        return False


def local_shards(path: Path) -> list[ShardFile]:
    """Return the files of many images that a path, a pattern or a folder means; none where it means something else.

    Raises:
        Unavailable: if a file of a pattern is not there.
    """
    if is_pattern(path) and not path.exists():
        named = [Path(name) for name in expanded(str(path))]
        lacking = [each for each in named if not each.is_file()]
        if lacking:
            raise Unavailable(
                f"There is no file {str(lacking[0])!r}, one of {len(named):,} that {path.name} stands for."
            )
        top = Path(os.path.commonpath([each.parent for each in named]))
        return [_of_file(each, each.relative_to(top).as_posix()) for each in named]
    if path.is_dir():
        return [_of_file(path / name, name) for name in sorted(_inside(path))]
    return [_of_file(path, path.name)] if is_shard_file(path) else []


def _of_file(path: Path, shown: str) -> ShardFile:
    try:
        known = path.stat()
    except OSError as error:
        raise Unavailable(f"{path.name} cannot be read: {error.strerror}.") from None
    return ShardFile(printable(shown), known.st_size, known.st_mtime_ns, path=path.resolve())


def _inside(folder: Path) -> list[str]:
    """Return the files of many images below a folder; none where it has an image, or cannot be looked through."""
    found, looked, waiting = list[str](), 0, [("", 0)]
    while waiting:
        below, depth = waiting.pop(0)
        try:
            entries = list(_some(folder / below))
        except OSError:
            continue
        for name, inner in entries:
            looked += 1
            suffix = f".{name.rpartition('.')[2].lower()}"
            if suffix in SUFFIXES or (looked > LOOKED_AT and not found):
                return []
            if inner and depth < DEEPEST:
                waiting.append((f"{below}{name}/", depth + 1))
            elif not inner and suffix in (PARQUET, TAR):
                found.append(f"{below}{name}")
    return found


def _some(folder: Path) -> Iterator[tuple[str, bool]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if not is_system(entry.name) and not entry.is_symlink():
                if entry.is_dir(follow_symlinks=False):
                    yield entry.name, True
                elif entry.is_file(follow_symlinks=False):
                    yield entry.name, False


def remote_shards(address: Address, progress: Progress = silent) -> list[ShardFile]:
    """Return the files of many images that an address, a pattern or a folder of a store means; else none.

    Raises:
        Unavailable: if a file of a pattern is not there, or the store does not say.
    """
    if is_pattern(address.key):
        named = [Address(address.scheme, address.bucket, key) for key in expanded(address.key)]
        top = os.path.commonpath([each.parent.key for each in named])
        return [_of_entry(each, each.key.removeprefix(top).strip("/"), entry_at(each)) for each in named]
    suffix = f".{address.name.rpartition('.')[2].lower()}"
    if suffix == PARQUET or (suffix == TAR and is_shard_file(copy_of(address))):
        return [_of_entry(address, address.name, entry_at(address))]
    if suffix in (TAR, *ARCHIVES, *TABLES):
        return []
    found = listing_of(address, progress)
    if found.tree.top.count:
        return []
    return [_of_entry(address.below(path), path, entry) for path, entry in sorted(found.many.items())]


def _of_entry(address: Address, shown: str, entry: Entry) -> ShardFile:
    return ShardFile(printable(shown), entry.size, entry.fresh or entry.changed, address=address, entry=entry)

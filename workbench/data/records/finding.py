"""Which files of many images a path, a pattern or a folder means, here or in a store."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from workbench.core.cache import cache_folder
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.progress import Progress, silent
from workbench.data.folder.tree import Tree, printable
from workbench.data.image_kinds import HEIC_SUFFIXES
from workbench.data.records.shard_file import PARQUET, TAR, ShardFile
from workbench.data.records.webdataset import is_webdataset
from workbench.data.regular_file import read_regular
from workbench.data.remote.address import Address
from workbench.data.remote.opening import copied_tables, copy_of, entry_at, listing_of
from workbench.data.remote.store import Entry

MAGIC = b"PAR1"
ARCHIVES = (".zip", ".tgz", ".gz", ".bz2", ".xz")
TABLES = (".csv", ".tsv")
MOST_FILES = 100_000
"""That a pattern may mean."""
_BRACES = re.compile(r"\{(?:(\d{1,12})\.\.(\d{1,12})|([^{}]*,[^{}]*))\}")


@dataclass(frozen=True)
class Found:
    """Files of many images.

    Attributes:
        files: them; none where something else was meant.
        notes: what was not gone through.
        folder: whether they are those of a folder, which may have a table of metadata.
    """

    files: tuple[ShardFile, ...] = ()
    notes: tuple[str, ...] = ()
    folder: bool = False


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


def local_shards(path: Path, tree: Tree | None = None) -> Found:
    """Return the files of many images that a path, a pattern or a folder means.

    Args:
        path: what was given.
        tree: what lies in it, of a folder; one that holds an image is a folder of images.

    Raises:
        Unavailable: if a file of a pattern is not there.
        WorkbenchError: if a pattern stands for other files.
    """
    if tree is not None:
        if _has_images(tree):
            return Found()
        return Found(tuple(_of_file(path / name, name) for name in sorted(tree.many)), tuple(tree.left()), folder=True)
    if not is_pattern(path) or path.exists():
        return Found((_of_file(path, path.name),) if is_shard_file(path) else ())
    named = [Path(name) for name in expanded(str(path))]
    others = [each for each in named if not each.name.lower().endswith((PARQUET, TAR))]
    _refuse_others(path.name, [each.name for each in others if not is_shard_file(each)])
    if lacking := [each for each in named if not each.is_file()]:
        raise Unavailable(f"There is no file {str(lacking[0])!r}, one of {len(named):,} that {path.name} stands for.")
    top = Path(os.path.commonpath([each.parent for each in named]))
    return Found(tuple(_of_file(each, each.relative_to(top).as_posix()) for each in named))


def _has_images(tree: Tree) -> bool:
    """Whether a folder is one of images, be they photos that cannot be read here."""
    return bool(tree.top.count) or any(kind in HEIC_SUFFIXES for kind in tree.others)


def _refuse_others(pattern: str, names: Iterable[str]) -> None:
    """See that a pattern stands for files of many images, by their endings.

    Raises:
        WorkbenchError: if not.
    """
    for name in names:
        if not name.lower().endswith((PARQUET, TAR)):
            raise WorkbenchError(
                f"A pattern must stand for {PARQUET} files or {TAR} files of WebDataset that are not packed. "
                f"{printable(pattern)} stands for {printable(name)}."
            )


def _of_file(path: Path, shown: str) -> ShardFile:
    try:
        known = path.stat()
    except OSError as error:
        raise Unavailable(f"{path.name} cannot be read: {error.strerror}.") from None
    return ShardFile(printable(shown), known.st_size, known.st_mtime_ns, path=path.resolve())


def remote_shards(address: Address, progress: Progress = silent) -> Found:
    """Return the files of many images that an address, a pattern or a folder of a store means.

    Raises:
        Unavailable: if a file of a pattern is not there, or the store does not say.
        WorkbenchError: if a pattern stands for other files.
    """
    if is_pattern(address.key):
        named = [Address(address.scheme, address.bucket, key) for key in expanded(address.key)]
        _refuse_others(address.name, [each.name for each in named])
        top = os.path.commonpath([each.parent.key for each in named])
        return Found(tuple(_of_entry(each, each.key.removeprefix(top).strip("/"), entry_at(each)) for each in named))
    suffix = f".{address.name.rpartition('.')[2].lower()}"
    if suffix in (PARQUET, TAR, *ARCHIVES, *TABLES):
        entry = entry_at(address)  # Spark calls a folder data.parquet
        if not entry.folder:
            taken = suffix == PARQUET or (suffix == TAR and is_shard_file(copy_of(address)))
            return Found((_of_entry(address, address.name, entry),) if taken else ())
    found = listing_of(address, progress)
    if _has_images(found.tree):
        return Found()
    entries = {path: known for path in sorted(found.tree.many) if (known := found.entry(path)) is not None}
    files = tuple(_of_entry(address.below(path), path, entry) for path, entry in entries.items())
    return Found(files, tuple(found.tree.left()), folder=True)


def tables_beside(address: Address, found: Found) -> tuple[Path, tuple[str, ...]]:
    """Return a local folder with the tables that lie beside files in a store, and why some are left out.

    Raises:
        Unavailable: if one cannot be had.
    """
    if not found.folder:
        return cache_folder() / "remote-tables" / "none" / printable(address.name), ()  # which is never there
    folder, notes = copied_tables(listing_of(address))
    return folder, tuple(notes)


def _of_entry(address: Address, shown: str, entry: Entry) -> ShardFile:
    if entry.folder:
        raise Unavailable(f"There is no file at {address}, but a folder.")
    return ShardFile(printable(shown), entry.size, entry.fresh or entry.changed, address=address, entry=entry)

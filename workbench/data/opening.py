"""Files of images, wherever they lie and however they are kept -> a folder that was looked through."""

from __future__ import annotations

from pathlib import Path

from workbench.core.progress import Progress, silent
from workbench.data.folder import Folder, open_folder, parts_of_files
from workbench.data.folder.tree import Tree, look_through, printable
from workbench.data.reading import Reading
from workbench.data.records.finding import ARCHIVES, local_shards, remote_shards, tables_beside
from workbench.data.records.opening import open_records, parts_of_records
from workbench.data.records.shard_file import TAR
from workbench.data.remote.address import Address, local_or_remote
from workbench.data.remote.opening import copy_of, is_folder_at, lay_out_remote, open_remote


def open_files(name: str | Path | Address, how: Reading, progress: Progress = silent) -> Folder:
    """Look through a folder of images, an archive of one, a table of labels, or files of many; here or in a store.

    Raises:
        Unavailable: if there is no such thing, or it cannot be read.
        WorkbenchError: if it does not hold images of at least two classes, or none that can be used.
    """
    place = local_or_remote(name) if not isinstance(name, Address) else name
    if isinstance(place, Address):
        if (found := remote_shards(place, progress)).files:
            tables, left = tables_beside(place, found)
            name, notes = _called(place.key or place.bucket), (*found.notes, *left)
            return open_records(found.files, tables, name, how, progress, notes=notes)
        if _is_archive(place):
            return open_folder(copy_of(place), how, progress)
        return open_remote(place, how, progress)
    path, tree = Path(place), _tree(place, how)
    if (found := local_shards(path, tree)).files:
        return open_records(found.files, path, _called(path.resolve().as_posix()), how, progress, notes=found.notes)
    return open_folder(place, how, progress, tree)


def parts_of_images(name: str | Path | Address, how: Reading) -> set[str]:
    """Return the parts that files of images hold themselves; empty where they have none. Decodes nothing.

    Raises:
        Unavailable, WorkbenchError: as `open_files`.
    """
    place = local_or_remote(name) if not isinstance(name, Address) else name
    if isinstance(place, Address):
        if (found := remote_shards(place)).files:
            return parts_of_records(found.files)
        if _is_archive(place):
            return parts_of_files(copy_of(place), how)
        return set(lay_out_remote(place, how)[1].parts) - {""}
    path, tree = Path(place), _tree(place, how)
    if (found := local_shards(path, tree)).files:
        return parts_of_records(found.files)
    return parts_of_files(path, how, tree)


def _tree(place: str | Path, how: Reading) -> Tree | None:
    """What lies in a folder; None of a file."""
    path = Path(place)
    return look_through(path, follow_links=how.follow_links) if path.is_dir() else None


def _called(path: str) -> str:
    """What files of many images are called: of shard-{000..009}.tar, shard."""
    folder, _, name = path.rpartition("/")
    return printable(name.partition(".")[0].partition("{")[0].rstrip("-_ ") or folder.rpartition("/")[2] or name)


def _is_archive(address: Address) -> bool:
    return address.name.lower().endswith((*ARCHIVES, TAR)) and not is_folder_at(address)

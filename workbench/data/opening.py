"""Files of images, wherever they lie and however they are kept -> a folder that was looked through."""

from __future__ import annotations

from pathlib import Path

from workbench.core.progress import Progress, silent
from workbench.data.folder import Folder, open_folder, parts_of_files
from workbench.data.folder.tree import printable
from workbench.data.reading import Reading
from workbench.data.records.finding import ARCHIVES, local_shards, remote_shards
from workbench.data.records.opening import open_records, parts_of_records
from workbench.data.records.shard_file import TAR
from workbench.data.remote.address import Address, local_or_remote
from workbench.data.remote.opening import copy_of, lay_out_remote, open_remote


def open_files(name: str | Path | Address, how: Reading, progress: Progress = silent) -> Folder:
    """Look through a folder of images, an archive of one, a table of labels, or files of many; here or in a store.

    Raises:
        Unavailable: if there is no such thing, or it cannot be read.
        WorkbenchError: if it does not hold images of at least two classes, or none that can be used.
    """
    place = local_or_remote(name) if not isinstance(name, Address) else name
    if isinstance(place, Address):
        if shards := remote_shards(place, progress):
            return open_records(shards, Path(place.path), _called(place.key or place.bucket), how, progress)
        if _is_archive(place):
            return open_folder(copy_of(place), how, progress)
        return open_remote(place, how, progress)
    if shards := local_shards(Path(place)):
        return open_records(shards, Path(place), _called(Path(place).resolve().as_posix()), how, progress)
    return open_folder(place, how, progress)


def parts_of_images(name: str | Path | Address, how: Reading) -> set[str]:
    """Return the parts that files of images hold themselves; empty where they have none. Decodes nothing.

    Raises:
        Unavailable, WorkbenchError: as `open_files`.
    """
    place = local_or_remote(name) if not isinstance(name, Address) else name
    if isinstance(place, Address):
        if shards := remote_shards(place):
            return parts_of_records(shards)
        if _is_archive(place):
            return parts_of_files(copy_of(place), how)
        return set(lay_out_remote(place, how)[1].parts) - {""}
    if shards := local_shards(Path(place)):
        return parts_of_records(shards)
    return parts_of_files(Path(place), how)


def _called(path: str) -> str:
    """What files of many images are called: of shard-{000..009}.tar, shard."""
    folder, _, name = path.rpartition("/")
    return printable(name.partition(".")[0].partition("{")[0].rstrip("-_ ") or folder.rpartition("/")[2] or name)


def _is_archive(address: Address) -> bool:
    return address.name.lower().endswith((*ARCHIVES, TAR))

"""What an HDF5 file stores, looked at before anything is read: no other files, no more values than bytes can hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

from workbench.core.errors import WorkbenchError
from workbench.models.files.hdf5_texts import check_texts

DENSEST = 1100
"""How many times fewer bytes than its values an array may have: what deflate reaches with zeros."""
SMALL = 2**20
"""Bytes of an array that may have any number stored."""
MOST = 30_000
"""Groups and arrays, each of which takes a fifth of a millisecond; a network of 1,000 layers has ten thousand with what
Adam keeps."""


def count_stored(name: str, file: Any, stream: IO[bytes]) -> int:
    """Count the values of all arrays in an HDF5 file.

    Args:
        name: of the file, for a sentence.
        file: the open `h5py.File`.
        stream: its bytes.

    Raises:
        WorkbenchError: if one is in another file, or says that it has more values than it can have; or a text says so.
    """
    return sum(int(array.size or 0) for _, array in _arrays(name, file, stream))


def _arrays(name: str, file: Any, stream: IO[bytes]) -> Iterator[tuple[str, Any]]:
    import h5py

    waiting, seen, count = [("", file)], set(), 0
    while waiting:
        place, group = waiting.pop()
        mark = h5py.h5o.get_info(group.id)
        if (mark.fileno, mark.addr) in seen:  # links can go round in circles
            continue
        seen.add((mark.fileno, mark.addr))
        check_texts(name, place, group, stream)
        for key in group:
            count += 1
            if count > MOST:
                raise WorkbenchError(f"{name} is refused: it holds more than {MOST:,} arrays and groups.")
            inside = f"{place}/{key}"
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                raise WorkbenchError(f"{name} is refused: {inside[:120]!r} in it is a link, which may lead elsewhere.")
            found = group[key]
            if isinstance(found, h5py.Group):
                waiting.append((inside, found))
            elif isinstance(found, h5py.Dataset):
                check_texts(name, inside, found, stream)
                _check_array(name, inside, found)
                yield inside, found


def _check_array(name: str, inside: str, array: Any) -> None:
    if array.external or array.is_virtual:
        raise WorkbenchError(f"{name} is refused: the values of {inside[:120]!r} are in another file.")
    if array.dtype.hasobject:
        raise WorkbenchError(f"{name} is refused: {inside[:120]!r} in it is no array of numbers.")
    size = int(array.size or 0) * array.dtype.itemsize
    stored = array.id.get_storage_size()
    if size > SMALL and size > DENSEST * stored:
        raise WorkbenchError(
            f"{name} is refused: {inside[:120]!r} in it says that it has {size:,} bytes, and {stored:,} are stored."
        )

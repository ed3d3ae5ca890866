"""Arrays in one .npz file: the one reader and the one writer of all that the workbench keeps and is given.

Nothing is unpacked before the list at the end of the archive, and the header of each array, have told its size.
"""

from __future__ import annotations

import hashlib
import math
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Self

import numpy as np

from workbench.core.errors import WorkbenchError
from workbench.core.memory import free_memory
from workbench.core.types import Array
from workbench.core.zip_archive import RefusedArchive, open_archive

EMPTY_SIDE = 10_000_000
"""How long a side of an array without values may be: it costs nothing in a file, and a loop over it takes time."""
SEAL = b"classifier-workbench sha256:"


class UnreadableArrays(WorkbenchError):
    """A file of arrays that cannot be used; the message says why, without the file's name, for its caller's sentence.

    Attributes:
        reason: the same without the name of the array.
        pickled: whether it holds Python objects, which are never unpacked.
    """

    def __init__(self, reason: str, array: str = "", *, pickled: bool = False) -> None:
        super().__init__(f"{array}: {reason}" if array else reason)
        self.reason, self.pickled = reason, pickled


class ArrayFile(Mapping[str, Array]):
    """The arrays of an .npz file by name; each is read, and checked against its checksum, when it is asked for.

    Attributes:
        only_arrays: whether there is nothing else in it.
        sealed: whether `write_arrays` wrote it, and names and checksums are still those.

    Args:
        file: its path, or a stream of its bytes that can be rewound.

    Raises:
        FileNotFoundError: if there is no such file.
        UnreadableArrays: if it is no archive of arrays, or one that no memory could hold.
    """

    def __init__(self, file: Path | IO[bytes]) -> None:
        try:
            self._archive = open_archive(file, "arrays")
        except FileNotFoundError:
            raise
        except RefusedArchive as error:
            hint = ", less than images have: if that is right, write it uncompressed, with numpy.savez"
            raise UnreadableArrays(f"{error}{hint if error.bomb else ''}") from None
        except OSError as error:
            raise UnreadableArrays(error.strerror or _said(error)) from error
        except Exception as error:  # noqa: BLE001 - zipfile and numpy have two dozen ways to say that a file is no good
            raise UnreadableArrays(_said(error)) from None
        try:
            listed = self._archive.infolist()
            self._members = {member.filename.removesuffix(".npy"): member for member in listed}
            self.only_arrays = all(member.filename.endswith(".npy") for member in listed)
            self.sealed = _is_sealed(self._archive)
        except UnreadableArrays:
            self._archive.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._archive.close()

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def __getitem__(self, name: str) -> Array:
        """Read one array.

        Raises:
            KeyError: if there is none of this name.
            UnreadableArrays: if it cannot be read, or would have to be unpickled.
        """
        member = self._members[name]
        try:
            return self._read(member)
        except UnreadableArrays as error:
            raise UnreadableArrays(error.reason, name, pickled=error.pickled) from None
        except Exception as error:  # noqa: BLE001 - as above
            raise UnreadableArrays(_said(error), name) from None

    def _read(self, member: zipfile.ZipInfo) -> Array:
        if not member.filename.endswith(".npy"):
            raise UnreadableArrays("it is no array")
        with self._archive.open(member) as stream:
            shape, dtype = _header(stream)
            left = member.file_size - stream.tell()
        if dtype.hasobject:
            raise UnreadableArrays("it holds pickled Python objects, which could run code", pickled=True)
        if any(side < 0 for side in shape) or not dtype.itemsize or math.prod(shape) * dtype.itemsize != left:
            raise UnreadableArrays(f"it says that it is {dtype} of shape {shape}, and has {left:,} bytes")
        if not left and max(shape) > EMPTY_SIDE:
            raise UnreadableArrays(f"it has no values and the shape {shape}")
        free = free_memory()
        if free is not None and left > free:
            raise UnreadableArrays(f"it needs {left / 2**30:.1f} GB of memory, and {free / 2**30:.1f} GB are free")
        with self._archive.open(member) as stream:  # to its end, where its CRC is compared
            return np.lib.format.read_array(stream, allow_pickle=False)


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and dtype of an array, from the begin of its member."""
    version = np.lib.format.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise UnreadableArrays(f"it is of version {version} of numpy's format, which is not taken")
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    try:
        shape, _, dtype = header(stream)
    except Exception:  # noqa: BLE001 - as above; what Python's parser says of it helps nobody
        raise UnreadableArrays("its header is none of numpy's") from None
    return shape, dtype


def read_arrays(path: Path | IO[bytes], *, sealed: bool = False) -> dict[str, Array]:
    """Read every array of a file.

    Args:
        path: of the file, or its bytes.
        sealed: whether it must be one that `write_arrays` wrote.

    Raises:
        FileNotFoundError: if there is no such file.
        UnreadableArrays: if it cannot be read.
    """
    with ArrayFile(path) as arrays:
        if sealed and not arrays.sealed:
            raise UnreadableArrays("it has no checksum, as files of this version have")
        return dict(arrays)


def take(arrays: Mapping[str, Array], name: str, kinds: str, sides: int) -> Array:
    """Return one array of a file, if it is of one of these kinds (letters of `dtype.kind`) and has so many sides.

    Raises:
        UnreadableArrays: if it is not, or not there.
    """
    if name not in arrays:
        raise UnreadableArrays("it is not there", name)
    found = arrays[name]
    if found.dtype.kind not in kinds or found.ndim != sides:
        raise UnreadableArrays(f"{found.dtype} of shape {found.shape} is not what it holds", name)
    return found


def write_arrays(path: Path, arrays: Mapping[str, Array], *, packed: bool = True) -> None:
    """Write arrays to a new file, or over one, with a checksum of all names and contents in the archive's comment.

    Args:
        path: of the file; see `replacing` for one that is there whole or not at all.
        arrays: by name; a file of none is fine.
        packed: whether they are compressed.

    Raises:
        TypeError: if one holds Python objects, which could only be pickled.
    """
    if odd := [name for name, values in arrays.items() if np.asarray(values).dtype.hasobject]:
        raise TypeError(f"Array {odd[0]!r} holds Python objects, which could only be pickled: give it a plain dtype.")
    write: Any = np.savez_compressed if packed else np.savez  # numpy types `allow_pickle` into the names
    with path.open("w+b") as file:
        write(file, **arrays)
        with zipfile.ZipFile(file, "a") as archive:
            archive.comment = _seal(archive.infolist())


def _seal(members: list[zipfile.ZipInfo]) -> bytes:
    """Return the checksum of an archive: of the names, sizes and CRCs of its members, and so of their content."""
    listed = "\n".join(f"{member.filename} {member.file_size} {member.CRC}" for member in members)
    return SEAL + hashlib.sha256(listed.encode("utf-8", "surrogatepass")).hexdigest().encode()


def _is_sealed(archive: zipfile.ZipFile) -> bool:
    """Whether it has a checksum.

    Raises:
        UnreadableArrays: if that is another one.
    """
    if not archive.comment.startswith(SEAL):
        return False
    if archive.comment != _seal(archive.infolist()):
        raise UnreadableArrays("its checksum does not fit its arrays")
    return True


def _said(error: Exception) -> str:
    """What an exception says, on one line; its kind where it says nothing."""
    return " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__

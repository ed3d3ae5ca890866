"""Arrays in one .npz file: the one reader and the one writer of all that the workbench keeps and is given.

Nothing is unpacked before the list at the end of the archive, and the header of each array, have told its size.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import struct
import zipfile
import zlib
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
AT_ONCE = 2**22
"""Bytes that are read at once for a checksum."""
MAPPED = 2**28
"""Bytes from which on an array that is not packed is a memory map of its file, and not read."""


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
            self._on_disk = isinstance(file, Path)
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
            shape, fortran, dtype = _header(stream)
            head = stream.tell()
            left = member.file_size - head
        if dtype.hasobject:
            raise UnreadableArrays("it holds pickled Python objects, which could run code", pickled=True)
        if any(side < 0 for side in shape) or not dtype.itemsize or math.prod(shape) * dtype.itemsize != left:
            raise UnreadableArrays(f"it says that it is {dtype} of shape {shape}, and has {left:,} bytes")
        if not left and max(shape) > EMPTY_SIDE:
            raise UnreadableArrays(f"it has no values and the shape {shape}")
        file: Any = self._archive.fp
        if left >= MAPPED and self._on_disk and member.compress_type == zipfile.ZIP_STORED:
            with self._archive.open(member) as stream:  # to its end, where its CRC is compared
                while stream.read(AT_ONCE):
                    pass
            begin = _begin(file, member) + head
            return np.memmap(file, dtype, "r", begin, shape, order="F" if fortran else "C")
        free = free_memory()
        if free is not None and left > free:
            raise UnreadableArrays(f"it needs {left / 2**30:.1f} GB of memory, and {free / 2**30:.1f} GB are free")
        with self._archive.open(member) as stream:  # to its end, where its CRC is compared
            return np.lib.format.read_array(stream, allow_pickle=False)


def _begin(file: IO[bytes], member: zipfile.ZipInfo) -> int:
    """Return where the content of a member begins that is not packed: after its own header and two texts."""
    file.seek(member.header_offset)
    head = file.read(30)
    return member.header_offset + len(head) + sum(struct.unpack("<HH", head[26:]))


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape, whether the order is Fortran's, and dtype of an array, from the begin of its member."""
    version = np.lib.format.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise UnreadableArrays(f"it is of version {version} of numpy's format, which is not taken")
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    try:
        shape, fortran, dtype = header(stream)
    except Exception:  # noqa: BLE001 - as above; what Python's parser says of it helps nobody
        raise UnreadableArrays("its header is none of numpy's") from None
    return shape, fortran, dtype


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


class ArrayWriter:
    """Writes an array of `(N, …)` values to a file of its own, part by part, so that it need not lie in memory.

    Attributes:
        path: of the file.
        checksum: CRC-32 of the values so far.

    Args:
        path: of a new file, or one to be written over.
        like: a first part, which tells dtype and all sides but the first; it is not written.
    """

    def __init__(self, path: Path, like: Array) -> None:
        self.path, self.checksum, self._count, self._moved = path, 0, 0, False
        self._like = like[:0]
        self._file = path.open("wb")
        self._write_header()

    def add(self, part: Array) -> None:
        """Write the next values."""
        values = np.ascontiguousarray(part, self._like.dtype)
        self.checksum = zlib.crc32(values.data, self.checksum)
        self._file.write(values.data)
        self._count += len(values)

    def close(self) -> None:
        """Write how many there are; a file that is not closed is none that can be read."""
        if self._file.closed:
            return
        self._file.seek(0)
        self._write_header()  # of the same length: numpy leaves room for larger numbers
        self._file.close()

    def move(self, path: Path) -> None:
        """Give the closed file another name."""
        self.path.replace(path)
        self.path, self._moved = path, True

    def discard(self) -> None:
        """Close it, and remove it if it was not moved."""
        with contextlib.suppress(OSError):
            self._file.close()
        if not self._moved:
            self.path.unlink(missing_ok=True)

    def _write_header(self) -> None:
        shape = (self._count, *self._like.shape[1:])
        descr = np.lib.format.dtype_to_descr(self._like.dtype)
        np.lib.format.write_array_header_1_0(self._file, {"descr": descr, "fortran_order": False, "shape": shape})


def map_array(path: Path, checksum: int) -> Array:
    """Return what an `ArrayWriter` wrote, as a memory map; it is read once, to compare its checksum.

    Raises:
        FileNotFoundError: if there is no such file.
        UnreadableArrays: if it is damaged.
    """
    with path.open("rb") as file:
        try:
            shape, _, dtype = _header(file)
        except ValueError as error:
            raise UnreadableArrays(_said(error)) from None
        begin, found = file.tell(), 0
        while part := file.read(AT_ONCE):
            found = zlib.crc32(part, found)
        if found != checksum or file.tell() - begin != math.prod(shape) * dtype.itemsize:
            raise UnreadableArrays("its checksum does not fit its values")
    return np.memmap(path, dtype, "r", begin, shape)


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

"""The list at the end of a zip archive, looked at before a byte of the archive is unpacked."""

from __future__ import annotations

import io
import os
import stat
import zipfile
from pathlib import Path
from typing import IO, Any

LARGE = 512 * 2**20
"""Bytes from which on it matters how much smaller they are packed."""
RATIO = 200
"""How many times larger than in the file large members may be: images of plain shapes reach 120, zeros 1,030."""
MEMBERS = 10_000
LISTED = 4 * 2**20
"""Bytes that the list of the members may have."""
NAME = 255
"""Characters of a name."""


class RefusedArchive(Exception):
    """An archive that is not unpacked; the message says why, without its name.

    Attributes:
        bomb: whether that is how little its members are packed into.
    """

    def __init__(self, reason: str, *, bomb: bool = False) -> None:
        super().__init__(reason)
        self.bomb = bomb


def open_archive(file: Path | IO[bytes], members: str = "members") -> zipfile.ZipFile:
    """Open an archive whose list is sound: names and sizes that can be, each once, none encrypted or over another.

    Args:
        file: its path, or a stream of its bytes that can be rewound; closed with the archive.
        members: what it holds, for a sentence.

    Raises:
        FileNotFoundError: if there is no such file.
        RefusedArchive: if it is no regular file, or its list is not sound.
        Exception: what `zipfile` raises, of two dozen kinds, if it is no archive.
    """
    stream = _Stream(_opened(file), members)
    try:
        archive = zipfile.ZipFile(stream)
        stream.most = None
        _check(archive.infolist(), stream.seek(0, os.SEEK_END), members)
    except BaseException:
        stream.close()
        raise
    archive._filePassed = 0  # type: ignore[attr-defined]  # it closes the stream, which is its own
    return archive


class _Stream(io.BufferedReader):
    """A file that gives no more than `most` bytes at once: the list at its end says itself how long it is."""

    most: int | None = LISTED

    def __init__(self, file: Any, members: str) -> None:
        super().__init__(file)
        self._members = members

    def read(self, size: int | None = -1, /) -> bytes:
        if self.most is None:
            return super().read(size)
        content = super().read(self.most + 1 if size is None or size < 0 else min(size, self.most + 1))
        if len(content) > self.most:
            raise RefusedArchive(f"the list of its {self._members} is too long")
        return content


def _opened(file: Path | IO[bytes]) -> Any:
    if not isinstance(file, Path):
        return file
    try:
        if not stat.S_ISREG(file.stat().st_mode):  # a pipe would never end
            raise RefusedArchive("it is no regular file")
        return file.open("rb", buffering=0)
    except NotADirectoryError as error:  # a file stands where a folder would have to be
        raise FileNotFoundError(error.errno, error.strerror, str(file)) from None


def _check(listed: list[zipfile.ZipInfo], size: int, members: str) -> None:
    """Look at what the list of an archive of `size` bytes says."""
    one = members.removesuffix("s")
    if len(listed) > MEMBERS:
        raise RefusedArchive(f"it holds {len(listed):,} {members}, and at most {MEMBERS:,} are taken")
    names: set[str] = set()
    for member in listed:
        name = member.filename.removesuffix(".npy")
        shown = repr(name[:80])
        if not name or len(name) > NAME or not name.isprintable():
            raise RefusedArchive(f"{shown} is no name of {'an' if one[0] in 'aeiou' else 'a'} {one}")
        if name in names:
            raise RefusedArchive(f"it holds two {members} {shown}")
        if member.flag_bits & 0x1:
            raise RefusedArchive(f"{shown} is encrypted")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise RefusedArchive(f"{shown} is compressed in another way than such files are")
        if member.compress_type == zipfile.ZIP_STORED and member.file_size != member.compress_size:
            raise RefusedArchive(f"{shown} is not compressed, and has two sizes")
        names.add(name)
        _refuse_bomb(shown, member.file_size, member.compress_size)
    packed = sum(member.compress_size for member in listed)
    if packed > size:
        raise RefusedArchive(f"its {members} lie over each other")
    _refuse_bomb("it", sum(member.file_size for member in listed), packed)


def _refuse_bomb(what: str, unpacked: int, packed: int) -> None:
    if unpacked > LARGE and unpacked > RATIO * packed:
        raise RefusedArchive(f"{what} has {unpacked:,} bytes packed into {packed:,}", bomb=True)

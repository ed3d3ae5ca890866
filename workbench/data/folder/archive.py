"""An archive of images (.zip, .tar, .tar.gz) -> a folder of the cache with its images."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import shutil
import stat
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath
from typing import IO, Any

from workbench.core.cache import cache_folder
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.files import write_stream
from workbench.core.progress import Progress, silent
from workbench.data.folder.tree import LABEL_FILES, is_system
from workbench.data.image_kinds import HEIC_SUFFIXES, SUFFIXES

MOST_BYTES = 32 * 2**30
"""Bytes that the images of an archive may have together."""
MOST_FILES = 2_000_000
RATIO = 100
"""How many times larger than the archive they may be; images hardly shrink. Below `SMALL` bytes it does not matter."""
SMALL = 256 * 2**20
MOST_FOLDERS = 50_000
"""That have no image; a class may be empty."""
MOST_BLOCK = 16 * 2**20
"""Bytes that may be asked for at once: tarfile reads a name whole, be it as long as the archive."""
MOST_BEHIND = 4 * MOST_BLOCK
"""Bytes behind the end of a tar that are looked at; a few thousand zeros are usual."""
SIGNATURE = 10
"""Bytes by which it is known how a tar is packed."""
LONGEST, DEEPEST = 255, 64
"""Bytes of a step of a path, and steps."""
DAY = 24 * 3600
TAKEN = SUFFIXES | HEIC_SUFFIXES | {"", *LABEL_FILES}


def is_archive(path: Path) -> bool:
    """Whether a file is a zip or tar archive, by its content."""
    try:
        if not path.is_file():
            return False
        if zipfile.is_zipfile(path):
            return True
        with open_tar(path) as (archive, _):
            return archive.next() is not None  # zeros are a tar of nothing
    except Exception:  # noqa: BLE001 - of four unpackers, each with its own
        return False


def archive_folder(path: Path, progress: Progress = silent) -> Path:
    """Unpack the images of an archive into the cache, once, and return the folder.

    Names and sizes of all members are looked at before a byte is unpacked: an archive with a path that leaves its
    folder, a link, a device, or more bytes than images have is refused whole. Only images and tables of labels are
    unpacked.

    Raises:
        Unavailable: if it cannot be read, or the disk has no room.
        WorkbenchError: if it is damaged, encrypted, or holds what it must not.
    """
    _refuse_hollow(path)
    folder = cache_folder() / "archives" / _digest(path)
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_rests(folder.parent)
        archive = _Zip(path) if zipfile.is_zipfile(path) else _Tar(path)
        need = _checked_size(archive, path)
        if need > shutil.disk_usage(folder.parent).free:
            raise Unavailable(f"{path.name} needs {need >> 20} MB in {folder.parent}, where there is less room.")
        made = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".unpacking-"))
        try:
            _unpack(archive, made, progress)
            if not folder.is_dir():  # else another process was faster
                made.rename(folder)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    except WorkbenchError:
        raise
    except RecursionError:
        raise WorkbenchError(f"{path.name} is not unpacked: names in it follow on names without an end.") from None
    except OSError as error:
        raise Unavailable(f"{path.name} cannot be unpacked: {error.strerror or error}.") from None
    except Exception as error:  # noqa: BLE001 - of four unpackers, each with its own
        said = " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
        raise WorkbenchError(f"{path.name} is damaged and cannot be unpacked: {said}.") from None
    return folder


def _refuse_hollow(path: Path) -> None:
    """Refuse a file that claims to be large and takes no place on the disk, before it is read for its digest."""
    try:
        known = path.stat()
    except OSError as error:
        raise Unavailable(f"{path.name} cannot be read: {error.strerror}.") from None
    held = getattr(known, "st_blocks", known.st_size) * 512
    if known.st_size > MOST_BYTES or (known.st_size > SMALL and held * RATIO < known.st_size):
        raise WorkbenchError(
            f"{path.name} is not unpacked: an archive may have {MOST_BYTES // 2**30} GB, and no holes. It claims "
            f"to have {known.st_size:,} bytes and takes {held:,} on the disk. Unpack it yourself and give the folder."
        )


def _remove_rests(folder: Path) -> None:
    """Remove what was being unpacked when a process was killed, a day ago or longer."""
    for rest in folder.glob(".unpacking-*"):
        if rest.stat().st_mtime < time.time() - DAY:
            shutil.rmtree(rest, ignore_errors=True)


@dataclass(frozen=True)
class Member:
    """One entry of an archive.

    Attributes:
        name: as it is written.
        kind: "file", "folder", or what it is that is refused.
        size: bytes once unpacked, as the archive says.
    """

    name: str
    kind: str
    size: int


class _Zip:
    """A zip archive, whose list of members stands at its end."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def members(self) -> Iterator[tuple[Member, Callable[[], IO[bytes]]]]:
        with zipfile.ZipFile(self._path) as archive:
            for info in archive.infolist():
                mode = info.external_attr >> 16
                kind = "a folder" if info.is_dir() else "a file"
                if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                    kind = "a link" if stat.S_ISLNK(mode) else "a device"
                if info.flag_bits & 1:
                    kind = "encrypted"
                if info.CRC and not info.file_size:  # zipfile would read nothing of it, and compare nothing
                    raise zipfile.BadZipFile(f"{_shown(info.filename)} is said to be empty and has a checksum")
                yield Member(info.filename, kind, info.file_size), partial(archive.open, info)


class _Tar:
    """A tar archive, perhaps compressed, whose members are found by reading through it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def members(self) -> Iterator[tuple[Member, Callable[[], IO[bytes]]]]:
        """Yield all members.

        Raises:
            tarfile.ReadError: if they do not end as an archive ends, with a block of zeros. For tarfile one that is
                cut off, or damaged in the middle, ends there like a whole one.
        """
        with open_tar(self._path) as (archive, stream):
            for info in archive:
                kind = "a folder" if info.isdir() else "a file" if info.isfile() else "a device"
                kind = "a link" if info.issym() or info.islnk() else kind
                yield Member(info.name, kind, info.size), partial(_tar_file, archive, info)
                archive.members = []  # type: ignore[attr-defined]  # of a million members nothing is kept
            refuse_cut_off(stream)


def refuse_cut_off(stream: _Sparing) -> None:
    """See that the members of a tar ended as an archive ends, and that there is nothing behind but zeros.

    Raises:
        tarfile.ReadError: if they did not, or there is: for tarfile an archive behind another one is not there.
    """
    if stream.last != bytes(tarfile.BLOCKSIZE):
        raise tarfile.ReadError("it is cut off, or its list of files is damaged")
    for _ in range(MOST_BEHIND // MOST_BLOCK):
        if (rest := stream.read(MOST_BLOCK)).count(0) < len(rest):
            raise tarfile.ReadError("there is more behind its end, as where two archives were joined; take them apart")
        if not rest:
            break


@contextmanager
def open_tar(path: Path) -> Iterator[tuple[tarfile.TarFile, _Sparing]]:
    """Open a tar archive, by its first bytes through what it is packed with; yield it, and what it reads."""
    with path.open("rb") as file:
        opens: dict[str, Any] = {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open}
        how = opens.get(packed_with(file.read(SIGNATURE)))
        file.seek(0)
        stream = _Sparing(file if how is None else how(file))
        with tarfile.open(fileobj=stream, mode="r:") as archive:
            yield archive, stream


def packed_with(head: bytes) -> str:
    """Tell by the first `SIGNATURE` bytes of a file what it is packed with; empty for a plain tar.

    A tar begins with a name, so that a signature has to be looked at whole: BZ and BZh begin names, too.
    """
    if head[:3] == b"BZh" and head[4:10] in (b"1AY&SY", b"\x17rE8P\x90"):  # a block, or the end of an empty one
        return "bzip2"
    starts = {b"\x1f\x8b\x08": "gzip", b"\xfd7zXZ\0": "xz", b"(\xb5/\xfd": "zstd"}
    return next((name for start, name in starts.items() if head.startswith(start)), "")


class _Sparing(io.BufferedIOBase):
    """A stream of which nobody reads much at once.

    Attributes:
        last: what was read last.

    Raises:
        tarfile.ReadError: if somebody wants to.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.last = b""

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as a file does."""
        if size is None or not 0 <= size <= MOST_BLOCK:
            raise tarfile.ReadError(f"a name of {size:,} bytes" if size else "a name without an end")
        self.last = self._stream.read(size)
        return self.last

    def seek(self, place: int, whence: int = 0, /) -> int:
        """Go to a place."""
        return self._stream.seek(place, whence)

    def tell(self) -> int:
        """Where it is."""
        return self._stream.tell()

    def seekable(self) -> bool:
        """Whether it can be gone through again."""
        return True


def _tar_file(archive: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    opened = archive.extractfile(info)
    if opened is None:
        raise tarfile.ReadError(f"{info.name} has no content")
    return opened


def _checked_size(archive: _Zip | _Tar, path: Path) -> int:
    """Look at all names and sizes; return how many bytes all members have.

    Raises:
        WorkbenchError: at the first member that is refused.
    """
    most = min(MOST_BYTES, max(SMALL, RATIO * path.stat().st_size))
    total = folders = 0
    for count, (member, _) in enumerate(archive.members(), start=1):
        if member.kind not in ("a file", "a folder"):
            raise WorkbenchError(
                f"{path.name} is not unpacked: {_shown(member.name)} is {member.kind}. An archive must hold plain "
                "files and folders alone; unpack it yourself and give the folder."
            )
        if _safe_path(member.name) is None:
            raise WorkbenchError(
                f"{path.name} is not unpacked: the path {_shown(member.name)} leaves the folder. Paths in an archive "
                "must be relative, without '..'."
            )
        steps = _safe_path(member.name).parts  # type: ignore[union-attr]  # looked at above
        if len(steps) > DEEPEST or any(len(os.fsencode(step)) > LONGEST for step in steps):
            raise WorkbenchError(
                f"{path.name} is not unpacked: the path {_shown(member.name)} has more than {DEEPEST} steps, or one of "
                f"more than {LONGEST} bytes. Unpack it yourself and give the folder."
            )
        total, folders = total + max(member.size, 0), folders + (member.kind == "a folder")
        if folders > MOST_FOLDERS or member.size < 0:
            raise WorkbenchError(
                f"{path.name} is not unpacked: it has more than {MOST_FOLDERS:,} folders, or a file of less than no "
                "bytes. Unpack it yourself and give the folder."
            )
        if total > most or count > MOST_FILES:
            raise WorkbenchError(
                f"{path.name} is not unpacked: its {path.stat().st_size:,} bytes claim to hold more than {most:,} "
                f"bytes or {MOST_FILES:,} files, far more than images have. Unpack it yourself and give the folder."
            )
    return total


def _unpack(archive: _Zip | _Tar, folder: Path, progress: Progress) -> None:
    for done, (member, opened) in enumerate(archive.members()):
        inner = _safe_path(member.name)
        if inner is None or any(is_system(step) for step in inner.parts):
            continue
        if member.kind == "a folder":
            (folder / inner).mkdir(parents=True, exist_ok=True)
        elif inner.suffix.lower() in TAKEN and member.size:
            (folder / inner).parent.mkdir(parents=True, exist_ok=True)
            with opened() as stream:
                write_stream(folder / inner, stream, member.size)
        if done % 200 == 0:
            progress("Unpacking", done, 0)


def _safe_path(name: str) -> PurePosixPath | None:
    """Return a member's path below the folder; None where it leaves it, on any system."""
    plain = name.replace("\\", "/")
    steps = [step for step in plain.split("/") if step not in ("", ".")]
    if plain.startswith("/") or ".." in steps or any(":" in step[:2] or "\0" in step for step in steps[:1]):
        return None
    return PurePosixPath(*steps)


def _shown(name: str) -> str:
    return repr(name[:80])


def _digest(path: Path) -> str:
    """16 hexadecimal digits of an archive's content; read once, while its size and time of change stay."""
    try:
        known = path.stat()
        return _digest_of(path.resolve(), known.st_size, known.st_mtime_ns)
    except OSError as error:
        raise Unavailable(f"{path.name} cannot be read: {error.strerror}.") from None


@lru_cache(16)
def _digest_of(path: Path, _size: int, _changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]

"""The bytes of a file that somebody else made: of a regular file alone, and of no more than is asked for."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

FLAGS = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY"))
"""A pipe that took a file's place is opened without waiting for its other end."""
NOT_REGULAR = "not a regular file"
OUTSIDE = "a link out of the folder"
BLOCK = 2**20


def read_regular(path: str | Path, most: int, *, within: Path | None = None, head: bool = False) -> bytes:
    """Read a file whole, after looking at what it is: a pipe, a device or a file of the kernel may never end.

    It is looked at again once it is open, since it may have become another one in between.

    Args:
        path: the file; links are followed.
        most: bytes that it may have.
        within: folder, resolved, out of which no link on the way may lead; anywhere, if not given.
        head: whether the first `most` bytes are enough.

    Raises:
        OSError: if there is none, or it is no regular file, larger, or out of `within`; `strerror` says which.
    """
    _refuse(os.stat(path), path)  # noqa: PTH116 - of text, 100,000 times
    with open(os.open(path, FLAGS), "rb", buffering=0) as file:  # noqa: PTH123 - a descriptor
        size = _refuse(os.fstat(file.fileno()), path)
        if within is not None and not _place(file.fileno(), path).is_relative_to(within):
            raise OSError(errno.EXDEV, OUTSIDE, str(path))
        if size > most and not head:
            raise OSError(errno.EFBIG, f"larger than {most // 2**20:,} MB", str(path))
        # What has no size, as in /proc, is not read; what grows is read as far as it went when it was looked at.
        parts, left = list[bytes](), min(size, most)
        while left and (part := file.read(min(left, BLOCK))):
            parts.append(part)
            left -= len(part)
        if left and not head:
            raise OSError(errno.EIO, "became shorter while it was read", str(path))
        return b"".join(parts)


def read_piece(path: str | Path, start: int, size: int, known: tuple[int, int] | None = None) -> bytes:
    """Read some bytes in the middle of a file, after looking at what it is.

    Args:
        path: the file; links are followed.
        start: place of the first.
        size: how many.
        known: bytes that the file has, and when it was changed in ns, if that is to be as it was.

    Raises:
        OSError: if there is none, it is no regular file, has become another one, or ends before; `strerror` says which.
    """
    _refuse(os.stat(path), path)  # noqa: PTH116 - of text, 100,000 times
    with open(os.open(path, FLAGS), "rb", buffering=0) as file:  # noqa: PTH123 - a descriptor
        now = os.fstat(file.fileno())
        if _refuse(now, path) < start + size or (known is not None and known != (now.st_size, now.st_mtime_ns)):
            raise OSError(errno.ESTALE, "changed since it was looked at", str(path))
        file.seek(start)
        parts, left = list[bytes](), size
        while left and (part := file.read(min(left, BLOCK))):
            parts.append(part)
            left -= len(part)
        if left:
            raise OSError(errno.EIO, "became shorter while it was read", str(path))
        return b"".join(parts)


def _refuse(known: os.stat_result, path: str | Path) -> int:
    if not stat.S_ISREG(known.st_mode):
        raise OSError(errno.EINVAL, NOT_REGULAR, str(path))
    return known.st_size


def _place(descriptor: int, path: str | Path) -> Path:
    """Where an open file really lies; Linux knows it of the file itself, whatever has become of its path."""
    try:
        return Path(f"/proc/self/fd/{descriptor}").readlink()
    except OSError:
        return Path(os.path.realpath(path, strict=True))

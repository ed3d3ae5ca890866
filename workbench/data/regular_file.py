"""The bytes of a file that somebody else made: of a regular file alone, and of no more than is asked for."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

FLAGS = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOFOLLOW", "O_CLOEXEC", "O_BINARY"))
"""A pipe is opened without waiting for its other end, and a link is no file."""
NOT_REGULAR = "not a regular file"
OUTSIDE = "a link out of the folder"
BLOCK = 2**20


def read_regular(path: Path, most: int, *, within: Path | None = None, head: bool = False) -> bytes:
    """Read a file whole, after looking at what was opened: a pipe, a device or a file of the kernel may never end.

    Args:
        path: the file; a link is followed once it is known where to.
        most: bytes that it may have.
        within: folder, resolved, that a link must not lead out of; anywhere, if not given.
        head: whether the first `most` bytes are enough.

    Raises:
        OSError: if there is none, or it is no regular file, larger, or a link out of `within`; `strerror` says which.
    """
    with open(_opened(path, within), "rb", buffering=0) as file:
        known = os.fstat(file.fileno())
        if not stat.S_ISREG(known.st_mode):
            raise OSError(errno.EINVAL, NOT_REGULAR, str(path))
        if known.st_size > most and not head:
            raise OSError(errno.EFBIG, f"larger than {most // 2**20:,} MB", str(path))
        # What has no size, as in /proc, is not read; what grows is read as far as it went when it was looked at.
        parts, left = list[bytes](), min(known.st_size, most)
        while left and (part := file.read(min(left, BLOCK))):
            parts.append(part)
            left -= len(part)
        if left and not head:
            raise OSError(errno.EIO, "became shorter while it was read", str(path))
        return b"".join(parts)


def is_inside(path: str | Path, folder: Path) -> bool:
    """Whether what a path leads to, through all links, lies in a resolved folder.

    Raises:
        OSError: if it leads nowhere, or in a circle.
    """
    return Path(os.path.realpath(path, strict=True)).is_relative_to(folder)


def _opened(path: Path, within: Path | None) -> int:
    try:
        return os.open(path, FLAGS)
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.ENODEV):  # a socket; a device without a driver
            raise OSError(errno.EINVAL, NOT_REGULAR, str(path)) from None
        if error.errno not in (errno.ELOOP, errno.EMLINK) or not path.is_symlink():
            raise
    real = Path(os.path.realpath(path, strict=True))
    if within is not None and not real.is_relative_to(within):
        raise OSError(errno.EXDEV, OUTSIDE, str(path))
    return _opened(real, None)

"""Files that are there whole or not at all, whatever happens while they are written."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import IO

REFUSALS = tuple(
    os.strerror(getattr(errno, name))
    for name in ("ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EACCES", "EPERM", "EIO")
    if hasattr(errno, name)
)
"""What a disk says that takes no file, in the system's words."""


def disk_trouble(error: BaseException) -> str:
    """Return what the disk said, whoever passes it on: TensorFlow and HDF5 have errors of their own; "" for others."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.strerror:
            return seen.strerror
        for words in REFUSALS:
            if words in str(seen):
                return words
        seen = seen.__cause__ or seen.__context__
    return ""


@contextlib.contextmanager
def replacing(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """Lend a path beside `path` to write to; it takes the place of `path` at the end, and is gone after an error.

    Args:
        path: of the file; its folder must be there.
        durable: whether it is on the disk itself before it takes its place, so that a power cut leaves it whole too.

    Yields:
        A path with the same ending, at which nothing is yet.
    """
    part = path.with_name(f".{secrets.token_hex(4)}.{path.name}")
    try:
        yield part
        if durable:
            sync(part)
        part.replace(path)
        if durable:
            sync(path.parent)
    finally:
        part.unlink(missing_ok=True)


def write_file(path: Path, content: str | bytes, *, durable: bool = False) -> None:
    """Write a file whole or not at all; text as UTF-8. See `replacing`."""
    with replacing(path, durable=durable) as part:
        part.write_bytes(content.encode() if isinstance(content, str) else content)


def write_stream(path: Path, stream: IO[bytes], size: int) -> None:
    """Write at most `size` bytes of a stream to a new file, or over one of that name.

    Raises:
        OSError: if the stream has more.
    """
    with path.open("wb") as file:
        left = size
        while part := stream.read(min(left + 1, 2**20)):
            left -= len(part)
            if left < 0:
                raise OSError(f"{path.name} has more bytes than the {size:,} that were announced")
            file.write(part)


def put_in_place(made: Path, path: Path, *, aside: Path) -> None:
    """Put what was made, a file or a folder, where `path` is.

    A rename replaces a file, but no folder: what a folder is to replace is set aside first, and comes back if it fails.

    Args:
        made: on the same disk as `path`.
        path: what is replaced, if it is there.
        aside: where the former is after a folder took its place; the caller deletes it.
    """
    if made.is_dir() and path.exists():
        path.replace(aside)
    try:
        made.replace(path)
    except OSError:
        if aside.exists():
            aside.replace(path)
        raise


def sync(path: Path) -> None:
    """Wait until a file or folder is on the disk itself, so that a rename after it never shows it half written."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

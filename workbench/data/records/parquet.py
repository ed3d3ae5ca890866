"""Parquet files with a column of images, as Hugging Face's `datasets` writes them: the images' bytes, and a label.

A column of a Parquet file is packed in groups of rows, so that no image of it can be read alone. It is gone through
once, and its images are written one behind the other to a file of the cache, in which each has its place.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from workbench.core.cache_room import touch
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.files import write_stream
from workbench.core.wording import plural
from workbench.data.folder.tree import printable
from workbench.data.records.index import LONGEST, Index, Values, fits, index_without_images
from workbench.data.records.parquet_file import ParquetRows
from workbench.data.records.shard_file import ShardFile
from workbench.data.remote.local_copies import ROOM, alone, made_once, refuse_larger

TRIES = 5
"""To open a copy that others make room of."""
NUMBER = re.compile(r"[0-9]{1,9}")
NO_LABEL, TOO_LONG = -1, -2
"""What a row has in place of a label."""


def pack_of(shard: ShardFile) -> Path:
    """Return the file of the cache with the images of a Parquet file; made again where it is not there any more.

    Raises:
        Unavailable: if it cannot be made, or the file has changed since it was looked at.
        WorkbenchError: if the file is damaged, or holds no images.
    """
    path = shard.pack
    if path.is_file():
        touch(path)
    else:
        _pack(shard, _Rows(shard))
    return path


def index_parquet(shard: ShardFile) -> Index:
    """Go through a file once: its images are written to the cache, and where each is noted down with its label.

    Raises:
        Unavailable: if the extra `remote` is not installed, or there is no room.
        WorkbenchError: if it holds no images, or claims far more than images have.
    """
    rows = _Rows(shard)
    with rows.opened() as reader:
        if not reader.label:
            return index_without_images(reader.unlabelled())
    _pack(shard, rows)
    return rows.index()


def _pack(shard: ShardFile, rows: _Rows) -> None:
    made_once(shard.pack, shard.shown, rows.write, before=shard.copies)


class _Rows:
    """The rows of a file, and what is noted down of them while they are gone through."""

    def __init__(self, shard: ShardFile) -> None:
        refuse_larger(shard.shown, shard.size)
        self._shard, self._values = shard, Values(shard.shown)
        self._starts, self._sizes, self._labels = list[int](), list[int](), list[int]()
        self._class_names, self._column = tuple[str, ...](), ""

    @contextlib.contextmanager
    def opened(self) -> Iterator[ParquetRows]:
        """Lend the file, open; a copy that others made room of before it was open is fetched again."""
        for left in reversed(range(TRIES)):
            try:
                reader = ParquetRows(self._shard.local(), self._shard.shown)
                break
            except FileNotFoundError:
                if not left or self._shard.path is not None:
                    raise Unavailable(f"{self._shard.shown} is gone since it was looked at.") from None
        with reader:
            yield reader

    def write(self, into: Path) -> None:
        """Write the images one behind the other."""
        self._shard.refuse_changed()
        with self.opened() as reader:
            refuse_larger(f"The content of {self._shard.shown}", reader.claimed)
            most = min(reader.most, ROOM.most)
            parts = self._bounded(self._contents(reader), most)
            write_stream(into, cast("IO[bytes]", io.BufferedReader(_Joined(parts), 2**20)), most)
        self._shard.refuse_changed()
        for copy in self._shard.copies:  # of it nothing is needed any more
            copy.unlink(missing_ok=True)

    def index(self) -> Index:
        """Return what was noted down; goes through the file where another process has written its images."""
        shown = self._shard.shown
        if not self._sizes:
            with alone(self._shard.pack, shown, self._shard.copies), self.opened() as reader:
                for _ in self._contents(reader):
                    pass
        sizes, labels = np.array(self._sizes, np.int64), np.array(self._labels, np.int64)
        rows = np.flatnonzero((sizes > 0) & (labels >= 0))
        long = int(((sizes > 0) & (labels == TOO_LONG)).sum())
        lacking = len(sizes) - len(rows) - long
        too_long = [f"{plural(long, 'row')} skipped, a label of more than {LONGEST:,} bytes"] if long else []
        if not len(rows):
            why = f"{shown} must hold images with labels, and none of its {plural(len(sizes), 'row')} has both"
            return index_without_images("; ".join([why, *too_long]), self._class_names)
        of, values = self._values.used(labels[rows].tolist())
        known = self._class_names
        if known and not all(NUMBER.fullmatch(value) and int(value) < len(known) for value in values):
            raise WorkbenchError(f"{shown} has labels that are none of its {plural(len(known), 'class')}.")
        return Index(
            names=rows.astype(str),
            starts=np.array(self._starts, np.int64)[rows],
            sizes=sizes[rows],
            labels=of,
            values=values,
            class_names=known,
            column=self._column,
            notes=(
                *([f"{shown}: {plural(lacking, 'row')} without an image or a label skipped"] if lacking else []),
                *(f"{shown}: {each}" for each in too_long),
            ),
        )

    def _contents(self, reader: ParquetRows) -> Iterator[bytes]:
        self._starts, self._sizes, self._labels = [], [], []
        self._class_names, self._column = reader.class_names, reader.unnamed
        start = 0
        for content, label in reader.rows():
            self._starts.append(start)
            self._sizes.append(len(content))
            self._labels.append(self._numbered(label))
            start += len(content)
            yield content

    def _numbered(self, label: Any) -> int:
        if label is None or label in {-1, ""}:  # -1 is what Hugging Face has where there is none
            return NO_LABEL
        said = str(label)
        return self._values.place(printable(said)) if fits(said) else TOO_LONG

    def _bounded(self, parts: Iterator[bytes], most: int) -> Iterator[bytes]:
        """Yield parts.

        Raises:
            Unavailable: if there are more than fit among the copies.
        """
        written = 0
        for part in parts:
            written += len(part)
            if written > most:
                refuse_larger(f"The content of {self._shard.shown}", written)
            yield part


class _Joined(io.RawIOBase):
    """A stream of texts of bytes, one behind the other."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts, self._left = parts, memoryview(b"")

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer as far as the next part goes."""
        while not self._left:
            part = next(self._parts, None)
            if part is None:
                return 0
            self._left = memoryview(part)
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count

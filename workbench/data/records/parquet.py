"""Parquet files with a column of images, as Hugging Face's `datasets` writes them: the images' bytes, and a label.

A column of a Parquet file is packed in groups of rows, so that no image of it can be read alone. It is gone through
once, and its images are written one behind the other to a file of the cache, in which each has its place.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.extras import require
from workbench.core.files import write_stream
from workbench.core.wording import join_names, plural
from workbench.data.folder.tree import printable
from workbench.data.image_claims import MOST_BYTES
from workbench.data.records.index import MOST_IMAGES, Index
from workbench.data.records.shard_file import ShardFile
from workbench.data.records.webdataset import as_numbers
from workbench.data.remote.local_copies import copies_folder, made_once, refuse_larger

IMAGES = ("image", "img", "picture", "photo", "jpg", "jpeg", "png")
LABELS = ("label", "labels", "class", "target", "cls", "y", "fine_label", "category")
RATIO, SMALL = 100, 256 * 2**20
"""How many times larger than the file its images may be: they hardly shrink. Below `SMALL` it does not matter."""
MOST_ROWS = 64
"""Rows that are unpacked at once, and fewer where they are large."""
AT_ONCE = 2**28
"""Bytes that they may have."""


def pack_of(shard: ShardFile) -> Path:
    """Return the file of the cache with the images of a Parquet file; made again where it is not there any more.

    Raises:
        Unavailable: if it cannot be made.
        WorkbenchError: if the file is damaged, or holds no images.
    """
    path = _place(shard)
    if not path.is_file():
        made_once(path, shard.shown, lambda into: _Rows(shard).write(into))
    return path


def index_parquet(shard: ShardFile) -> Index:
    """Go through a file once: its images are written to the cache, and where each is noted down with its label.

    Raises:
        Unavailable: if the extra `remote` is not installed, or there is no room.
        WorkbenchError: if it holds no images with labels, or claims far more than images have.
    """
    rows = _Rows(shard)
    made_once(_place(shard), shard.shown, rows.write)
    return rows.index()


def _place(shard: ShardFile) -> Path:
    return copies_folder() / "packs" / shard.key


class _Rows:
    """The rows of a file, and what is noted down of them while they are gone through."""

    def __init__(self, shard: ShardFile) -> None:
        refuse_larger(shard.shown, shard.size)
        self._shard = shard
        self._file = shard.local()
        self._reader = _Reader(self._file, shard.shown)
        self._starts, self._sizes, self._labels = list[int](), list[int](), list[Any]()

    def write(self, into: Path) -> None:
        """Write the images one behind the other."""
        write_stream(into, cast("IO[bytes]", io.BufferedReader(_Joined(self._contents()), 2**20)), self._reader.most)
        if self._shard.path is None:  # of the copy nothing is needed any more
            self._file.unlink(missing_ok=True)

    def index(self) -> Index:
        """Return what was noted down; goes through the file where another process has written its images."""
        if not self._sizes:
            for _ in self._contents():
                pass
        sizes, shown, labels = np.array(self._sizes, np.int64), self._shard.shown, self._labels
        rows = np.array([row for row, label in enumerate(labels) if sizes[row] and _is_label(label)], np.int64)
        if not len(rows):
            raise WorkbenchError(
                f"{shown} must hold images with labels. None of its {plural(len(sizes), 'row')} has both."
            )
        numbers, known = as_numbers([printable(str(labels[row])) for row in rows]), self._reader.class_names
        if known and (numbers.dtype.kind != "i" or numbers.max() >= len(known)):
            raise WorkbenchError(f"{shown} has labels that are none of its {plural(len(known), 'class')}.")
        lacking = len(sizes) - len(rows)
        return Index(
            names=rows.astype(str),
            starts=np.array(self._starts, np.int64)[rows],
            sizes=sizes[rows],
            labels=numbers,
            class_names=known,
            notes=(f"{shown}: {plural(lacking, 'row')} without an image or a label skipped",) if lacking else (),
        )

    def _contents(self) -> Iterator[bytes]:
        start = 0
        for content, label in self._reader.rows():
            self._starts.append(start)
            self._sizes.append(len(content))
            self._labels.append(label)
            start += len(content)
            yield content


def _is_label(label: Any) -> bool:
    return label is not None and label not in {-1, ""}  # -1 is what Hugging Face has where there is none


class _Reader:
    """Goes through the rows of a file, some at a time.

    Attributes:
        class_names: of its labels, where Hugging Face's features tell them.
        most: bytes that its images may have together.
    """

    def __init__(self, path: Path, shown: str) -> None:
        require("pyarrow", extra="remote", what="A Parquet file")
        import pyarrow as pa
        from pyarrow.parquet import ParquetFile

        try:
            self._file = ParquetFile(path, thrift_string_size_limit=64 * 2**20, page_checksum_verification=True)
        except OSError as error:
            if error.errno is not None:
                raise Unavailable(f"{shown} cannot be read: {error.strerror}.") from None
            raise WorkbenchError(f"{shown} is no whole Parquet file: it is cut off or damaged.") from None
        except (pa.ArrowException, ValueError):
            raise WorkbenchError(f"{shown} is no whole Parquet file: it is cut off or damaged.") from None
        self._shown, self.most = shown, max(SMALL, RATIO * path.stat().st_size)
        features = self._features()
        self._image, self._bytes = self._image_column(features)
        self._label = self._label_column(features)
        names = features.get(self._label, {}).get("names")
        self.class_names = tuple(printable(str(name)) for name in names) if isinstance(names, list) else ()
        self._claims()

    def rows(self) -> Iterator[tuple[bytes, Any]]:
        """Yield the bytes of each image, empty where it has none, and its label.

        Raises:
            WorkbenchError: if they are more than they claim, or than images have.
        """
        wanted = [self._bytes, self._label]
        total, column = 0, self._bytes.partition(".")[0]
        for batch in self._file.iter_batches(batch_size=self._at_once, columns=wanted, use_threads=False):
            images = batch.column(column)
            images = images.field(self._bytes.partition(".")[2]) if "." in self._bytes else images
            total += images.nbytes
            if total > self.most:
                raise self._hollow()
            for image, label in zip(images, batch.column(self._label), strict=True):
                content = image.as_py() or b""
                yield (content if len(content) <= MOST_BYTES else b""), label.as_py()

    def _features(self) -> dict[str, Any]:
        """What Hugging Face's `datasets` notes down of the columns."""
        said = (self._file.schema_arrow.metadata or {}).get(b"huggingface", b"{}")
        try:
            found = json.loads(said)["info"]["features"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return {}
        return (
            {str(name): each for name, each in found.items() if isinstance(each, dict)}
            if isinstance(found, dict)
            else {}
        )

    def _image_column(self, features: dict[str, Any]) -> tuple[str, str]:
        """Return the column of images, and where in it the bytes are."""
        import pyarrow.types as kinds

        found: dict[str, str] = {}
        for column in self._file.schema_arrow:
            inner = [each.name for each in column.type] if kinds.is_struct(column.type) else []
            if "bytes" in inner and _is_bytes(column.type.field("bytes").type):
                found[column.name] = f"{column.name}.bytes"
            elif _is_bytes(column.type):
                found[column.name] = column.name
        said = [name for name in found if features.get(name, {}).get("_type") == "Image"]
        chosen = self._only(said or list(found), IMAGES, "images (a struct of bytes and path, or bytes)")
        return chosen, found[chosen]

    def _label_column(self, features: dict[str, Any]) -> str:
        import pyarrow.types as kinds

        plain = [
            column.name
            for column in self._file.schema_arrow
            if kinds.is_integer(column.type) or kinds.is_string(column.type) or kinds.is_large_string(column.type)
        ]
        said = [name for name in plain if features.get(name, {}).get("_type") == "ClassLabel"]
        return self._only(said or plain, LABELS, "labels (whole numbers or names)")

    def _only(self, found: list[str], usual: tuple[str, ...], what: str) -> str:
        """Return the one column that is meant.

        Raises:
            WorkbenchError: if there is none, or more than one and none with a usual name.
        """
        named = [name for word in usual for name in found if name.casefold() == word]
        if named or len(found) == 1:
            return (named or found)[0]
        have = join_names([printable(name) for name in self._file.schema_arrow.names], 8)
        raise WorkbenchError(f"{self._shown} must have one column of {what}, called {usual[0]}. It has {have}.")

    def _claims(self) -> None:
        """Look at what the file says of itself, before anything is unpacked.

        Raises:
            WorkbenchError: if that is far more than images have.
        """
        about = self._file.metadata
        if about.num_rows > MOST_IMAGES:
            raise WorkbenchError(
                f"{self._shown} must hold at most {MOST_IMAGES:,} images. It claims {about.num_rows:,}."
            )
        path = self._bytes
        largest = total = 0
        for group in range(about.num_row_groups):
            row_group = about.row_group(group)
            for number in range(row_group.num_columns):
                column = row_group.column(number)
                if column.path_in_schema == path:
                    total += column.total_uncompressed_size
                    largest = max(largest, column.total_uncompressed_size)
        if total > self.most:
            raise self._hollow()
        # No value is larger than its group; of one that is repeated by number, so many have room.
        self._at_once = int(np.clip(AT_ONCE // max(largest, 1), 1, MOST_ROWS))

    def _hollow(self) -> WorkbenchError:
        return WorkbenchError(
            f"{self._shown} is not read: it holds more than {self.most:,} bytes, and images hardly shrink."
        )


def _is_bytes(kind: Any) -> bool:
    import pyarrow.types as kinds

    return bool(kinds.is_binary(kind) or kinds.is_large_binary(kind))


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

"""The columns of images and labels of a Parquet file, gone through row by row, as far as it may be believed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.extras import require
from workbench.core.wording import join_names
from workbench.data.folder.tree import printable
from workbench.data.image_claims import MOST_BYTES
from workbench.data.records.index import LONGEST, MOST_IMAGES, MOST_LABELS, damaged, fits

IMAGES = ("image", "img", "picture", "photo", "jpg", "jpeg", "png")
LABELS = ("label", "labels", "class", "target", "cls", "y", "fine_label", "category")
RATIO, SMALL = 100, 256 * 2**20
"""How many times larger than the file its images may be: they hardly shrink. Below `SMALL` it does not matter."""
MOST_ROWS = 64
"""Rows that are unpacked at once, and fewer where they are large."""
AT_ONCE = 2**28
"""Bytes that they may have."""
BUFFER = 2**20
"""Bytes of a column that are read at once, before they are unpacked."""
WHAT_LABELS = "labels (whole numbers or names)"


class ParquetRows:
    """Goes through the rows of a file, some at a time; to be closed.

    Attributes:
        label: the column of labels; empty where there is none.
        unnamed: the same, where its name does not say that it is one; else empty.
        class_names: of its labels, where Hugging Face's features tell them.
        most: bytes that its images may have together.
        claimed: bytes that they have, as it says.

    Raises:
        FileNotFoundError: if it is gone.
    """

    def __init__(self, path: Path, shown: str) -> None:
        require("pyarrow", extra="remote", what="A Parquet file")
        import pyarrow as pa
        from pyarrow.parquet import ParquetFile

        try:
            size = path.stat().st_size
            self._file = ParquetFile(
                path,
                buffer_size=BUFFER,
                pre_buffer=False,  # else it holds the whole file
                thrift_string_size_limit=64 * 2**20,
                page_checksum_verification=True,
            )
        except FileNotFoundError:
            raise
        except OSError as error:
            if error.errno is not None:
                raise Unavailable(f"{shown} cannot be read: {error.strerror}.") from None
            raise WorkbenchError(f"{shown} is no whole Parquet file: it is cut off or damaged.") from None
        except (pa.ArrowException, ValueError):
            raise WorkbenchError(f"{shown} is no whole Parquet file: it is cut off or damaged.") from None
        self._shown, self.most = shown, max(SMALL, RATIO * size)
        try:
            features = self._features()
            self._image, self._bytes = self._image_column(features)
            self.label, self.unnamed = self._label_column(features)
            self.class_names = self._names(features)
            self._claims()
        except BaseException:
            self._file.close(force=True)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close(force=True)

    def rows(self) -> Iterator[tuple[bytes, Any]]:
        """Yield the bytes of each image, empty where it has none, and its label.

        Raises:
            WorkbenchError: if they are more than they claim, or than images have; or a page of them is damaged.
        """
        import pyarrow as pa

        total, column = 0, self._bytes.partition(".")[0]
        wanted = [self._bytes, self.label]
        batches = self._file.iter_batches(batch_size=self._at_once, columns=wanted, use_threads=False)
        while True:
            try:
                batch = next(batches, None)
            except (OSError, pa.ArrowException, ValueError) as error:
                if isinstance(error, OSError) and error.errno is not None:
                    raise
                raise damaged(self._shown, error) from None
            if batch is None:
                return
            images = batch.column(column)
            images = images.field(self._bytes.partition(".")[2]) if "." in self._bytes else images
            total += images.nbytes + batch.column(self.label).nbytes
            if total > self.most:
                raise self._hollow()
            for image, label in zip(images, batch.column(self.label), strict=True):
                content = image.as_py() or b""
                yield (content if len(content) <= MOST_BYTES else b""), label.as_py()

    def unlabelled(self) -> str:
        """Say that there is no column of labels."""
        return self._lacking(LABELS, WHAT_LABELS).rstrip(".")

    def _names(self, features: dict[str, Any]) -> tuple[str, ...]:
        """Return the names of the classes, where features tell them.

        Raises:
            WorkbenchError: if they are too many, or too long.
        """
        names = features.get(self.label, {}).get("names")
        if not isinstance(names, list):
            return ()
        if len(names) > MOST_LABELS or not all(fits(str(name)) for name in names):
            raise WorkbenchError(
                f"{self._shown} must have at most {MOST_LABELS:,} class names of at most {LONGEST:,} bytes each."
            )
        return tuple(printable(str(name)) for name in names)

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

    def _label_column(self, features: dict[str, Any]) -> tuple[str, str]:
        """Return the column of labels; and again, where it is taken only for being the only one."""
        import pyarrow.types as kinds

        plain = [
            column.name
            for column in self._file.schema_arrow
            if kinds.is_integer(column.type) or kinds.is_string(column.type) or kinds.is_large_string(column.type)
        ]
        said = [name for name in plain if features.get(name, {}).get("_type") == "ClassLabel"]
        if not plain:
            return "", ""
        chosen = self._only(said or plain, LABELS, WHAT_LABELS)
        return chosen, "" if said or chosen.casefold() in LABELS else chosen

    def _only(self, found: list[str], usual: tuple[str, ...], what: str) -> str:
        """Return the one column that is meant.

        Raises:
            WorkbenchError: if there is none, or more than one and none with a usual name.
        """
        named = [name for word in usual for name in found if name.casefold() == word]
        if named or len(found) == 1:
            return (named or found)[0]
        raise WorkbenchError(self._lacking(usual, what))

    def _lacking(self, usual: tuple[str, ...], what: str) -> str:
        have = join_names([printable(name) for name in self._file.schema_arrow.names], 8)
        return f"{self._shown} must have one column of {what}, called {usual[0]}. It has {have}."

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
        largest = self.claimed = 0
        for group in range(about.num_row_groups):
            row_group = about.row_group(group)
            for number in range(row_group.num_columns):
                column = row_group.column(number)
                if column.path_in_schema in (self._bytes, self.label):
                    largest = max(largest, column.total_uncompressed_size)
                if column.path_in_schema == self._bytes:
                    self.claimed += column.total_uncompressed_size
        if self.claimed > self.most:
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

"""One file of many images, here or in a store."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.core.errors import Unavailable
from workbench.data.remote.address import Address
from workbench.data.remote.local_copies import copies_folder, file_copy, place_of
from workbench.data.remote.store import Entry

PARQUET, TAR = ".parquet", ".tar"


@dataclass(frozen=True)
class ShardFile:
    """A file of many images.

    Attributes:
        shown: what it is called: its path below what was given.
        size: bytes.
        changed: ns since 1970, or what else changes with its content.
        path: of a local file; else None.
        address: in a store; else None.
        entry: what the store says of it there.
    """

    shown: str
    size: int
    changed: int
    path: Path | None = None
    address: Address | None = None
    entry: Entry | None = None

    @property
    def key(self) -> str:
        """32 hexadecimal digits that change with its place, size or time."""
        return hashlib.sha256(repr((str(self.path or self.address), self.size, self.changed)).encode()).hexdigest()[:32]

    @property
    def kind(self) -> str:
        """`PARQUET` or `TAR`."""
        return TAR if self.shown.lower().endswith(TAR) else PARQUET

    def refuse_changed(self) -> None:
        """See that a local file is the one that was looked at; of one in a store the copy is always that.

        Raises:
            Unavailable: if it is another one by now.
        """
        if self.path is None:
            return
        try:
            known = self.path.stat()
        except OSError as error:
            raise Unavailable(f"{self.shown} cannot be read: {error.strerror}.") from None
        if (known.st_size, known.st_mtime_ns) != (self.size, self.changed):
            raise Unavailable(f"{self.shown} has changed since it was looked at. Open the data again.")

    @property
    def pack(self) -> Path:
        """Where its images are written one behind the other, where they are packed in it."""
        return copies_folder() / "packs" / self.key

    @property
    def copies(self) -> Sequence[Path]:
        """Where the copy of one in a store is made; none of a local file."""
        return [] if self.address is None or self.entry is None else [place_of(self.address, self.entry)]

    def local(self) -> Path:
        """Return it as a local file; one in a store is copied to the cache, if it is not there any more.

        Raises:
            Unavailable: if that cannot be.
        """
        if self.path is not None:
            return self.path
        assert self.address is not None and self.entry is not None  # noqa: PT018, S101 - else it has a path
        return file_copy(self.address, self.entry)

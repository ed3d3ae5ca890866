"""One file of many images, here or in a store."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from workbench.data.remote.address import Address
from workbench.data.remote.local_copies import file_copy
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

    def local(self) -> Path:
        """Return it as a local file; one in a store is copied to the cache, if it is not there any more.

        Raises:
            Unavailable: if that cannot be.
        """
        if self.path is not None:
            return self.path
        assert self.address is not None and self.entry is not None  # noqa: PT018, S101 - else it has a path
        return file_copy(self.address, self.entry)

"""A folder of shards: each is one file that is there whole or not at all, and says what it is of."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from workbench.core.array_file import UnreadableArrays, read_arrays, write_arrays
from workbench.core.checksum import CHECKSUM, record_checksum
from workbench.core.errors import Unavailable
from workbench.core.files import replacing, write_file
from workbench.core.types import Array
from workbench.shards.plan import Shard

S = TypeVar("S")
MANIFEST = "manifest.json"
OF, KEPT, LEFT_OUT = "shard/of", "shard/kept", "shard/left out"
LATE = 90.0
"""Seconds after which every machine sees what another one wrote: NFS clients believe what they saw for up to 60."""
ASKED = 0.5
"""Seconds between two looks."""
IN_A_FOLDER = 1000
"""Shards of one sub-folder: folders of a hundred thousand files are slow on every shared disk."""


@dataclass(frozen=True, eq=False)
class Part:
    """What is known of a shard.

    Attributes:
        kept: `(n,)` int64, the images that there are results of, in order.
        arrays: results by name, n rows each.
        left_out: why there is no result of the others, by image.
    """

    kept: Array
    arrays: Mapping[str, Array]
    left_out: Mapping[int, str]


@dataclass(frozen=True)
class Store:
    """The shards of one piece of work.

    Attributes:
        folder: that all workers see.
        of: checksum of the manifest, which every shard carries: one of other work is never taken for one of this.
    """

    folder: Path
    of: str

    @classmethod
    def begin(cls, folder: Path, made: Mapping[str, Any], count: int, shards: int) -> Store:
        """Write the manifest of some work; the shards of other work that were there are removed.

        Raises:
            Unavailable: if the folder takes no file.
        """
        manifest = json.loads(json.dumps({**made, "images": count, "shards": shards}, default=str))
        store = cls(folder, record_checksum(manifest))
        if store.checksum_there() not in (None, store.of):
            store.remove()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_file(folder / MANIFEST, json.dumps({**manifest, CHECKSUM: store.of}, indent=2) + "\n")
        except OSError as error:
            raise Unavailable(f"{folder} takes no shards: {error.strerror or error}.") from None
        return store

    def see(self) -> None:
        """See that this is the folder of the process that gave the work; a shared disk may show it late.

        Raises:
            Unavailable: if it is not.
        """
        if not in_time(lambda: self.checksum_there() == self.of):
            raise Unavailable(
                f"{self.folder} is not the same folder everywhere: put it on a disk that all workers share."
            )

    def checksum_there(self) -> str | None:
        """Return the checksum of the manifest in the folder; None if there is none."""
        try:
            return str(json.loads((self.folder / MANIFEST).read_text(encoding="utf-8"))[CHECKSUM])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def path(self, shard: Shard) -> Path:
        """Return where a shard is, or will be."""
        return self.folder / f"{shard.number // IN_A_FOLDER:03d}" / f"{shard.number:06d}.npz"

    def there(self) -> set[str]:
        """Return the names of the files of all shards: a few lists of many, since each question takes a shared disk."""
        return {file.name for file in self.folder.glob("*/*.npz")}

    def write(self, shard: Shard, part: Part) -> None:
        """Write a shard, whole or not at all.

        Raises:
            OSError: if the disk takes no more.
        """
        path = self.path(shard)
        path.parent.mkdir(parents=True, exist_ok=True)
        why = json.dumps({str(row): said for row, said in part.left_out.items()}).encode()
        head = {OF: np.array(self.of), KEPT: part.kept, LEFT_OUT: np.frombuffer(why, np.uint8)}
        with replacing(path) as new:
            write_arrays(new, {**head, **part.arrays}, packed=False)

    def read(self, shard: Shard) -> Part | None:
        """Read a shard; None where it is missing, damaged, or of other work, and has to be done anew."""
        try:
            arrays = read_arrays(self.path(shard), sealed=True)
            of, kept, why = str(arrays.pop(OF)), arrays.pop(KEPT), json.loads(arrays.pop(LEFT_OUT).tobytes())
            left_out = {int(row): str(said) for row, said in why.items()}
            whole = len(kept) + len(left_out) == len(shard) and all(len(each) == len(kept) for each in arrays.values())
            return Part(kept, arrays, left_out) if of == self.of and whole else None
        except (OSError, UnreadableArrays, KeyError, ValueError, TypeError, AttributeError):
            return None

    def read_new(self, shard: Shard) -> Part | None:
        """Read what another machine has just written; a shared disk may show it late, and what was there before."""
        return in_time(lambda: self.read(shard))

    def mark(self, shard: Shard, batch: int, row: int | None) -> None:
        """Note what is computed now, in case that it is the last thing this worker does.

        Args:
            shard: whose images they are.
            batch: the first image of the batch.
            row: the image, if it is alone.
        """
        self.path(shard).parent.mkdir(parents=True, exist_ok=True)
        write_file(self._mark(shard), json.dumps([batch, row]))

    def marked(self, shard: Shard) -> tuple[int, int | None] | None:
        """Return what `mark` noted last; None for nothing."""
        try:
            batch, row = json.loads(self._mark(shard).read_text(encoding="utf-8"))
        except (OSError, ValueError, TypeError):
            return None
        return batch, row

    def unmark(self, shard: Shard) -> None:
        """Forget it."""
        with suppress(OSError):
            self._mark(shard).unlink()

    def remove(self) -> None:
        """Remove the folder: its shards are in their place."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _mark(self, shard: Shard) -> Path:
        return self.path(shard).with_suffix(".at")


def in_time(seen: Callable[[], S]) -> S:
    """Return what is seen, once there is something to see, or a shared disk cannot be late any more."""
    until = time.monotonic() + LATE
    while not (there := seen()) and time.monotonic() < until:
        time.sleep(ASKED)
    return there

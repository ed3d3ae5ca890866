"""Images that are objects of a store, as the contents of a folder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workbench.core.types import Array
from workbench.data.remote.address import Address
from workbench.data.remote.local_copies import object_content
from workbench.data.remote.store import Entry

THREADS = 32
"""Objects that are asked for at once."""


class Objects:
    """Objects of a store; `Contents`.

    Args:
        address: of the folder that they lie in.
        files: F paths below it.
        known: `(F, 3)` int64, what `Listing.known` says of each.
    """

    threads = THREADS

    def __init__(self, address: Address, files: Sequence[str], known: Array) -> None:
        self.key = str(address)
        self._address, self._files, self._known = address, files, known

    def stamps(self) -> Array:
        """Return bytes and time of change of each; what had just been changed is another one at the next look."""
        return np.column_stack(
            [self._known[:, 0], np.where(self._known[:, 2] > 0, self._known[:, 2], self._known[:, 1])]
        )

    def read(self, place: int, most: int) -> bytes:
        """Read one, as `Contents` has it."""
        path = self._files[place]
        size, changed, fresh = self._known[place].tolist()
        entry = Entry(path.rpartition("/")[2], folder=False, size=size, changed=changed, fresh=fresh)
        return object_content(self._address.below(path), entry, most)

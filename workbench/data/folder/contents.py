"""Where the bytes of image files come from, when they are no files of a local folder: a store, or a file of many."""

from __future__ import annotations

from typing import Protocol

from workbench.core.types import Array


class Contents(Protocol):
    """F images by their place in a list of names; safe to use from several threads.

    Attributes:
        key: what is known of them is kept under this; it stays while they are at the same place.
        threads: how many of them are worth reading at once, where that is waiting; 0 where it is not.
    """

    key: str
    threads: int

    def stamps(self) -> Array:
        """Return `(F, 2)` int64: bytes, and a time of change or another number that changes with the content."""

    def read(self, place: int, most: int) -> bytes:
        """Return the content of one.

        Raises:
            OSError: if it cannot be had, or has more than `most` bytes; `strerror` says why in a few words.
            Unavailable: if that is not the image's fault: nothing can be reached.
        """

"""Images of one part, in an order: what a finding shows, a query finds, a cell of a matrix holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, overload

import numpy as np

from workbench.core.types import Array

Part = Literal["data", "train", "validation", "test"]
"""The studied images, whichever part they are; or another part by its name.

Answers of analyses are about the studied images and the training images.
"""
OTHERS: tuple[Part, ...] = ("test", "validation", "train")
"""What other parts there may be."""
CALLED: Mapping[Part, str] = {
    "data": "images",
    "train": "training images",
    "validation": "validation images",
    "test": "test images",
}
"""What the images of a part are called."""
LISTED = 120
"""Rows that an address lists, at most."""


class ImageSet(Sequence[int]):
    """Rows of the images of one part, in an order. It is a sequence of numbers, kept as 4 bytes each.

    Two are equal where they hold the same rows in the same order; a tuple of rows is equal to one too.

    Args:
        rows: `(n,)` rows of the dataset, each at most once.
        part: whose rows they are: "data", the images under study, "train", those it was trained on, or another part.
        title: what they are, in a few words; empty where whatever holds them says it.
    """

    __slots__ = ("_rows", "part", "title")

    def __init__(self, rows: Iterable[int] | Array = (), *, part: Part = "data", title: str = "") -> None:
        given = rows.rows if isinstance(rows, ImageSet) else rows if isinstance(rows, np.ndarray) else list(rows)
        kept = np.asarray(given, np.int64)
        self._rows = kept.astype(np.int32 if kept.max(initial=0) < 2**31 else np.int64).ravel()
        self._rows.flags.writeable = False
        self.part, self.title = part, title

    @property
    def rows(self) -> Array:
        """`(n,)` int64."""
        return self._rows.astype(np.int64)

    @property
    def nbytes(self) -> int:
        """Bytes of the rows as they are kept."""
        return int(self._rows.nbytes)

    def narrowed(self, kept: Array, title: str = "") -> ImageSet:
        """Return those images, in this order, at which the `(n,)` bool mask `kept` is true."""
        return ImageSet(self._rows[kept], part=self.part, title=title or self.title)

    def meets(self, other: ImageSet) -> int:
        """Return how many images are in both; none, where they are of other parts."""
        return len(np.intersect1d(self._rows, other._rows)) if self.part == other.part else 0

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, place: int) -> int: ...
    @overload
    def __getitem__(self, place: slice) -> ImageSet: ...
    def __getitem__(self, place: int | slice) -> int | ImageSet:
        if isinstance(place, slice):
            return ImageSet(self._rows[place], part=self.part, title=self.title)
        return int(self._rows[place])

    def __iter__(self) -> Iterator[int]:
        return iter(self._rows.tolist())

    def __contains__(self, row: object) -> bool:
        return isinstance(row, int | np.integer) and bool((self._rows == row).any())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, ImageSet):
            return self.part == other.part and np.array_equal(self._rows, other._rows)
        return isinstance(other, tuple | list) and self._rows.tolist() == list(other)

    def __hash__(self) -> int:
        return hash(tuple(self._rows.tolist()))  # as a tuple of the same rows

    def __repr__(self) -> str:
        shown = ", ".join(map(str, self._rows[:5].tolist())) + (", …" if len(self) > 5 else "")
        return f"ImageSet([{shown}], {len(self):,} of {self.part!r})"


NONE = ImageSet()

"""What lies below an address of a store: the same tree as of a local folder, and the size and time of each object."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from workbench.core.errors import Unavailable
from workbench.core.progress import Progress, silent
from workbench.core.types import Array
from workbench.data.folder.tree import (
    DEEPEST,
    LABEL_FILES,
    MANY_FILES,
    MOST_FOLDERS,
    MOST_TABLES,
    TOO_DEEP,
    TOO_MANY,
    Place,
    Tree,
    is_system,
    printable,
)
from workbench.data.image_decoding import reads_heic
from workbench.data.image_kinds import HEIC_SUFFIXES, SUFFIXES
from workbench.data.remote.address import Address
from workbench.data.remote.store import Entry, Store

AT_ONCE = 16
"""Folders that are listed at the same time."""
ODD = "names that no file can have"


@dataclass
class Listing:
    """What lies below an address.

    Attributes:
        address: of the folder.
        tree: its images, tables and folders, as `look_through` has them; names decide alone, no content is read.
    """

    address: Address
    tree: Tree = field(default_factory=lambda: Tree(Place(), elsewhere=True))
    _place: dict[str, int] = field(default_factory=dict)
    _known: array[int] = field(default_factory=lambda: array("q"))

    def note(self, path: str, entry: Entry) -> None:
        """Note down size and time of an object; of a million of them that is three numbers each."""
        self._place[path] = len(self._place)
        self._known.extend((entry.size, entry.changed, entry.fresh))

    def known(self, paths: Sequence[str]) -> Array:
        """Return `(n, 3)` int64: size, time of change and `Entry.fresh` of each path."""
        rows = np.array([self._place[path] for path in paths], np.int64)
        return np.frombuffer(self._known, np.int64).reshape(-1, 3)[rows]

    def entry(self, path: str) -> Entry | None:
        """Return an object by its path; None where there is none."""
        place = self._place.get(path)
        return None if place is None else Entry(path.rpartition("/")[2], False, *self._known[3 * place : 3 * place + 3])


def listed(store: Store, address: Address, progress: Progress = silent) -> Listing:
    """List everything below an address, the levels nearest to the top first.

    Raises:
        Unavailable: if there is nothing, or a folder cannot be listed: one that is left out would be missed by nobody.
    """
    found = Listing(address)
    waiting: deque[tuple[Place, int]] = deque([(found.tree.top, 0)])
    gone = 0
    with ThreadPoolExecutor(AT_ONCE) as threads:
        while waiting:
            some = [waiting.popleft() for _ in range(min(AT_ONCE, len(waiting)))]
            places = [address.below(place.path.rstrip("/")) if place.path else address for place, _ in some]
            for (place, depth), entries in zip(
                some, threads.map(lambda at: list(store.entries(at)), places), strict=True
            ):
                inner = list(_sorted(found, place, entries, depth))
                room = max(0, MOST_FOLDERS - gone - len(waiting))
                waiting.extend((each, depth + 1) for each in islice(inner, room))
                for each in inner[room:]:
                    each.closed = True
                    found.tree.pass_over(each.path, TOO_MANY)
            gone += len(some)
            progress("Listing folders", gone, gone + len(waiting))
    if not found.tree.top.places and not len(found._place) and not found.tree.top.others:
        raise Unavailable(f"There is nothing at {address}.")
    return found


def _sorted(found: Listing, place: Place, entries: list[Entry], depth: int) -> Iterator[Place]:
    """Note the entries of a folder down for what they are; yield the folders that are to be gone through."""
    for entry in entries:
        name, path = entry.name, f"{place.path}{entry.name}"
        if not name or name in (".", "..") or "\0" in name or "\\" in name:
            found.tree.pass_over(path, ODD)
        elif is_system(name):
            if entry.folder and not name.startswith("."):
                found.tree.system[name] += 1
        elif entry.folder and depth >= DEEPEST:
            found.tree.pass_over(f"{path}/", TOO_DEEP)
        elif entry.folder:
            inner = place.places[name] = Place(name, f"{path}/")
            yield inner
        else:
            _sort(found, place, path, entry)


def _sort(found: Listing, place: Place, path: str, entry: Entry) -> None:
    suffix = f".{entry.name.rpartition('.')[2].lower()}" if "." in entry.name[1:] else ""
    heic = suffix in HEIC_SUFFIXES
    if suffix in SUFFIXES or (heic and reads_heic()):
        found.note(path, entry)
        place.images.append(path)
        return
    if suffix in MANY_FILES:
        found.note(path, entry)
        found.tree.many.append(path)
    if suffix in LABEL_FILES:
        found.note(path, entry)
        if len(place.tables) < MOST_TABLES:
            place.tables.append(path)
    place.others += 1
    counted = found.tree.others if place.path or heic else found.tree.beside
    counted[".heic" if heic else printable(suffix) or "no suffix"] += 1

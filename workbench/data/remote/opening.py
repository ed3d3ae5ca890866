"""An address of a store -> its images by part and class, or the copy of its one file."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from dataclasses import replace
from pathlib import Path

from workbench.core.cache import cache_folder
from workbench.core.cache_room import remove_oldest
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.files import write_file
from workbench.core.kept import Kept
from workbench.core.progress import Progress, silent
from workbench.data.folder import Folder, layout_of, surveyed
from workbench.data.folder.label_table import MOST_BYTES, too_large
from workbench.data.folder.layout import Layout
from workbench.data.folder.tree import LABEL_FILES, passed_over, printable
from workbench.data.reading import Reading
from workbench.data.remote.address import Address
from workbench.data.remote.listing import Listing, listed
from workbench.data.remote.local_copies import file_copy, object_content
from workbench.data.remote.objects import Objects
from workbench.data.remote.store import Entry, store_of

MOST_TABLES = 50
"""Tables of a folder that are looked into."""
MOST_COPIED = 4 * 2**30
"""Bytes of tables that are kept, of all folders; those that were used longest ago go first."""
LABELS = ("labels.csv", "labels.tsv")
USUAL = (*LABELS, "metadata.csv")
"""Names of the tables that are looked into first."""
LARGE = f"tables of more than {MOST_BYTES // 2**20} MB"
MANY = f"tables beyond the {MOST_TABLES} that are looked into"
ANEW = 60.0
"""Seconds after which a folder is listed again: one command asks for each of its parts."""

_listings: Kept[str, tuple[float, Listing]] = Kept(4)


def entry_at(address: Address) -> Entry:
    """Return what lies at an address.

    Raises:
        Unavailable: if there is nothing, or the store does not say.
    """
    found = store_of(address).look(address)
    if found is None:
        raise Unavailable(f"There is nothing at {address}.")
    return found


def copy_of(address: Address) -> Path:
    """Return a local copy of the object at an address.

    Raises:
        Unavailable: if there is none, or it cannot be had.
    """
    return file_copy(address, entry_at(address))


def is_folder_at(address: Address) -> bool:
    """Whether a folder lies at an address, whatever it is called. Raises as `entry_at`."""
    return entry_at(address).folder


def listing_of(address: Address, progress: Progress = silent) -> Listing:
    """List a folder, or remember what it held a moment ago. Raises as `listed`."""
    known = _listings.get(str(address))
    if known is None or time.monotonic() - known[0] > ANEW:
        found = listed(store_of(address), address, progress)
        known = _listings.put(str(address), (time.monotonic(), found))
    return known[1]


def lay_out_remote(address: Address, how: Reading, progress: Progress = silent) -> tuple[Path, Layout, Objects]:
    """List a folder, or that of a table, and understand it; no image is read.

    Returns:
        A local folder with its tables, its layout, and its images.

    Raises:
        Unavailable: if there is nothing, or the store does not say.
        WorkbenchError: if it cannot be understood.
    """
    table = address.name if address.name.lower().endswith(LABEL_FILES) and not is_folder_at(address) else ""
    place = address.parent if table else address
    listing = listing_of(place, progress)
    given = listing.entry(table) if table else None
    if table and given is None:
        raise Unavailable(f"There is no table at {address}.")
    if given is not None and given.size > MOST_BYTES:
        raise too_large(table, given.size)
    tables, notes = copied_tables(listing, table)
    try:
        layout = layout_of(tables / table if table else tables, how, listing.tree)
    except WorkbenchError as error:  # by its address, which is known, and not by its folder in the cache
        for path in listing.tree.top.tables:
            entry = listing.entry(path)
            if path.casefold() in LABELS and entry is not None and entry.size > MOST_BYTES:
                raise too_large(path, entry.size) from None
        left = f" {'; '.join(notes)}." if notes else ""
        raise type(error)(f"{str(error).replace(str(tables), str(place))}{left}") from None
    layout = replace(layout, notes=(*layout.notes, *notes))
    return tables, layout, Objects(place, layout.files, listing.known(layout.files))


def open_remote(address: Address, how: Reading, progress: Progress = silent) -> Folder:
    """Look through a folder of a store, or the images of a table in one.

    Raises:
        Unavailable: if there is nothing, or the store does not answer.
        WorkbenchError: if it does not hold images of at least two classes, or none that can be used.
    """
    tables, layout, objects = lay_out_remote(address, how, progress)
    return surveyed(tables, layout, how, name=printable(address.name), progress=progress, contents=objects)


def copied_tables(listing: Listing, first: str = "") -> tuple[Path, list[str]]:
    """Copy the tables of a folder into one of the cache, each at its path.

    Args:
        listing: of the folder.
        first: path of the table that is meant, if one is.

    Returns:
        The folder of the cache; and a sentence for each reason why a table was left out.

    Raises:
        Unavailable: if one cannot be had.
    """
    tree = listing.tree
    inner = [path for place in tree.top.places.values() for path in place.tables]
    every = sorted([first, *tree.top.tables, *inner], key=lambda path: (path != first, _name(path) not in USUAL))
    sizes = {path: entry for path in every if (entry := listing.entry(path)) is not None}
    small = [path for path, entry in sizes.items() if entry.size <= MOST_BYTES]
    left = {LARGE: [path for path in sizes if sizes[path].size > MOST_BYTES], MANY: small[MOST_TABLES:]}
    entries = {path: sizes[path] for path in small[:MOST_TABLES]}
    said = repr((str(listing.address), [(path, each.size, each.changed, each.fresh) for path, each in entries.items()]))
    top = cache_folder() / "remote-tables"
    folder = top / hashlib.sha256(said.encode()).hexdigest()[:24] / listing.address.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, entry in entries.items():
            with contextlib.suppress(FileNotFoundError):
                os.utime(folder / path)
            if not (folder / path).is_file():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                write_file(folder / path, object_content(listing.address.below(path), entry, MOST_BYTES))
        remove_oldest([top], MOST_COPIED)
    except OSError as error:
        raise Unavailable(
            f"The tables of {listing.address} cannot be copied to the cache: {error.strerror or error}."
        ) from None
    return folder, [passed_over(paths, why) for why, paths in left.items() if paths]


def _name(path: str) -> str:
    return path.rpartition("/")[2].casefold()

"""The image files below a folder, by the folders they lie in; and what else lies there."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.data.image_file import reads_heic
from workbench.data.image_kinds import HEAD, HEIC, HEIC_HELP, HEIC_SUFFIXES, SUFFIXES, kind_of

SYSTEM = frozenset(
    {"@eadir", "@recycle", "@recently-snapshot", "@tmp", "#recycle", "#snapshot", "__macosx", "$recycle.bin"}
    | {"recycler", "system volume information", "lost+found", "__pycache__"}
)
"""Folders that systems and servers make, in lower case: thumbnails, bins, rests."""
RAW = frozenset({".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw"})
"""Raw photos hold a small JPEG, which is not the photo."""
DEEPEST = 64
"""Folders that may lie in one another."""
MOST_LINKS = 2
"""Links to folders on one way: folders that link to each other could be gone through in countless orders."""
LABEL_FILES = (".csv", ".tsv")


@dataclass(eq=False)
class Place:
    """One folder.

    Attributes:
        name: as the file system has it; empty for the folder itself.
        path: relative to the folder itself, with "/" at its end; empty for that.
        images: paths of the image files directly in it, sorted.
        tables: paths of the CSV files directly in it, sorted.
        places: folders in it by name, in the order of names.
        others: how many other files lie directly in it.
    """

    name: str = ""
    path: str = ""
    images: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    places: dict[str, Place] = field(default_factory=dict)
    others: int = 0

    @cached_property
    def count(self) -> int:
        """How many image files lie in it and below it."""
        return len(self.images) + sum(place.count for place in self.places.values())

    @property
    def full(self) -> list[Place]:
        """The folders in it that hold an image, at any depth."""
        return [place for place in self.places.values() if place.count]

    @property
    def bare(self) -> str:
        """Say of a folder without images what it is."""
        inside = self.others or any(not place.bare.startswith("is") for place in self.places.values())
        return "holds no image" if inside else "is empty"

    def files(self) -> Iterator[str]:
        """Yield all image files in it and below it."""
        yield from self.images
        for place in self.places.values():
            yield from place.files()


@dataclass
class Tree:
    """What a folder holds.

    Attributes:
        top: the folder.
        others: how many files in sub-folders are no images, by what they are called in a sentence.
        system: how many files lie in folders of the system's, by the folder's name.
        odd: paths of what is no regular file though its name is that of an image.
        beside: as `others`, of files in the folder itself.
    """

    top: Place
    others: Counter[str]
    system: Counter[str]
    odd: list[str]
    beside: Counter[str] = field(default_factory=Counter)

    def notes(self) -> Iterator[str]:
        """Yield a sentence for each kind of thing that is left out."""
        if self.system:
            names = ", ".join(f"{printable(name)}" for name in sorted(self.system))
            total = self.system.total()
            yield f"{total:,} {'file' if total == 1 else 'files'} in folders of the system skipped: {names}"
        if self.others:
            others = self.others + self.beside
            kinds = ", ".join(f"{count:,} {kind}" for kind, count in others.most_common())
            total = others.total()
            yield f"{total:,} other {'file' if total == 1 else 'files'} skipped ({kinds})"
        if any(kind in HEIC_SUFFIXES for kind in self.others):
            yield f"HEIC photos are not read: {HEIC_HELP}"
        if self.odd:
            yield f"{len(self.odd):,} skipped that are no regular files: {', '.join(map(printable, self.odd[:5]))}"


def printable(name: str) -> str:
    """A name of the file system as text that can be printed; composed, since macOS writes é as e and an accent."""
    return unicodedata.normalize("NFC", os.fsencode(name).decode("utf-8", "replace"))


def is_system(name: str) -> bool:
    """Whether a file or folder of this name is hidden, or the system's."""
    return name.startswith(".") or name.casefold() in SYSTEM


def look_through(folder: Path) -> Tree:
    """Find the images below a folder; of files whose name does not end like an image's the first bytes are read.

    Links are followed, but never in a circle, and at most two on one way.

    Raises:
        Unavailable: if there is no such folder, or it cannot be read.
        WorkbenchError: if its folders lie too deep in one another.
    """
    if not folder.is_dir():
        raise Unavailable(f"There is no folder {str(folder)!r}.")
    tree = Tree(Place(), Counter(), Counter(), [])
    top = folder.stat()
    try:
        _look(tree, tree.top, folder, ((top.st_dev, top.st_ino),), 0)
    except OSError as error:
        raise Unavailable(f"{error.filename or folder} cannot be read: {error.strerror}.") from None
    return tree


def _look(tree: Tree, place: Place, folder: Path, above: tuple[tuple[int, int], ...], links: int) -> None:
    if len(above) > DEEPEST:
        raise WorkbenchError(f"Folders of images may lie {DEEPEST} deep. {printable(str(folder))[:80]} … is deeper.")
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        path = f"{place.path}{entry.name}"
        if is_system(entry.name):
            if not entry.name.startswith(".") and entry.is_dir():
                tree.system[entry.name] += sum(len(names) for _, _, names in os.walk(entry.path))
        elif _is_folder(entry):
            known, far = entry.stat(), links + entry.is_symlink()
            if (known.st_dev, known.st_ino) not in above and far <= MOST_LINKS:
                inner = place.places[entry.name] = Place(entry.name, f"{path}/")
                _look(tree, inner, folder / entry.name, (*above, (known.st_dev, known.st_ino)), far)
        else:
            _sort(tree, place, entry, path)


def _sort(tree: Tree, place: Place, entry: os.DirEntry[str], path: str) -> None:
    """Note a file down for what it is."""
    suffix = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122 - 100,000 of them
    size = _size(entry)
    regular = size is not None
    if suffix in SUFFIXES:
        # A broken link is a file that is missing, and is named later.
        (place.images if regular or entry.is_symlink() else tree.odd).append(path)
        return
    if suffix in LABEL_FILES and regular:
        place.tables.append(path)
    # A file of the kernel has no size, and may never end.
    kind = _kind_inside(entry.path, bool(suffix)) if size and suffix not in RAW else ""
    if kind and (kind != HEIC or reads_heic()):
        place.images.append(path)
        return
    place.others += 1
    # A README beside the classes is no image that is missed; it is counted where others are.
    counted = tree.others if place.path or kind == HEIC else tree.beside
    counted[(".heic" if kind == HEIC else suffix) or "no suffix"] += 1


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _size(entry: os.DirEntry[str]) -> int | None:
    """Bytes of a regular file; None for anything else."""
    try:
        known = entry.stat()
    except OSError:
        return None
    return known.st_size if stat.S_ISREG(known.st_mode) else None


def _kind_inside(path: str, named: bool) -> str:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - as above
            return kind_of(file.read(HEAD), named=named)
    except OSError:
        return ""

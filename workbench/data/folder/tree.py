"""The image files below a folder, by the folders they lie in; and what else lies there."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from workbench.core.errors import Unavailable
from workbench.core.wording import plural
from workbench.data.image_decoding import reads_heic
from workbench.data.image_kinds import HEAD, HEIC, HEIC_HELP, HEIC_SUFFIXES, SUFFIXES, kind_of
from workbench.data.regular_file import read_regular

SYSTEM = frozenset(
    {"@eadir", "@recycle", "@recently-snapshot", "@tmp", "#recycle", "#snapshot", "__macosx", "$recycle.bin"}
    | {"recycler", "system volume information", "lost+found", "__pycache__"}
)
"""Folders that systems and servers make, in lower case: thumbnails, bins, rests."""
RAW = frozenset({".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw"})
"""Raw photos hold a small JPEG, which is not the photo."""
DEEPEST = 64
"""Folders that may lie in one another."""
MOST_FOLDERS = 50_000
MOST_HEADS = 20_000
"""Files of other names than images have, of which the first bytes are read."""
MOST_TABLES = 1_000
"""CSV files of one folder."""
NAMED = 5
"""Paths that a note names."""
KINDS = 8
"""Kinds of other files that a note names."""
FOLLOW = "--follow-links follows them"
OUTSIDE = f"links out of the folder ({FOLLOW})"
TWICE = "links to a folder that is gone through once"
NOT_REGULAR = "no regular files"
TOO_DEEP = f"folders that lie more than {DEEPEST} deep in one another"
TOO_MANY = f"folders beyond the {MOST_FOLDERS:,} that are gone through"
LABEL_FILES = (".csv", ".tsv")
MANY_FILES = (".parquet", ".tar")
"""Endings of files that hold many images."""
CONTROL = {code: 0x2400 + code for code in range(32)} | {0x7F: 0x2421}
CONTROL |= dict.fromkeys([*range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x2028, 0x2029], 0xFFFD)
"""Characters that would move the cursor, or turn the text around, and what is seen in their place."""


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
        closed: whether it was not gone through: it cannot be read, or there are too many.
    """

    name: str = ""
    path: str = ""
    images: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    places: dict[str, Place] = field(default_factory=dict)
    others: int = 0
    closed: bool = False

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
        if self.closed:
            return "was not gone through"
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
        system: how many folders of the system's there are, by their name.
        aside: paths of what is passed over, by why.
        beside: as `others`, of files in the folder itself.
        many: paths of the files that may hold many images, by their names.
        elsewhere: whether all this lies on no disk of this machine.
    """

    top: Place
    others: Counter[str] = field(default_factory=Counter)
    system: Counter[str] = field(default_factory=Counter)
    aside: dict[str, list[str]] = field(default_factory=dict)
    beside: Counter[str] = field(default_factory=Counter)
    many: list[str] = field(default_factory=list)
    elsewhere: bool = False

    @property
    def outside(self) -> int:
        """How many links were not followed since they lead out of the folder."""
        return len(self.aside.get(OUTSIDE, ()))

    def pass_over(self, path: str, why: str) -> None:
        """Note something down that is not gone through, or not read."""
        self.aside.setdefault(why, []).append(path)

    def notes(self) -> Iterator[str]:
        """Yield a sentence for each kind of thing that is left out."""
        if self.system:
            names = ", ".join(map(printable, sorted(self.system)))
            yield f"{plural(self.system.total(), 'folder')} of the system skipped: {names}"
        if self.others:
            others = self.others + self.beside
            most = [f"{count:,} {kind}" for kind, count in others.most_common(KINDS)]
            kinds = ", ".join([*most, *([f"{len(others) - KINDS:,} more kinds"] if len(others) > KINDS else [])])
            total = others.total()
            yield f"{total:,} other {'file' if total == 1 else 'files'} skipped ({kinds})"
        if any(kind in HEIC_SUFFIXES for kind in self.others):
            yield f"HEIC photos are not read: {HEIC_HELP}"
        yield from self.left()

    def left(self) -> Iterator[str]:
        """Yield a sentence for each reason why something was not gone through."""
        for why, paths in self.aside.items():
            yield passed_over(paths, why)


def passed_over(paths: Sequence[str], why: str) -> str:
    """Say what is passed over, and why."""
    more = f" and {len(paths) - NAMED:,} more" if len(paths) > NAMED else ""
    return f"{len(paths):,} skipped that are {why}: {', '.join(map(printable, paths[:NAMED]))}{more}"


def printable(name: str) -> str:
    """A name of the file system as text that can be printed; composed, since macOS writes é as e and an accent."""
    text = unicodedata.normalize("NFC", os.fsencode(name).decode("utf-8", "replace"))
    return text if text.isprintable() else text.translate(CONTROL)


def is_system(name: str) -> bool:
    """Whether a file or folder of this name is hidden, or the system's."""
    return name.startswith(".") or name.casefold() in SYSTEM


def look_through(folder: Path, *, follow_links: bool = False) -> Tree:
    """Find the images below a folder; of files whose name does not end like an image's the first bytes are read.

    Every folder is gone through once, by what it is and not by its name, those nearest to the top first; what cannot
    be gone through is noted down.

    Args:
        folder: the folder, or a link to it.
        follow_links: whether links that lead out of it are followed.

    Raises:
        Unavailable: if there is no such folder, or it cannot be read.
    """
    if not folder.is_dir():
        raise Unavailable(f"There is no folder {str(folder)!r}.")
    walk = _Walk(folder, follow_links)
    try:
        walk.go()
    except OSError as error:
        raise Unavailable(f"{error.filename or folder} cannot be read: {error.strerror}.") from None
    return walk.tree


class _Walk:
    """Goes through a folder, without recursion."""

    def __init__(self, folder: Path, follow: bool) -> None:
        self.tree, self._follow, self._real = Tree(Place()), follow, folder.resolve()
        self._waiting: deque[tuple[Place, str, int]] = deque([(self.tree.top, os.fspath(folder), 0)])
        self._linked: list[tuple[Place, str, str, int]] = []  # after all that are no links, which have the first right
        self._known: set[tuple[int, int]] = set()
        self._heads = 0

    def go(self) -> None:
        """Go through all folders.

        Raises:
            OSError: if the first cannot be read.
        """
        while self._waiting or self._linked:
            if not self._waiting:
                around, name, path, depth = self._linked.pop(0)
                self._enter(around, name, path, depth)
                around.places = dict(sorted(around.places.items()))
                continue
            place, path, depth = self._waiting.popleft()
            try:
                self._look(place, path, depth)
            except OSError as error:
                if place is self.tree.top:
                    raise
                place.closed = True
                self.tree.pass_over(place.path, f"folders that cannot be read ({error.strerror})")

    def _look(self, place: Place, path: str, depth: int) -> None:
        known = os.stat(path)  # noqa: PTH116 - of text
        if (known.st_dev, known.st_ino) in self._known:
            place.closed = True
            self.tree.pass_over(place.path, TWICE)
            return
        if len(self._known) >= MOST_FOLDERS:
            place.closed = True
            self.tree.pass_over(place.path, TOO_MANY)
            return
        self._known.add((known.st_dev, known.st_ino))
        with os.scandir(path) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if is_system(entry.name):
                    if not entry.name.startswith(".") and _is_folder(entry):
                        self.tree.system[entry.name] += 1
                elif entry.is_symlink():
                    self._follow_link(place, entry, depth)
                elif _is_folder(entry):
                    self._enter(place, entry.name, entry.path, depth)
                else:
                    self._sort(place, entry, _is_file(entry))

    def _enter(self, around: Place, name: str, path: str, depth: int) -> None:
        inner = Place(name, f"{around.path}{name}/")
        if depth >= DEEPEST:
            self.tree.pass_over(inner.path, TOO_DEEP)
            return
        around.places[name] = inner
        self._waiting.append((inner, path, depth + 1))

    def _follow_link(self, place: Place, entry: os.DirEntry[str], depth: int) -> None:
        path = f"{place.path}{entry.name}"
        try:
            real = os.path.realpath(entry.path, strict=True)
        except OSError:  # a file that is missing is named later, with the others that cannot be read
            self._sort(place, entry, entry.name.lower().endswith(tuple(SUFFIXES)))
            return
        inside = Path(real).is_relative_to(self._real)
        if not inside and not self._follow:
            self.tree.pass_over(path, OUTSIDE)
        elif os.path.isdir(real):  # noqa: PTH112 - of text
            if inside:
                self.tree.pass_over(path, TWICE)
            else:
                self._linked.append((place, entry.name, entry.path, depth))
        else:
            self._sort(place, entry, os.path.isfile(real))  # noqa: PTH113 - likewise

    def _sort(self, place: Place, entry: os.DirEntry[str], regular: bool) -> None:
        """Note a file down for what it is."""
        tree, path = self.tree, f"{place.path}{entry.name}"
        suffix = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122 - 100,000 of them
        if suffix in SUFFIXES:
            if regular:
                place.images.append(path)
            else:
                tree.pass_over(path, NOT_REGULAR)
            return
        if suffix in LABEL_FILES and regular and len(place.tables) < MOST_TABLES:
            place.tables.append(path)
        if suffix in MANY_FILES and regular:
            tree.many.append(path)
        kind = self._kind_inside(entry.path, bool(suffix)) if regular and suffix not in RAW else ""
        if kind and (kind != HEIC or reads_heic()):
            place.images.append(path)
            return
        place.others += 1
        # A README beside the classes is no image that is missed; it is counted where others are.
        counted = tree.others if place.path or kind == HEIC else tree.beside
        counted[(".heic" if kind == HEIC else printable(suffix)) or "no suffix"] += 1

    def _kind_inside(self, path: str, named: bool) -> str:
        self._heads += 1
        if self._heads > MOST_HEADS:
            return ""
        try:
            return kind_of(
                read_regular(path, HEAD, within=None if self._follow else self._real, head=True), named=named
            )
        except OSError:
            return ""


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file(follow_symlinks=False)
    except OSError:
        return True  # gone since; named later

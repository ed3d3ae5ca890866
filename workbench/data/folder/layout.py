"""Which file of a folder is an image of which class and part; looks at names only."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.data.class_names import by_number

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"})
PARTS = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "validation": "validation",
    "val": "validation",
    "valid": "validation",
}
EXAMPLE = "FOLDER/CLASS/image.jpg, or FOLDER/train/CLASS/image.jpg and FOLDER/test/CLASS/image.jpg"


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The images of a folder, by their names.

    Attributes:
        files: one path an image, relative to the folder, with "/".
        parts: for each file "train", "test" or "validation"; "" where the folder has no parts.
        classes: for each file the number of its class.
        class_names: K names of folders, numbers in them by value.
        notes: sentences about what was left out.
    """

    files: tuple[str, ...]
    parts: tuple[str, ...]
    classes: tuple[int, ...]
    class_names: tuple[str, ...]
    notes: tuple[str, ...]


def lay_out(folder: Path) -> Layout:
    """Find the images below a folder: one sub-folder a class, perhaps below one folder a part.

    What begins with a dot is not looked at. Links are followed, but never in a circle.

    Raises:
        Unavailable: if there is no such folder.
        WorkbenchError: if it does not hold images of at least two classes in folders.
    """
    if not folder.is_dir():
        raise Unavailable(f"There is no folder {str(folder)!r}.")
    files, others = _walk(folder)
    split = _has_parts(files, folder)
    found = []
    left: Counter[str] = Counter()
    for path in files:
        steps = path.split("/")
        part = PARTS.get(steps[0].casefold()) if split else ""
        inner = steps[1:] if split else steps
        if part is None or len(inner) < 2:
            left[steps[0] if len(steps) > 1 else "the folder itself"] += 1
        else:
            found.append((path, part, printable(inner[0])))
    names = by_number(list({name for _, _, name in found}))
    if len(names) < 2:
        raise WorkbenchError(
            f"{folder} must hold images of at least two classes, one folder per class: {EXAMPLE}. "
            f"It holds {len(files)} images in {len(names)} class folders."
        )
    number = {name: place for place, name in enumerate(names)}
    return Layout(
        files=tuple(path for path, _, _ in found),
        parts=tuple(part for _, part, _ in found),
        classes=tuple(number[name] for _, _, name in found),
        class_names=tuple(names),
        notes=(*_left_out(left, others), *_order(names), *_only_seen(found, names)),
    )


def printable(name: str) -> str:
    """A name of the file system as text that can be printed; composed, since macOS writes é as e and an accent."""
    return unicodedata.normalize("NFC", os.fsencode(name).decode("utf-8", "replace"))


def _walk(folder: Path) -> tuple[list[str], Counter[str]]:
    """Return every image below `folder`, sorted, and how many other files there are by suffix."""
    images, others = [], Counter[str]()

    def look(place: str, below: str, above: frozenset[tuple[int, int]]) -> None:
        with os.scandir(place) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                path = f"{below}{entry.name}"
                if entry.is_dir():
                    known = entry.stat()
                    if (known.st_dev, known.st_ino) not in above:
                        look(entry.path, f"{path}/", above | {(known.st_dev, known.st_ino)})
                elif os.path.splitext(entry.name)[1].lower() in SUFFIXES:  # noqa: PTH122 - 100,000 of them
                    images.append(path)
                elif below:  # a README beside the classes is no image that is missed
                    others[os.path.splitext(entry.name)[1].lower() or "no suffix"] += 1  # noqa: PTH122

    top = folder.stat()
    try:
        look(str(folder), "", frozenset({(top.st_dev, top.st_ino)}))
    except OSError as error:
        raise Unavailable(f"{error.filename or folder} cannot be read: {error.strerror}.") from None
    return sorted(images), others


def _has_parts(files: list[str], folder: Path) -> bool:
    """Whether the folders at the top are parts, not classes.

    Raises:
        WorkbenchError: if they may be either.
    """
    classes = {path.split("/")[0] for path in files if path.count("/") >= 2}
    direct = {path.split("/")[0] for path in files if path.count("/") == 1}
    parts = {name for name in classes if name.casefold() in PARTS}
    if not {PARTS[name.casefold()] for name in parts} & {"train", "test"}:
        return False
    others = sorted((classes | direct) - {name for name in classes | direct if name.casefold() in PARTS})
    if len({PARTS[name.casefold()] for name in parts}) == 1 and others:
        raise WorkbenchError(
            f"{folder} holds the folder {min(parts)!r} with folders of images in it, and {printable(others[0])!r} "
            f"beside it: is it a part or a class? Lay it out as {EXAMPLE}."
        )
    return True


def _left_out(left: Counter[str], others: Counter[str]) -> Iterator[str]:
    for place, count in sorted(left.items()):
        yield f"{count:,} {_images(count)} in {printable(place)} skipped: not in a class folder"
    if others:
        kinds = ", ".join(f"{count:,} {suffix}" for suffix, count in others.most_common(3))
        more = " …" if len(others) > 3 else ""
        yield f"{others.total():,} other {'file' if others.total() == 1 else 'files'} skipped ({kinds}{more})"


def _images(count: int) -> str:
    return "image" if count == 1 else "images"


def _order(names: list[str]) -> Iterator[str]:
    """A network may have been trained on classes in the order of their text."""
    as_text = sorted(names)
    if names != as_text:
        first = next(place for place, (one, other) in enumerate(zip(names, as_text, strict=True)) if one != other)
        yield (
            f"classes are in numerical order (class {first} is {names[first]}); Keras' image_dataset_from_directory "
            f"sorts them as text (class {first} is {as_text[first]}): pass the class names in that order for a model "
            "trained with it"
        )


def _only_seen(found: list[tuple[str, str, str]], names: list[str]) -> Iterator[str]:
    """Classes that the training part lacks, or that only it has."""
    there: dict[str, set[str]] = {}
    for _, part, name in found:
        there.setdefault(part, set()).add(name)
    for part in ("train", "test", "validation"):
        if lacking := [name for name in names if name not in there.get(part, names)]:
            shows = ", ".join(lacking[:5]) + (" …" if len(lacking) > 5 else "")
            yield f"{len(lacking)} {'class has' if len(lacking) == 1 else 'classes have'} no {part} image: {shows}"

"""A table of files and labels -> which file is an image of which class and part."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.wording import join_names, plural
from workbench.data.class_names import starts_at_one
from workbench.data.folder.layout import Layout, only_seen, order_notes
from workbench.data.folder.part_words import part_of
from workbench.data.folder.tree import Tree, look_through, printable

_FILE = "file filename file_name filepath file_path path image image_path image_name images img name image_id id"
FILE_COLUMNS = tuple(_FILE.split())
LABEL_COLUMNS = ("label", "labels", "class", "class_name", "target", "category", "class_id", "y")
PART_COLUMNS = ("part", "split", "set", "subset", "phase", "partition")
MOST_BYTES = 64 * 2**20
MOST_CLASSES = 10_000
NAMED = 5  # files that a note names


@dataclass(frozen=True)
class Row:
    """One line: a file as it is written, its label and its part."""

    file: str
    label: str
    part: str


def lay_out_labels(path: Path, tree: Tree | None = None) -> Layout:
    """Read a table of files and labels: a header `file,label` (or filename, path, image, …; class, target, …).

    A third column `part` (or split) says train, validation or test. Files are relative to the table's folder; where one
    is not there, the only image below that folder of that name, with or without ending, is taken. Labels are names,
    which are put in the order of their text, as Keras' `flow_from_dataframe` does; or numbers from 0.

    Args:
        path: the table; separated by commas, semicolons, tabs or bars.
        tree: what lies below the table's folder; looked for only when a file is not where the table says, if not given.

    Raises:
        Unavailable: if it cannot be read.
        WorkbenchError: if it is no such table, or names no image of at least two classes.
    """
    rows = _rows(path)
    resolve = _Files(path.parent, tree)
    found: dict[str, Row] = {}
    missing, unlabelled, odd, mixed, twice = [], 0, Counter[str](), dict[str, set[str]](), 0
    for row in rows:
        file = resolve(row.file)
        if not row.label:
            unlabelled += 1
        elif file is None:
            missing.append(row.file)
        elif row.part and not part_of(row.part):
            odd[row.part] += 1
        elif file in found:
            twice += 1
            if (found[file].label, part_of(found[file].part)) != (row.label, part_of(row.part)):
                mixed.setdefault(file, {found[file].label}).add(row.label)
        else:
            found[file] = row
    kept = {file: row for file, row in found.items() if file not in mixed}
    names, place = _classes([row.label for row in kept.values()], path)
    parts = tuple(part_of(row.part) for row in kept.values()) if any(row.part for row in rows) else _by_folder(kept)
    if any(parts) and not all(parts):
        odd["no part"] += parts.count("")
        kept = {file: row for file, row in kept.items() if row.part}
        parts = tuple(part for part in parts if part)
    if len(names) < 2 or not kept:
        lost = f" {plural(len(missing), 'file')} of it {'is' if len(missing) == 1 else 'are'} not there"
        raise WorkbenchError(
            f"{path.name} must name images of at least two classes. It names {plural(len(kept), 'image')} of "
            f"{plural(len(names), 'class')}.{f'{lost}, the first {missing[0]!r}.' if missing else ''}"
        )
    labels = [place[row.label] for row in kept.values()]
    return Layout(
        files=tuple(kept),
        parts=parts,
        classes=tuple(labels),
        class_names=names,
        numbered=_are_numbers(place),
        notes=(
            f"labels are those of {printable(path.name)}, {plural(len(rows), 'line')}",
            *_lost(missing),
            *([f"{plural(unlabelled, 'line')} without a label skipped"] if unlabelled else []),
            *(f"{plural(count, 'line')} skipped, whose part is {part!r}" for part, count in odd.items()),
            *([f"{plural(twice, 'line')} for a file that was named before"] if twice else []),
            *_mixed(mixed),
            *resolve.notes(),
            *starts_at_one(labels, names),
            *(order_notes(list(names)) if not _are_numbers(place) else []),
            *only_seen([(p, names[n]) for p, n in zip(parts, labels, strict=True)], list(names)),
        ),
    )


def is_label_file(path: Path) -> bool:
    """Whether a file is called like a table: .csv or .tsv."""
    return path.suffix.lower() in (".csv", ".tsv")


class _Files:
    """Finds the files of a table."""

    def __init__(self, folder: Path, tree: Tree | None) -> None:
        self.folder, self.elsewhere, self._tree = folder, 0, tree

    @cached_property
    def _there(self) -> dict[str, str]:
        """The images below the folder by their path as it is printed."""
        tree = self._tree or look_through(self.folder)
        return {printable(path): path for path in tree.top.files()}

    @cached_property
    def _named(self) -> dict[str, list[str]]:
        """The same by name, with and without ending."""
        named: dict[str, list[str]] = {}
        for shown, path in self._there.items():
            pure = PurePosixPath(shown)
            for name in {pure.name, pure.stem}:
                named.setdefault(name.casefold(), []).append(path)
        return named

    def __call__(self, written: str) -> str | None:
        """Return the path below the folder, or the path itself where it lies elsewhere; None where there is none."""
        plain = printable(written.strip().replace("\\", "/").removeprefix("./"))
        if not plain:
            return None
        if _is_file(self.folder / plain):
            return plain  # perhaps in a folder above, or written from the root
        if plain in self._there:
            return self._there[plain]
        same = self._named.get(PurePosixPath(plain).name.casefold(), [])
        ending = [path for path in same if printable(path).casefold().endswith(plain.casefold())] or same
        if len(ending) != 1:
            return None
        self.elsewhere += 1
        return ending[0]

    def notes(self) -> Iterator[str]:
        if self.elsewhere:
            yield f"{plural(self.elsewhere, 'file')} found by name below {printable(self.folder.name)}/"


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name too long for any file
        return False


def _rows(path: Path) -> list[Row]:
    """Read the lines of a table.

    Raises:
        Unavailable: if it cannot be read.
        WorkbenchError: if it has no columns of files and labels.
    """
    try:
        size = path.stat().st_size
        text = path.read_text(encoding="utf-8-sig") if size <= MOST_BYTES else ""
    except UnicodeDecodeError:
        text = path.read_text(encoding="latin-1")
    except OSError as error:
        raise Unavailable(f"{path.name} cannot be read: {error.strerror}.") from None
    if size > MOST_BYTES:
        raise WorkbenchError(
            f"{path.name} must be a table of at most {MOST_BYTES // 2**20} MB. It has {size >> 20} MB."
        )
    if "\0" in text:
        raise WorkbenchError(f"{path.name} is not a table of text. It must have the columns file,label.")
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(",;\t|", key=first.count)
    try:
        lines = [line for line in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if any(line)]
    except csv.Error as error:
        raise WorkbenchError(f"{path.name} cannot be read as a table: {error}.") from None
    if not lines:
        raise WorkbenchError(f"{path.name} is empty. It must have the columns file,label.")
    header = [cell.strip().casefold().replace(" ", "_") for cell in lines[0]]
    columns = [_column(header, names) for names in (FILE_COLUMNS, LABEL_COLUMNS, PART_COLUMNS)]
    if None in columns[:2]:
        if len(header) == 2 and None in columns[:2] and "." in lines[0][0]:
            columns, lines = [0, 1, None], [[], *lines]  # no header: file,label at once
        else:
            raise WorkbenchError(
                f"{path.name} must have a column of files (file, filename, path or image) and one of labels (label, "
                f"class or target). Its columns are {join_names(lines[0], 8)}."
            )
    return [Row(*(_cell(line, column) for column in columns)) for line in lines[1:]]


def _column(header: Sequence[str], names: Sequence[str]) -> int | None:
    """Return the first column that is called by one of the names, the first of those first."""
    return next((header.index(name) for name in names if name in header), None)


def _cell(line: Sequence[str], column: int | None) -> str:
    return line[column].strip() if column is not None and column < len(line) else ""


def _classes(labels: Sequence[str], path: Path) -> tuple[tuple[str, ...], dict[str, int]]:
    """Return the names of the classes, and for each label as it is written its class.

    Raises:
        WorkbenchError: if a number is none of a class.
    """
    distinct = sorted(set(labels))
    try:
        numbers = {label: float(label) for label in distinct}
    except ValueError:
        names = list(dict.fromkeys(printable(label) for label in distinct))
        return tuple(names), {label: names.index(printable(label)) for label in distinct}
    if any(not number.is_integer() or not 0 <= number < MOST_CLASSES for number in numbers.values()):
        raise WorkbenchError(f"Labels of {path.name} that are numbers must be whole, from 0. Got {distinct[0]!r}.")
    count = 1 + int(max(numbers.values(), default=-1))
    return tuple(map(str, range(count))), {label: int(number) for label, number in numbers.items()}


def _by_folder(files: Iterable[str]) -> tuple[str, ...]:
    """Parts by the folders that the files lie in, train/0.jpg and test/1.jpg, where all of them say one; else none."""
    parts = tuple(next((part for step in file.split("/")[:-1] if (part := part_of(step))), "") for file in files)
    return parts if all(parts) and len(set(parts)) > 1 else ("",) * len(parts)


def _are_numbers(place: dict[str, int]) -> bool:
    return all(label.replace(".0", "").isdecimal() for label in place)


def _lost(missing: list[str]) -> Iterator[str]:
    if missing:
        named = join_names([repr(each) for each in missing], NAMED)
        yield f"{plural(len(missing), 'file')} of the table {'is' if len(missing) == 1 else 'are'} not there: {named}"


def _mixed(mixed: dict[str, set[str]]) -> Iterator[str]:
    if mixed:
        file, labels = next(iter(mixed.items()))
        yield (
            f"{plural(len(mixed), 'file')} with several labels or parts skipped, such as {printable(file)} "
            f"({join_names(sorted(labels), 3)})"
        )

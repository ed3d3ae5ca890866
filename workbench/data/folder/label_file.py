"""A table of files and labels -> which file is an image of which class and part."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import islice
from pathlib import Path, PurePath, PurePosixPath

from workbench.core.errors import WorkbenchError
from workbench.core.wording import join_names, plural
from workbench.data.class_names import starts_at_one
from workbench.data.folder.label_table import Row, Table, names_files, read_lines, read_table, table_header, table_lines
from workbench.data.folder.layout import Layout, only_seen, order_notes
from workbench.data.folder.part_words import part_and_rest, part_of
from workbench.data.folder.tree import FOLLOW, Tree, look_through, passed_over, printable

MOST_CLASSES = 10_000
NAMED = 5  # files that a note names


def lay_out_labels(path: Path, tree: Tree | None = None, *, follow_links: bool = False) -> Layout:
    """Read a table of files and labels: a header `file,label` (or filename, path, image, …; class, target, …).

    A third column `part` (or split) says train, validation or test. Files are relative to the table's folder; where one
    is not there, the only image below that folder of that name, with or without ending, is taken. Labels are names,
    which are put in the order of their text, as Keras' `flow_from_dataframe` does; or numbers from 0; or a column of 0
    and 1 for each class, which stay in the order of the columns. A single other column of text is taken for the labels
    where its values repeat.

    Args:
        path: the table; separated by commas, semicolons, tabs or bars.
        tree: what lies below the table's folder; looked for only when a file is not where the table says, if not given.
        follow_links: whether files may lie out of that folder.

    Raises:
        Unavailable: if it cannot be read.
        WorkbenchError: if it is no such table, or names no image of at least two classes.
    """
    return _laid_out(path.name, read_table(path), _Files(path.parent, tree, follow_links))


def lay_out_part_tables(folder: Path, tables: Sequence[str], tree: Tree, *, follow_links: bool = False) -> Layout:
    """Read tables of the parts of one data set: train.csv and test.csv, or train/_classes.csv and valid/_classes.csv.

    Args:
        folder: what `tables` are below.
        tables: paths relative to it, of which the name, or the folder's, says the part.
        tree: what lies below the folder.
        follow_links: whether files may lie out of it.

    Raises:
        Unavailable: if one cannot be read.
        WorkbenchError: if one is no such table, or they have other classes in their columns.
    """
    lines = {name: table_lines(folder / name) for name in tables}
    headers = [each[0] for each in lines.values()]
    if all(header == headers[0] for header in headers):  # what a column holds is seen in all of them
        whole = read_lines([headers[0], *(line for each in lines.values() for line in each[1:])], join_names(tables))
        rest = iter(whole.rows)
        read = {name: replace(whole, rows=list(islice(rest, len(each) - 1))) for name, each in lines.items()}
    else:
        read = {name: read_lines(each, name) for name, each in lines.items()}
    first = next(iter(read.values()))
    if any(table.order != first.order for table in read.values()):
        raise WorkbenchError(f"{join_names(tables)} must have the same columns of classes.")
    rows, files = [], _Files(folder, tree, follow_links)
    for name, table in read.items():
        own = name.rpartition("/")[0]
        for row in table.rows:
            inside = own and files.has(f"{own}/{row.file}")
            rows.append(Row(f"{own}/{row.file}" if inside else row.file, row.label, part_said(name)))
    joined = Table(rows, first.order, tuple(dict.fromkeys(note for table in read.values() for note in table.notes)))
    return _laid_out(join_names([printable(name) for name in tables]), joined, files)


def part_said(table: str) -> str:
    """Return the part that the name of a table says, or its folder's; empty where neither does."""
    path = PurePosixPath(table)
    return part_of(path.stem) or part_and_rest(path.stem)[0] or part_of(path.parent.name)


def tables_of_labels(folder: Path, tables: Sequence[str]) -> list[str]:
    """Return those of some tables that have files and labels; and those with the same columns, be they too short."""
    fitting = [name for name in tables if has_labels(folder / name)]
    headers = [table_header(folder / name) for name in fitting]
    return [name for name in tables if name in fitting or (headers and table_header(folder / name) in headers)]


def has_labels(path: Path) -> bool:
    """Whether a file is a table of files and labels, by its columns."""
    try:
        return names_files(table_header(path)) and bool(read_table(path).rows)
    except WorkbenchError:
        return False


def _laid_out(shown: str, table: Table, resolve: _Files) -> Layout:
    """Find the images of a table's lines, which `shown` names in sentences."""
    rows = table.rows
    found: dict[str, Row] = {}
    missing, unlabelled, odd, mixed, twice = [], 0, Counter[str](), dict[str, set[str]](), 0
    for row in rows:
        file = resolve(row.file)
        if not row.label:
            unlabelled += 1
        elif file is None:
            if row.file not in resolve.outside:
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
    names, place = (
        (table.order, {name: number for number, name in enumerate(table.order)})
        if table.order
        else classes_of([row.label for row in kept.values()], shown)
    )
    parts = tuple(part_of(row.part) for row in kept.values()) if any(row.part for row in rows) else _by_folder(kept)
    if any(parts) and not all(parts):
        odd["no part"] += parts.count("")
        kept = {file: row for file, row in kept.items() if row.part}
        parts = tuple(part for part in parts if part)
    if len({row.label for row in kept.values()} if table.order else names) < 2 or not kept:
        lost = f" {plural(len(missing), 'file')} of it {'is' if len(missing) == 1 else 'are'} not there"
        out = f" {plural(len(resolve.outside), 'file')} of it out of its folder: {FOLLOW}." if resolve.outside else ""
        raise WorkbenchError(
            f"{shown} must name images of at least two classes. It names {plural(len(kept), 'image')} of "
            f"{plural(len(names), 'class')}.{f'{lost}, the first {missing[0][:80]!r}.' if missing else ''}{out}"
        )
    labels = [place[row.label] for row in kept.values()]
    return Layout(
        files=tuple(kept),
        parts=parts,
        classes=tuple(labels),
        class_names=names,
        numbered=not table.order and _are_numbers(place),
        notes=(
            f"labels are those of {printable(shown)}, {plural(len(rows), 'line')}",
            *table.notes,
            *_lost(missing),
            *([f"{plural(unlabelled, 'line')} without a label skipped"] if unlabelled else []),
            *(f"{plural(count, 'line')} skipped, whose part is {part!r}" for part, count in odd.items()),
            *([f"{plural(twice, 'line')} for a file that was named before"] if twice else []),
            *_mixed(mixed),
            *resolve.notes(),
            *starts_at_one(labels, names),
            *(order_notes(list(names)) if not table.order and not _are_numbers(place) else []),
            *only_seen([(p, names[n]) for p, n in zip(parts, labels, strict=True)], list(names)),
        ),
    )


def is_label_file(path: Path) -> bool:
    """Whether a file is called like a table: .csv or .tsv."""
    return path.suffix.lower() in (".csv", ".tsv")


class _Files:
    """Finds the files of a table."""

    def __init__(self, folder: Path, tree: Tree | None, follow: bool) -> None:
        self.folder, self.elsewhere, self._tree, self._follow = folder, 0, tree, follow
        self.outside: dict[str, None] = {}
        self._real, self._elsewhere = folder.resolve(), tree is not None and tree.elsewhere

    @cached_property
    def _there(self) -> dict[str, str]:
        """The images below the folder by their path as it is printed."""
        tree = self._tree or look_through(self.folder, follow_links=self._follow)
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
        if self._elsewhere:
            plain = posixpath.normpath(plain)
        elif _is_file(self.folder / plain):
            if self._is_ours(plain):
                return plain  # perhaps written from the root
            self.outside[written] = None
            return None
        if plain in self._there:
            return self._there[plain]
        same = self._named.get(PurePosixPath(plain).name.casefold(), [])
        ending = [path for path in same if printable(path).casefold().endswith(plain.casefold())] or same
        if len(ending) != 1:
            return None
        self.elsewhere += 1
        return ending[0]

    def has(self, path: str) -> bool:
        """Whether a file lies at a path below the folder."""
        if self._elsewhere:  # what lies at that path on this machine says nothing of it
            return printable(posixpath.normpath(path.replace("\\", "/"))) in self._there
        return _is_file(self.folder / path)

    def _is_ours(self, plain: str) -> bool:
        """Whether a file may be read: it lies in the table's folder. Where no link but its own is on the way, later."""
        climbs = plain.startswith("/") or ".." in plain.split("/") or PurePath(plain).is_absolute()
        return self._follow or not climbs or (self.folder / plain).resolve().is_relative_to(self._real)

    def notes(self) -> Iterator[str]:
        if self.outside:
            yield passed_over(list(self.outside), f"files out of the table's folder ({FOLLOW})")
        if self.elsewhere:
            yield f"{plural(self.elsewhere, 'file')} found by name below {printable(self.folder.name)}/"


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name too long for any file
        return False


def classes_of(labels: Sequence[str], shown: str) -> tuple[tuple[str, ...], dict[str, int]]:
    """Return the names of the classes, and for each label as it is written its class.

    Raises:
        WorkbenchError: if a number is none of a class.
    """
    distinct = sorted(set(labels))
    try:
        numbers = {label: float(label) for label in distinct}
    except ValueError:
        place: dict[str, int] = {}
        for label in distinct:
            place.setdefault(printable(label), len(place))
        if len(place) > MOST_CLASSES:
            raise WorkbenchError(
                f"{shown} must name at most {MOST_CLASSES:,} classes. It names {len(place):,}."
            ) from None
        return tuple(place), {label: place[printable(label)] for label in distinct}
    for label, number in numbers.items():
        if not number.is_integer() or number < 0:
            raise WorkbenchError(f"Labels of {shown} that are numbers must be whole, from 0. Got {label[:80]!r}.")
    count = 1 + int(max(numbers.values(), default=-1))
    if count > MOST_CLASSES:
        raise WorkbenchError(
            f"{shown} must name at most {MOST_CLASSES:,} classes. Its labels are numbers as high as {count - 1:,}."
        )
    return tuple(map(str, range(count))), {label: int(number) for label, number in numbers.items()}


def _by_folder(files: Iterable[str]) -> tuple[str, ...]:
    """Parts by the folders that the files lie in, train/0.jpg and test/1.jpg, where all of them say one; else none."""
    parts = tuple(next((part for step in file.split("/")[:-1] if (part := part_of(step))), "") for file in files)
    return parts if all(parts) and len(set(parts)) > 1 else ("",) * len(parts)


def _are_numbers(place: dict[str, int]) -> bool:
    return all(label.replace(".0", "").isdecimal() for label in place)


def _lost(missing: list[str]) -> Iterator[str]:
    if missing:
        named = join_names([repr(each[:80]) for each in missing], NAMED)
        yield f"{plural(len(missing), 'file')} of the table {'is' if len(missing) == 1 else 'are'} not there: {named}"


def _mixed(mixed: dict[str, set[str]]) -> Iterator[str]:
    if mixed:
        file, labels = next(iter(mixed.items()))
        yield (
            f"{plural(len(mixed), 'file')} with several labels or parts skipped, such as {printable(file)} "
            f"({join_names(sorted(labels), 3)})"
        )

"""A table of files and labels -> its lines, by what its columns are called and hold."""

from __future__ import annotations

import csv
import errno
import io
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.wording import join_names, plural
from workbench.data.folder.tree import printable
from workbench.data.regular_file import read_regular

_FILE = "file filename file_name filepath file_path path image image_path image_name images img name image_id id"
FILE_COLUMNS = tuple(_FILE.split())
_LABEL = "label labels class class_name classname class_label target category class_id classid y choice diagnosis dx"
LABEL_COLUMNS = tuple(_LABEL.split())
PART_COLUMNS = ("part", "split", "set", "subset", "phase", "partition")
MOST_BYTES = 64 * 2**20
MOST_LINES = 1_000_000
MOST_COLUMNS = 20_000
LONGEST_LINE = 2**20
HEAD = 2**16
"""Bytes of a table of which the first line is read."""
ZERO_OR_ONE = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "": 0}
SINGLE = 0.9
"""Share of lines with one class, from which on columns of 0 and 1 are classes and no properties."""


@dataclass(frozen=True)
class Row:
    """One line: a file as it is written, its label and its part."""

    file: str
    label: str
    part: str


@dataclass(frozen=True)
class Table:
    """The lines of one table.

    Attributes:
        rows: one for each line.
        order: names of the classes in the order of the columns that they are; empty where labels stand in one column.
        notes: what was understood beyond the names of the columns.
    """

    rows: list[Row]
    order: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def table_lines(path: Path) -> list[list[str]]:
    """Read the cells of a table, line by line, the header first.

    Raises:
        Unavailable: if it cannot be read.
        WorkbenchError: if it is no table of text, or empty.
    """
    try:
        content = read_regular(path, MOST_BYTES)
    except OSError as error:
        if error.errno != errno.EFBIG:
            raise Unavailable(f"{path.name} cannot be read: {error.strerror}.") from None
        raise too_large(path.name, path.stat().st_size) from None
    return _cells(content, path.name)


def too_large(name: str, size: int) -> WorkbenchError:
    """Build the error for a table of so many bytes."""
    return WorkbenchError(f"{name} must be a table of at most {MOST_BYTES // 2**20} MB. It has {size >> 20:,} MB.")


def table_header(path: Path) -> list[str]:
    """Return the first line of a table, of which no more is read; empty where it is none."""
    try:
        head = read_regular(path, HEAD, head=True)
        return _cells(head[: head.rfind(b"\n") + 1] or head, path.name)[0]
    except (OSError, WorkbenchError):
        return []


def names_files(header: Sequence[str]) -> bool:
    """Whether a table may have files and labels, by its first line."""
    plain = [cell.strip().casefold().replace(" ", "_") for cell in header]
    return _column(plain, FILE_COLUMNS) is not None or (len(header) == 2 and "." in header[0])


def _cells(content: bytes, name: str) -> list[list[str]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    if "\0" in text:
        raise WorkbenchError(f"{name} is not a table of text. It must have the columns file,label.")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.count("\n") > MOST_LINES:
        raise WorkbenchError(f"{name} must be a table of at most {MOST_LINES:,} lines. It has more.")
    first = next((line for line in io.StringIO(text) if line.strip()), "")
    delimiter = max(",;\t|", key=first.count)
    if first.count(delimiter) >= MOST_COLUMNS:
        raise WorkbenchError(
            f"{name} must be a table of at most {MOST_COLUMNS:,} columns. It has {1 + first.count(delimiter):,}."
        )
    try:
        lines = [line for line in csv.reader(_short(text, name), delimiter=delimiter) if any(line)]
    except csv.Error as error:
        raise WorkbenchError(f"{name} cannot be read as a table: {error}.") from None
    if not lines:
        raise WorkbenchError(f"{name} is empty. It must have the columns file,label.")
    return lines


def _short(text: str, name: str) -> Iterator[str]:
    """Yield the lines of a text.

    Raises:
        WorkbenchError: if one is longer than a table's.
    """
    for number, line in enumerate(io.StringIO(text), start=1):
        if len(line) > LONGEST_LINE:
            raise WorkbenchError(
                f"{name} must be a table with lines of at most {LONGEST_LINE:,} characters. Line {number:,} has "
                f"{len(line):,}."
            )
        yield line


def read_table(path: Path) -> Table:
    """Read a table by what its columns are called and hold.

    Raises:
        Unavailable: if it cannot be read.
        WorkbenchError: if it has no columns of files and labels.
    """
    return read_lines(table_lines(path), path.name)


def read_lines(lines: list[list[str]], shown: str) -> Table:
    """Do what `read_table` does with lines that were read already, of a table that `shown` names in sentences.

    Raises:
        WorkbenchError: if it has no columns of files and labels.
    """
    header = [cell.strip().casefold().replace(" ", "_") for cell in lines[0]]
    file, label, part = (_column(header, names) for names in (FILE_COLUMNS, LABEL_COLUMNS, PART_COLUMNS))
    notes: tuple[str, ...] = ()
    if None in (file, label) and len(header) == 2 and "." in lines[0][0]:
        file, label, part, lines = 0, 1, None, [[], *lines]  # no header: file,label at once
    elif file is not None and label is None:
        if hot := _one_hot(lines, {file, part}):
            return _of_one_hot(lines, file, part, hot)
        label = _only_text(lines, header, {file, part})
        notes = () if label is None else (f"labels are in the column {lines[0][label].strip()}, the only one of names",)
    if None in (file, label):
        raise WorkbenchError(
            f"{shown} must have a column of files (file, filename, path or image) and one of labels (label, "
            f"class or target), or one of 0 and 1 for each class. Its columns are {join_names(lines[0], 8)}."
        )
    return Table([Row(*(_cell(line, column) for column in (file, label, part))) for line in lines[1:]], notes=notes)


def _one_hot(lines: Sequence[Sequence[str]], other: Collection[int | None]) -> list[int]:
    """Return the columns of 0 and 1, if nearly every line has one 1 in them; else none."""
    columns = [
        column
        for column in range(len(lines[0]))
        if column not in other and all(_cell(line, column) in ZERO_OR_ONE for line in lines[1:])
    ]
    single = sum(sum(ZERO_OR_ONE[_cell(line, column)] for column in columns) == 1 for line in lines[1:])
    return columns if len(columns) > 1 and single and single >= SINGLE * len(lines[1:]) else []


def _of_one_hot(lines: Sequence[Sequence[str]], file: int, part: int | None, columns: Sequence[int]) -> Table:
    """Read labels from columns of 0 and 1; a line with several has none."""
    names = [printable(lines[0][column].strip()) for column in columns]
    rows, several = [], 0
    for line in lines[1:]:
        marked = [name for name, column in zip(names, columns, strict=True) if ZERO_OR_ONE[_cell(line, column)]]
        several += len(marked) > 1
        rows.append(Row(_cell(line, file), marked[0] if len(marked) == 1 else "", _cell(line, part)))
    notes = [f"classes are the columns {join_names(names, 8)}, in their order"]
    if several:
        notes.append(f"{plural(several, 'line')} with several classes marked")
    return Table(rows, tuple(names), tuple(notes))


def _only_text(lines: Sequence[Sequence[str]], header: Sequence[str], other: Collection[int | None]) -> int | None:
    """Return the only column of words whose values repeat, from 2 to half as many as lines; none if there are more."""
    fitting = []
    for column in range(len(header)):
        values = {_cell(line, column) for line in lines[1:]} - {""}
        words = not any(_is_number(value) for value in values)
        if column not in other and words and 2 <= len(values) <= len(lines[1:]) / 2:
            fitting.append(column)
    return fitting[0] if len(fitting) == 1 else None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _column(header: Sequence[str], names: Sequence[str]) -> int | None:
    """Return the first column that is called by one of the names, the first of those first."""
    return next((header.index(name) for name in names if name in header), None)


def _cell(line: Sequence[str], column: int | None) -> str:
    return line[column].strip() if column is not None and column < len(line) else ""

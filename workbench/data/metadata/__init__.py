"""What else is known of each image: a table joined by file name, or by part and index -> a typed frame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from workbench.core.dataset import Dataset
from workbench.core.errors import WorkbenchError
from workbench.core.types import Array
from workbench.core.wording import join_names, plural
from workbench.data.folder.label_table import FILE_COLUMNS, PART_COLUMNS, table_lines
from workbench.data.folder.part_words import part_of
from workbench.data.folder.tree import FOLLOW, printable
from workbench.data.metadata.columns import typed

NAMED = 5
"""Rows and images that a sentence names."""
OWN = "metadata.csv"
"""The table that a folder of images may bring, in it or in the folders of its parts."""
INDEX_COLUMNS = ("index", "row", "idx")


@dataclass(frozen=True)
class Table:
    """The cells of a table of metadata.

    Attributes:
        shown: its name, for sentences.
        header: M names of columns.
        rows: their cells, as text.
        below: path of its folder relative to that of the images, with "/" at its end; empty for the same.
    """

    shown: str
    header: tuple[str, ...]
    rows: list[list[str]]
    below: str = ""


def read_metadata(path: Path, below: str = "") -> Table:
    """Read a table with a column of file names, or the columns part and index, and any others.

    Raises:
        Unavailable: if it cannot be read.
        WorkbenchError: if it is no table, has two columns of one name, or nothing to join it by.
    """
    lines = table_lines(path)
    header = tuple(cell.strip() or f"column {place + 1}" for place, cell in enumerate(lines[0]))
    counts = Counter(name.casefold() for name in header)
    if twice := [name for name in header if counts[name.casefold()] > 1]:
        raise WorkbenchError(f"The columns of {path.name} must have different names. {twice[0]!r} is there twice.")
    table = Table(path.name, header, [[*row, *[""] * (len(header) - len(row))] for row in lines[1:]], below)
    if _column(table, FILE_COLUMNS) is None and None in (_column(table, PART_COLUMNS), _column(table, INDEX_COLUMNS)):
        raise WorkbenchError(
            f"{path.name} must have a column of file names, called file, filename, name or path, or the columns part "
            f"and index. It has {join_names(header, 8)}."
        )
    return table


def own_metadata(folder: Path, *, follow_links: bool = False) -> tuple[list[Table], list[str]]:
    """Read the tables called metadata.csv in a folder of images, and in those of its parts.

    Returns:
        Them; and a sentence about each that is not read.
    """
    tables, notes, root = list[Table](), list[str](), folder.resolve()
    for place in [folder, *sorted(each for each in folder.iterdir() if part_of(each.name) and each.is_dir())]:
        path = place / OWN
        if not path.is_file():
            continue
        below = "" if place == folder else f"{place.name}/"
        if not follow_links and not path.resolve().is_relative_to(root):
            notes.append(f"{printable(below)}{OWN} is not read, since it is a link out of the folder: {FOLLOW}")
            continue
        try:
            tables.append(read_metadata(path, below))
        except WorkbenchError as error:
            notes.append(f"{printable(below)}{OWN} is not read: {error}")
    return tables, notes


def with_metadata(dataset: Dataset, tables: Sequence[Table], every: Sequence[str] = ()) -> Dataset:
    """Join tables to the images; rows of other parts are left, and what matches nothing is counted and named.

    Rows are matched by the whole path of the file, else by the end of it, as long as that is one image's.

    Args:
        dataset: the images.
        tables: what is known of them; later ones add to earlier ones.
        every: the names of all images of all parts, where more than this part's are known.

    Raises:
        WorkbenchError: if two rows of a table name one image and differ.
    """
    import pandas as pd

    known = list(every) or dataset.names.tolist()
    cells: dict[str, list[str]] = {}
    places: dict[str, Array] = {}  # of each image's cell among those of the column; -1 where it has none
    notes, lacking = list[str](), np.ones(len(dataset), bool)
    for table in tables:
        lines, unknown = _lines(table, dataset, known)
        own = np.array([lines.get(name, -1) for name in dataset.names.tolist()])
        lacking &= own < 0
        joined = _joined_by(table)
        for column, name in enumerate(table.header):
            if column not in joined:
                before = cells.setdefault(name, [])
                place = places.setdefault(name, np.full(len(dataset), -1))
                place[own >= 0] = len(before) + own[own >= 0]
                before += [row[column] for row in table.rows]
        if unknown:
            notes.append(f"{plural(len(unknown), 'row')} of {table.shown} match no image: {_some(unknown)}")
    found: dict[str, Any] = {}
    for name, texts in cells.items():  # of all parts, so that a column is of one kind in each
        values, said = typed(name, [*texts, ""])
        found[name] = values.iloc[places[name]].reset_index(drop=True)
        notes += [said] if said else []
    if cells and lacking.any():
        names = dataset.names[lacking].tolist()
        notes.append(f"{plural(len(names), 'image')} without metadata: {_some(names)}")
    metadata = pd.DataFrame(found) if cells else dataset.metadata
    return replace(dataset, metadata=metadata, notes=(*dataset.notes, *notes))


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _column(table: Table, names: Sequence[str]) -> int | None:
    plain = [name.casefold().replace(" ", "_") for name in table.header]
    return next((plain.index(name) for name in names if name in plain), None)


def _joined_by(table: Table) -> set[int | None]:
    """Return the columns that say which image a row is about: they are no metadata."""
    file = _column(table, FILE_COLUMNS)
    return {file} if file is not None else {_column(table, PART_COLUMNS), _column(table, INDEX_COLUMNS)}


def _lines(table: Table, dataset: Dataset, every: Sequence[str]) -> tuple[dict[str, int], list[str]]:
    """Return for each image's name the line of the table that is about it; and what matches no image."""
    file = _column(table, FILE_COLUMNS)
    if file is None:
        return _by_index(table, dataset)
    names = {name.replace("\\", "/"): name for name in every}
    ends = _ends(names)
    lines: dict[str, int] = {}
    unknown: list[str] = []
    for line, cells in enumerate(table.rows):
        said = cells[file].strip().replace("\\", "/").removeprefix("./")
        path = next((each for each in (table.below + said, said) if each in names), "")
        path = path or next((ends[each] for each in (table.below + said, said) if each in ends), "")
        path = path or next((each for each in _longer(said) if each in names), "")
        if path:
            _put(lines, names[path], line, table)
        else:
            unknown.append(said)
    own = part_of(dataset.name.rpartition("/")[2])
    elsewhere = len(every) == len(dataset)  # where only this part is known, what says it is of another one may be
    return lines, [name for name in unknown if not elsewhere or part_of(name.partition("/")[0]) in ("", own)]


def _put(lines: dict[str, int], name: str, line: int, table: Table) -> None:
    if name in lines and table.rows[lines[name]] != table.rows[line]:
        raise WorkbenchError(f"{table.shown} must have one row for each image. It has two for {name!r}.")
    lines[name] = line


def _ends(names: Iterable[str]) -> dict[str, str]:
    """Return for every end of a path that is one file's alone that file; "" for what several end in."""
    ends: dict[str, str] = {}
    for name in names:
        parts = name.split("/")
        for depth in range(1, len(parts)):
            end = "/".join(parts[-depth:])
            ends[end] = "" if end in ends else name
    return ends


def _longer(name: str) -> list[str]:
    """Return the ends of a path, which may be longer than those of the images: train/a/1.jpg, a/1.jpg."""
    parts = name.split("/")
    return ["/".join(parts[start:]) for start in range(1, len(parts))]


def _by_index(table: Table, dataset: Dataset) -> tuple[dict[str, int], list[str]]:
    part, index = _column(table, PART_COLUMNS), _column(table, INDEX_COLUMNS)
    own = dataset.name.rpartition("/")[2].casefold()
    names = dict(zip(dataset.indices.tolist(), dataset.names.tolist(), strict=True))
    lines: dict[str, int] = {}
    unknown: list[str] = []
    for line, cells in enumerate(table.rows):
        said, text = cells[part or 0].strip(), cells[index or 0].strip()
        if (part_of(said) or said.casefold()) != own:
            continue
        name = names.get(int(text)) if text.isdecimal() and len(text) < 19 else None
        if name is None:
            unknown.append(f"{said} {text}")
        else:
            _put(lines, name, line, table)
    return lines, unknown

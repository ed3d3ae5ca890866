"""Files of many images -> a folder of them: parts by the names of the files, classes by the labels in them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from workbench.core.errors import WorkbenchError
from workbench.core.progress import Progress, report, silent
from workbench.core.types import Array
from workbench.core.wording import join_names, plural
from workbench.data.class_names import starts_at_one
from workbench.data.folder import Folder, surveyed
from workbench.data.folder.label_file import classes_of, part_said
from workbench.data.folder.layout import Layout, only_seen, order_notes
from workbench.data.folder.tree import printable
from workbench.data.reading import Reading
from workbench.data.records.index import Index, index_of
from workbench.data.records.parquet import NUMBER, index_parquet, pack_of
from workbench.data.records.parquet_file import LABELS
from workbench.data.records.shard_file import PARQUET, TAR, ShardFile
from workbench.data.records.webdataset import index_webdataset
from workbench.data.regular_file import read_piece
from workbench.data.remote.local_copies import ROOM

NAMED = 5  # files that a note names
TRIES = 5  # of a copy that others make room of


class Records:
    """The images of several files; `Contents`.

    Args:
        shards: the files.
        indices: of each, where its images stand.
    """

    threads = 0

    def __init__(self, shards: Sequence[ShardFile], indices: Sequence[Index]) -> None:
        self._shards = shards
        self._shard = np.repeat(np.arange(len(shards)), [len(each.names) for each in indices])
        self._starts = np.concatenate([each.starts for each in indices])
        self._sizes = np.concatenate([each.sizes for each in indices])
        places = [str(each.path or each.address) for each in shards]
        self.key = f"records {hashlib.sha256(repr(places).encode()).hexdigest()}"

    def stamps(self) -> Array:
        """Return bytes of each, and when its file was changed."""
        changed = np.array([each.changed for each in self._shards], np.int64)
        return np.column_stack([self._sizes, changed[self._shard]])

    def read(self, place: int, most: int) -> bytes:
        """Read one, as `Contents` has it."""
        shard = self._shards[self._shard[place]]
        start, size = int(self._starts[place]), int(self._sizes[place])
        if size > most:
            raise OSError(0, f"larger than {most // 2**20:,} MB")
        for left in reversed(range(TRIES)):
            path = shard.local() if shard.kind == TAR else pack_of(shard)
            known = (shard.size, shard.changed) if path == shard.path else None
            try:
                return read_piece(path, start, size, known)
            except FileNotFoundError:  # a copy that others have made room of
                if not left or path == shard.path:
                    raise
        raise AssertionError


def parts_of_records(shards: Sequence[ShardFile]) -> set[str]:
    """Return the parts that the names of files say of which an image has a label; empty where they say none.

    Raises:
        Unavailable: if one cannot be read.
        WorkbenchError: if some say one, and others none; or one is damaged.
    """
    parts = _parts(shards)
    if not any(parts):
        return set()
    return {part for part, each in zip(parts, _indices(shards, report), strict=True) if len(each.names)}


def open_records(
    shards: Sequence[ShardFile],
    path: Path,
    name: str,
    how: Reading,
    progress: Progress = silent,
    *,
    notes: Sequence[str] = (),
) -> Folder:
    """Look through files of many images, and at every image.

    Args:
        shards: the files.
        path: what was given, for a table of metadata beside them.
        name: what the data is called.
        how: how it is read.
        progress: receives what is done.
        notes: what was not gone through to find them.

    Raises:
        Unavailable: if one cannot be read.
        WorkbenchError: if one is damaged, or they hold no images of at least two classes.
    """
    parts = _parts(shards)
    kinds = {each.kind for each in shards}
    if len(kinds) > 1:
        raise WorkbenchError(
            f"{name} must hold either .parquet or .tar files. It holds both: put one kind into a folder of its own, or "
            "name the files with a pattern, such as shard-{000..009}.tar."
        )
    indices = _indices(shards, progress)
    layout = _laid_out(shards, indices, parts, name, notes)
    return surveyed(path, layout, how, name=name, progress=progress, contents=Records(shards, indices))


def _indices(shards: Sequence[ShardFile], progress: Progress) -> list[Index]:
    indices = []
    for done, shard in enumerate(shards):
        indices.append(index_of(shard, index_webdataset if shard.kind == TAR else index_parquet))
        progress("Looking through files", done + 1, len(shards))
    return indices


def _parts(shards: Sequence[ShardFile]) -> list[str]:
    parts = [part_said(each.shown) for each in shards]
    if any(parts) and not all(parts):
        without, with_ = parts.index(""), next(place for place, part in enumerate(parts) if part)
        raise WorkbenchError(
            f"The names of all files must say a part (train, test, validation), or none. {shards[with_].shown} says "
            f"{parts[with_]}, and {shards[without].shown} says none: name those that are meant with a pattern."
        )
    return parts


def _laid_out(
    shards: Sequence[ShardFile], indices: Sequence[Index], parts: Sequence[str], name: str, notes: Sequence[str]
) -> Layout:
    full = [each for each in indices if len(each.names)]
    if not full:
        more = f" (and {plural(len(indices) - 1, 'more file')} like it)" if len(indices) > 1 else ""
        raise WorkbenchError(f"{indices[0].notes[0]}{more}.")
    _refuse_names(full, name)
    told = {each.class_names for each in full}
    if len(told) > 1:
        raise WorkbenchError(f"The files of {name} must have the same class names. They differ.")
    written = list(dict.fromkeys(value for each in full for value in each.values))
    names = next(iter(told))
    if names:
        known = {value: int(value) for value in written}
    else:  # numbers only where all of them are, in all files
        names, known = classes_of(written, name)
    numbered = not next(iter(told)) and all(NUMBER.fullmatch(value) for value in written)
    classes = np.concatenate(
        [np.array([known[value] for value in each.values], np.int64)[each.labels] for each in full]
    ).tolist()
    if len(set(classes)) < 2:
        raise WorkbenchError(
            f"{name} must hold images of at least two classes. It holds {plural(len(classes), 'image')} of "
            f"{plural(len(set(classes)), 'class')}."
        )
    of_part = tuple(part for part, each in zip(parts, indices, strict=True) for _ in range(len(each.names)))
    lacking = [part for part in dict.fromkeys(parts) if part not in of_part]
    return Layout(
        files=tuple(
            f"{shard.shown}/{each}"
            for shard, index in zip(shards, indices, strict=True)
            for each in index.names.tolist()
        ),
        parts=of_part,
        classes=tuple(classes),
        class_names=names,
        numbered=numbered,
        notes=(*_notes(shards, indices, classes, names, of_part, numbered=numbered), *notes),
        lacking={part: next(note for at, note in _first_notes(parts, indices) if at == part) for part in lacking},
    )


def _first_notes(parts: Sequence[str], indices: Sequence[Index]) -> Iterator[tuple[str, str]]:
    """Yield the part of each file that has something to say, and that."""
    for part, index in zip(parts, indices, strict=True):
        if index.notes:
            yield part, index.notes[0]


def _refuse_names(full: Sequence[Index], name: str) -> None:
    """See that labels of a column that is not called so may be labels: their values repeat.

    Raises:
        WorkbenchError: if there is nearly one for each image.
    """
    for column in sorted({each.column for each in full} - {""}):
        own = [each for each in full if each.column == column]
        values, count = len({value for each in own for value in each.values}), sum(len(each.names) for each in own)
        if values > count / 2:
            raise WorkbenchError(
                f"{name} must have a column of labels, called {LABELS[0]}. {printable(column)}, the only one that may "
                f"be it, has {plural(values, 'different value')} in {plural(count, 'row')}."
            )


def _notes(
    shards: Sequence[ShardFile],
    indices: Sequence[Index],
    classes: Sequence[int],
    names: Sequence[str],
    parts: Sequence[str],
    *,
    numbered: bool,
) -> Iterator[str]:
    kind = "WebDataset" if shards[0].kind == TAR else "Parquet"
    yield f"{plural(len(classes), 'image')} of {plural(len(shards), f'{kind} file')}"
    copied = sum(each.size for each in shards if each.path is None or each.kind == PARQUET)
    if copied > ROOM.most:
        yield (
            f"its files have {copied / 1e9:.3g} GB, and {ROOM.most / 1e9:.3g} GB of copies are kept, so that they "
            "are fetched again and again: set WORKBENCH_REMOTE_CACHE to more gigabytes"
        )
    if column := next((each.column for each in indices if each.column), ""):
        yield f"labels are in the column {printable(column)}, the only other one"
    odd = [note for each in indices for note in each.notes]
    yield from odd[:NAMED]
    if len(odd) > NAMED:
        yield f"and in {plural(len(odd) - NAMED, 'more file')} entries were skipped: {join_names(odd[NAMED:], 1)}"
    yield from starts_at_one(list(classes), tuple(names))
    if not numbered and not any(each.class_names for each in indices):
        yield from order_notes(list(names))
    yield from only_seen([(part, names[label]) for part, label in zip(parts, classes, strict=True)], list(names))

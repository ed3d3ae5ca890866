"""Marks from a file: an export of a workspace, or a table of names, labels and tags that another tool wrote.

All of a file is one change, or none of it: one undo takes it back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from workbench.core.errors import WorkbenchError, unknown
from workbench.core.progress import report
from workbench.core.wording import join_names, plural
from workbench.workspace.edit_note import read_edit_notes
from workbench.workspace.exports import COLUMNS, JOURNAL
from workbench.workspace.holding import Mark
from workbench.workspace.identities import LONGEST_NAME, Identities, is_key
from workbench.workspace.journal import Change, Line
from workbench.workspace.marks import (
    CORRECTION,
    DROP,
    EDIT,
    NOTE,
    RELABEL,
    SET,
    TAG,
    SavedSet,
    correction,
    note_text,
    short_label,
    slot_of,
    tag_name,
)
from workbench.workspace.table_text import Lines, read_lines
from workbench.workspace.value_check import checked_value
from workbench.workspace.workspace import Workspace

NAMES = ("name", "file", "filename", "path", "image", "training image")
LABELS = ("label", "class", "target")
NEW_LABELS = ("suggested", "new_label")
"""Columns of new labels of a table that has those that they replace, too, as the answer of `label-issues` does."""
TAGS = ("tags", "tag")
NAMED = 3
"""How many lines or images a sentence names."""


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What became of a file.

    Attributes:
        lines: how many the file has.
        change: what was changed; None where all was so already, and for a journal.
        journal: whether it was a journal, which was taken over whole.
        unmatched: how many lines are about no image of the data.
        notes: sentences on what was passed over.
    """

    lines: int
    change: Change | None
    journal: bool = False
    unmatched: int = 0
    notes: tuple[str, ...] = ()


def import_file(
    workspace: Workspace, path: Path, images: Callable[[], Identities] | None = None, *, source: str = ""
) -> Imported:
    """Say what a file says.

    Args:
        workspace: where it is said.
        path: of a CSV or JSON-lines file: an export of what holds, or of a journal (into an empty workspace only), or a
            table with a column `name` (or `file`, `filename`, `path`, `image`) or `key`, and `label`, `tags` or `note`;
            of one with `suggested`, as `label-issues` writes it, that is the new label, and `label` the one replaced.
        images: all images of the data, of every part; asked for where a table names images without saying their keys.
        source: where it comes from; the file's name, if not given.

    Raises:
        Unavailable: if the file cannot be read.
        WorkbenchError: if it is none of these; nothing is changed then.
    """
    lines = read_lines(path)
    if not lines:
        raise WorkbenchError(f"{path.name} has a first line and nothing below it.")
    columns = {column for _, line in lines for column in line}
    report(f"importing {path.name}", 0, len(lines))
    if "before_change" in columns or {"action", "time"} <= columns:
        workspace.restore([_journal_line(number, line, path.name) for number, line in lines])
        return Imported(lines=len(lines), change=None, journal=True)
    notes: tuple[str, ...] = ()
    unmatched = 0
    if columns <= set(COLUMNS) and (columns >= {"key", "name", "part"} or "saved_set" in columns):
        said = list(_exported(lines, path.name))
    else:
        said, unmatched, notes = _foreign(lines, columns, images, path.name)
    report(f"importing {path.name}", len(lines), len(lines))
    change = workspace.say(_in_one_spelling(said, workspace.tags()), "import", path.name, source=source or path.name)
    return Imported(lines=len(lines), change=change, unmatched=unmatched, notes=notes)


def read_corrections(path: Path, images: Callable[[], Identities]) -> list[Mark]:
    """Read the corrections of a file, which no workspace has to have: an export, or a table of names and new labels.

    Args:
        path: as `import_file` takes it, but for a journal.
        images: all images of the data; asked for where a table names images without saying their keys.

    Raises:
        Unavailable: if the file cannot be read.
        WorkbenchError: if it is none of these, names images that the data does not have, or corrects none.
    """
    lines = read_lines(path)
    columns = {column for _, line in lines for column in line}
    if columns <= set(COLUMNS) and columns >= {"key", "name", "part"}:
        said = list(_exported(lines, path.name))
    else:
        said, _, notes = _foreign(lines, columns, images, path.name)
        if notes:
            raise WorkbenchError(notes[0])
    marks = [
        Mark(kind, key, slot, scope, str(value), name, part, label, change=0, time="", who="", source=path.name)
        for kind, key, slot, scope, name, part, label, value in said
        if kind == CORRECTION
    ]
    if not marks:
        raise WorkbenchError(f"{path.name} corrects no image: every label in it is the one that the data has.")
    return list(dict.fromkeys(marks))


def _exported(lines: Lines, file: str) -> Iterator[Line]:
    """Read an export of what holds."""
    there: dict[tuple[str, ...], tuple[int, str]] = {}
    about = [(number, line) for number, line in lines if not line.get("saved_set")]
    try:
        images = _identities([line for _, line in about])
    except WorkbenchError:
        for number, line in about:
            with _Line(number, file):
                _identities([line])
        raise
    named = zip(about, images.each(), strict=True)
    for number, line in lines:
        with _Line(number, file):
            for mark in _marks(line, None if line.get("saved_set") else next(named)[1]):
                before, held = there.setdefault(mark[:4], (number, str(mark[-1])))
                if held != mark[-1] and mark[0] != TAG:
                    raise WorkbenchError(f"it says something else than line {before} of the same image")
                yield mark


def _identities(lines: Sequence[Mapping[str, str]]) -> Identities:
    keys, names, parts, labels = (
        np.array([line.get(column, "") for line in lines], dtype=object) for column in ("key", "name", "part", "label")
    )
    return Identities(keys=keys, names=names, part=parts, labels=labels)


def _marks(line: Mapping[str, str], image: tuple[str, str, str, str] | None) -> Iterator[Line]:
    if image is None:
        saved = SavedSet.read(line["saved_set"])
        yield (SET, "", slot_of(saved.name), "", saved.name, saved.part, "", saved.text())
        return
    key, name, part, label = image
    here = (name, part, label)
    for tag in _tags(line.get("tags", "")):
        yield (TAG, key, slot_of(tag), "", *here, tag)
    if note := note_text(line.get("note", "")):
        yield (NOTE, key, "", "", *here, note)
    for kept in read_edit_notes(line.get("edits", "")):
        yield (EDIT, key, kept.slot, "", *here, kept.text())
    if action := line.get("correction", "").strip():
        new = line.get("new_label", "")
        value = f"{action} {new}" if new else action
        scope = name if correction(value)[0] == DROP else ""
        checked_value(CORRECTION, key, label, scope, value)
        yield (CORRECTION, key, label, scope, *here, value)


@lru_cache(maxsize=10_000)
def _tags(text: str) -> tuple[str, ...]:
    return tuple(tag_name(each) for each in text.split(",") if each.strip())


def _foreign(
    lines: Lines, columns: set[str], images: Callable[[], Identities] | None, file: str
) -> tuple[list[Line], int, tuple[str, ...]]:
    """Read a table of another tool: names or keys, and what is said of them."""
    by = next((each for each in ("key", *NAMES) if each in columns), None)
    new, old, tags = (next((each for each in known if each in columns), "") for known in (NEW_LABELS, LABELS, TAGS))
    label = new or old
    if by is None or not (label or tags or "note" in columns):
        raise WorkbenchError(
            f"{file} must have a column `name` or `key`, and one of `label`, `tags` and `note`. It has "
            f"{join_names(sorted(columns), 8)}."
        )
    if images is None:
        raise WorkbenchError(f"{file} names images of some data: say which, with `--data` or a run.")
    known = images()
    find, every = _finder(known, by), list(known.each())
    lost: list[str] = []
    said: list[Line] = []
    relabelled = _Relabelled(known.class_names)
    for number, line in lines:
        rows = find(line.get(by, ""))
        if not rows:
            lost.append(line.get(by, ""))
            continue
        with _Line(number, file):
            given, note = _tags(line.get(tags, "")), note_text(line.get("note", ""))
            for row in rows:
                image = every[row]
                key, here = image[0], image[1:]
                if new and old and line.get(old, "") != here[-1]:
                    told = f"{here[0]!r} is labelled {here[-1]!r} in the data"
                    raise WorkbenchError(f"it replaces the label {line.get(old, '')!r}, and {told}")
                said += [(TAG, key, slot_of(tag), "", *here, tag) for tag in given]
                said += [(NOTE, key, "", "", *here, note)] if note else []
                said += relabelled.lines(image, line.get(label, ""), number)
    if len(lost) == len(lines):
        raise WorkbenchError(
            f"No line of {file} is about an image of the data. It names {_quoted(lost)}; the data has "
            f"{_quoted(known.keys if by == 'key' else known.names)}."
        )
    notes = []
    if lost:
        match = "matches" if len(lost) == 1 else "match"
        notes.append(f"{plural(len(lost), 'line')} of {file} {match} no image of the data: {_quoted(lost)}.")
    if relabelled.odd:
        notes.append(f"Copies of one image have different labels in {file}; not relabelled: {_quoted(relabelled.odd)}.")
    return said, len(lost), tuple(notes)


class _Relabelled:
    """The new labels of a table; copies that had one label cannot get two."""

    def __init__(self, class_names: tuple[str, ...]) -> None:
        self._class_names = class_names
        self._said: dict[tuple[str, str], tuple[int, str, str]] = {}
        self.odd: list[str] = []

    def lines(self, image: tuple[str, str, str, str], label: str, number: int) -> list[Line]:
        """Return what is to be written of one image.

        Raises:
            WorkbenchError: if there is no such class, or the image has another new label already.
        """
        key, name, part, old = image
        wanted = label if label in self._class_names else label.strip()
        if not wanted:
            return []
        if self._class_names and wanted not in self._class_names:
            raise unknown("class", wanted, self._class_names)
        before, first, held = self._said.setdefault((key, old), (number, name, wanted))
        if held != wanted and first == name:
            raise WorkbenchError(f"it gives {name!r} another label than line {before}")
        if held != wanted:
            self.odd.append(name)
        if held != wanted or wanted == old:
            return []
        return [(CORRECTION, key, old, "", name, part, old, f"{RELABEL} {wanted}")]


def _finder(images: Identities, by: str) -> Callable[[str], list[int]]:
    """Return what finds the rows of an image: by key, by name, or by the last part of a name that only one has."""
    exact: dict[str, list[int]] = defaultdict(list)
    files: dict[str, list[int]] = defaultdict(list)
    for row, text in enumerate(images.keys if by == "key" else images.names):
        exact[text].append(row)
        files[text.rpartition("/")[2]].append(row)

    def find(text: str) -> list[int]:
        text = text.strip()
        if by == "key":
            return exact.get(text.lower(), [])
        plain = text.replace("\\", "/").removeprefix("./")
        rows = exact.get(text) or exact.get(plain) or files.get(plain.rpartition("/")[2], [])
        return rows if text in exact or plain in exact or len(rows) == 1 else []

    return find


def _in_one_spelling(said: Iterable[Line], there: Iterable[str]) -> Iterator[Line]:
    """Write each tag as it is written already."""
    spelled = {slot_of(tag): tag for tag in there}
    for mark in said:
        yield (*mark[:-1], spelled.setdefault(mark[2], str(mark[-1]))) if mark[0] == TAG else mark


def _journal_line(number: int, line: Mapping[str, str], file: str) -> tuple[Change, tuple[Any, ...]]:
    """Read a line of a journal, as it was exported."""
    with _Line(number, file):
        numbers = {column: _number(line, column) for column in ("id", "images", "target", "before_change")}
        change = Change(
            id=numbers["id"] or 0,
            time=_time(line.get("time", "")),
            images=numbers["images"] or 0,
            target=numbers["target"],
            **{column: short_label(line.get(column, ""), 1_000) for column in JOURNAL[2:7]},
        )
        if change.id < 1:
            raise WorkbenchError("the number of a change must be at least 1")
        kind, key, *rest = (line.get(column, "") for column in JOURNAL[9:16])
        if not kind:
            return change, ()
        if kind not in (TAG, NOTE, CORRECTION, SET, EDIT) or max(map(len, rest)) > LONGEST_NAME:
            raise WorkbenchError(f"{kind[:20]!r} is no mark of an image")
        if kind != SET and not is_key(key):
            raise WorkbenchError(f"{key[:40]!r} is no key of an image")
        return change, (
            kind,
            key,
            *rest,
            line.get("before") or None,
            numbers["before_change"],
            line.get("after") or None,
        )


def _time(text: str) -> str:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise WorkbenchError(f"`time` must be a time in ISO 8601. Got {text[:40]!r}") from None
    return text


def _number(line: Mapping[str, str], column: str) -> int | None:
    text = line.get(column, "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise WorkbenchError(f"`{column}` must be a whole number. Got {text[:20]!r}")
    return int(text)


def _quoted(texts: Iterable[str]) -> str:
    return join_names([repr(text[:80]) for text in texts], NAMED)


class _Line:
    """Say in which line of a file something is wrong."""

    def __init__(self, number: int, file: str) -> None:
        self._place = f"Line {number} of {file}"

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        if isinstance(error, WorkbenchError):
            raise WorkbenchError(f"{self._place}: {str(error).rstrip('.')}. Nothing of it was taken over.") from None

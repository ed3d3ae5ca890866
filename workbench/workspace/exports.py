"""A workspace as text that other programs read: CSV or JSON lines, of what holds or of the whole journal.

What holds has a line for each image: its marks by key, name, part and label; and one for each saved set. In CSV no cell
is a formula (`core.spreadsheet`); `table_text` takes the apostrophes away again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from workbench.core.spreadsheet import texts_as_csv
from workbench.workspace.edit_note import EditNote
from workbench.workspace.holding import Mark
from workbench.workspace.journal import Change
from workbench.workspace.marks import CORRECTION, EDIT, NOTE, SET, TAG, SavedSet, correction
from workbench.workspace.workspace import Workspace

FORMATS = ("csv", "jsonl")
COLUMNS = (
    "key", "name", "part", "label", "tags", "note", "correction", "new_label", "when", "who", "saved_set", "edits",
)  # fmt: skip
JOURNAL = (
    "id", "time", "who", "page", "source", "action", "value", "images", "target",
    "kind", "key", "slot", "scope", "name", "part", "label", "before", "before_change", "after",
)  # fmt: skip


def exported(workspace: Workspace, format_: str = "csv", *, journal: bool = False) -> str:
    """Return what holds, or the whole journal, as "csv" or "jsonl"."""
    lines = _journal(workspace.journal_lines()) if journal else _state(workspace.marks())
    return as_csv(lines, JOURNAL if journal else COLUMNS) if format_ == "csv" else _as_json_lines(lines)


def _state(marks: Iterable[Mark]) -> Iterator[dict[str, Any]]:
    """Yield a line for each image and each saved set."""
    newest = sorted(marks, key=lambda mark: -mark.change)
    lines: dict[tuple[str, ...], dict[str, Any]] = {}
    for mark, image in _with_images(newest):
        line = lines.setdefault(image, {**dict(zip(COLUMNS, image, strict=False)), "when": mark.time, "who": mark.who})
        if mark.kind == TAG:
            line.setdefault("tags", []).append(mark.value)
        elif mark.kind == NOTE:
            line["note"] = mark.value
        elif mark.kind == EDIT:
            line.setdefault("edits", []).append(EditNote.read(mark.value).record())
        else:
            line["correction"], line["new_label"] = correction(mark.value)
    for line in sorted(lines.values(), key=lambda line: (line["part"], line["name"], line["label"], line["key"])):
        # The newest mark came first.
        yield {**line, "tags": sorted(line.get("tags", []), key=str.casefold), "edits": line.get("edits", [])[::-1]}
    for mark in newest[::-1]:
        if mark.kind == SET:
            yield {"when": mark.time, "who": mark.who, "saved_set": mark.value}


def _with_images(newest: list[Mark]) -> Iterator[tuple[Mark, tuple[str, ...]]]:
    """Yield each mark with its image; tags and notes, which are of a key, with the copy of which one was said last."""
    about: dict[str, tuple[str, ...]] = {}
    corrected = set()
    for mark in newest:
        if mark.kind in (TAG, NOTE, EDIT):
            yield mark, about.setdefault(mark.key, (mark.key, mark.name, mark.part, mark.label))
        elif mark.kind == CORRECTION:
            image: tuple[str, ...] = (mark.key, mark.name, mark.part, mark.slot)
            if image in corrected:  # one for all copies, and one for this one: a line each
                image = (*image, mark.scope or "all")
            corrected.add(image)
            yield mark, image


def _journal(lines: Iterable[tuple[Change, tuple[Any, ...]]]) -> Iterator[dict[str, Any]]:
    for change, slot in lines:
        said = [getattr(change, column) for column in JOURNAL[:9]]
        yield {column: value for column, value in zip(JOURNAL, (*said, *slot), strict=False) if value is not None}


def as_csv(lines: Iterable[Mapping[str, Any]], columns: tuple[str, ...]) -> str:
    """Write lines as CSV, by their columns."""
    return texts_as_csv([columns, *([_text(line.get(column, "")) for column in columns] for line in lines)])


def _text(value: Any) -> str:
    if not isinstance(value, list):
        return str(value)
    plain = all(isinstance(each, str) for each in value)
    return ", ".join(value) if plain else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _as_json_lines(lines: Iterable[Mapping[str, Any]]) -> str:
    written = []
    for line in lines:
        kept = {name: value for name, value in line.items() if value not in ("", [])}
        if "saved_set" in kept:
            kept["saved_set"] = json.loads(SavedSet.read(kept["saved_set"]).text())
        written.append(json.dumps(kept, ensure_ascii=False))
    return "".join(f"{line}\n" for line in written)

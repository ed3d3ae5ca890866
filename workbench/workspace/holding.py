"""What holds now, read from the tables that each change keeps up to date."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from workbench.workspace import journal
from workbench.workspace.marks import CORRECTION, EDIT, NOTE, SET, TAG, SavedSet

FEW = 2_000
"""Up to so many keys are looked up one by one; of more, all that there is is read."""
_WHAT_WAS_SAID = """
SELECT state.kind, state.key, state.slot, state.scope, state.value, changed.name, changed.part, changed.label,
       change.id, change.time, change.who, change.source
FROM state
JOIN changed ON changed.change = state.change AND changed.kind = state.kind AND changed.key = state.key
    AND changed.slot = state.slot AND changed.scope = state.scope
JOIN change ON change.id = state.change
WHERE state.value IS NOT NULL
"""


class Mark(NamedTuple):
    """One thing that is said now, of which image, and by whom; a tuple, as there may be a million of them."""

    kind: str
    key: str
    slot: str
    scope: str
    value: str
    name: str
    part: str
    label: str
    change: int
    time: str
    who: str
    source: str


def marks(connection: sqlite3.Connection, kind: str = "") -> Iterator[Mark]:
    """Yield all that is said now, by kind and key."""
    only, given = (" AND state.kind = ?", (kind,)) if kind else ("", ())
    order = " ORDER BY state.kind, state.key, state.slot, state.scope"
    yield from map(Mark._make, connection.execute(f"{_WHAT_WAS_SAID}{only}{order}", given))


def tags(connection: sqlite3.Connection) -> dict[str, int]:
    """Return how many images have each tag, the most first."""
    found = connection.execute(  # SQLite takes `value` from the line that has the maximum: as it was written last
        "SELECT value, count(*), max(change) FROM state WHERE kind = ? AND value IS NOT NULL GROUP BY slot "
        "ORDER BY 2 DESC, slot",
        (TAG,),
    )
    return {value: count for value, count, _ in found}


def spelling(connection: sqlite3.Connection, slot: str) -> str | None:
    """Return how a tag is written that there is already; None where there is none."""
    found = connection.execute(
        "SELECT value FROM state WHERE kind = 'tag' AND slot = ? AND value IS NOT NULL LIMIT 1", (slot,)
    ).fetchone()
    return None if found is None else str(found[0])


def keys_with(connection: sqlite3.Connection, slot: str) -> list[str]:
    """Return the keys of the images that have a tag."""
    found = connection.execute("SELECT key FROM state WHERE kind = 'tag' AND slot = ? AND value IS NOT NULL", (slot,))
    return [key for (key,) in found]


class Tagged:
    """The tags of all images, kept in memory, and brought up to date with what was said since: a page asks often."""

    def __init__(self) -> None:
        self._last = 0
        self._of: dict[str, tuple[str, ...]] = {}
        self._split: dict[str, tuple[str, ...]] = {}

    def of(self, connection: sqlite3.Connection, keys: Sequence[str]) -> list[tuple[str, ...]]:
        """Return the tags of each of some images, in alphabetical order."""
        last = journal.last(connection)
        if last != self._last:
            self._read(connection)
            self._last = last
        of, none = self._of, ()
        return [of.get(key, none) for key in keys]

    def _read(self, connection: sqlite3.Connection) -> None:
        new = journal.changed_keys(connection, TAG, since=self._last, most=FEW) if self._last else None
        if new is None:
            self._of.clear()
        for key in new or ():
            self._of.pop(key, None)
        split = self._split
        for key, text in _of(connection, "key, group_concat(value, ',')", TAG, new, " GROUP BY key"):
            if text not in split:  # no tag has a comma in its name
                split[text] = tuple(sorted(text.split(","), key=str.casefold))
            self._of[key] = split[text]


def notes_of(connection: sqlite3.Connection, keys: Sequence[str]) -> list[str]:
    """Return the note of each of some images, empty where there is none."""
    found = dict(_of(connection, "key, value", NOTE, keys))
    return [found.get(key, "") for key in keys]


def edits_of(connection: sqlite3.Connection, key: str) -> list[str]:
    """Return what is kept of changes of one image, the first said first."""
    found = connection.execute(
        "SELECT value FROM state WHERE kind = ? AND key = ? AND value IS NOT NULL ORDER BY change, slot", (EDIT, key)
    )
    return [value for (value,) in found]


def corrections_of(
    connection: sqlite3.Connection, keys: Sequence[str], *, dropped: bool = False
) -> dict[tuple[str, str], dict[str, str]]:
    """Return the corrections of some images, or only which are dropped: by key and label, what is said by scope."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    only = " AND scope != ''" if dropped else ""
    for key, label, scope, value in _of(connection, "key, slot, scope, value", CORRECTION, keys, only):
        found.setdefault((key, label), {})[scope] = value
    return found


def said_of(connection: sqlite3.Connection, keys: Sequence[str]) -> dict[tuple[str, str], str]:
    """Return of which image a relabelling or keeping was said that holds for all copies: by key and label, its name."""
    name = (
        "(SELECT name FROM changed WHERE changed.change = state.change AND changed.kind = state.kind "
        "AND changed.key = state.key AND changed.slot = state.slot AND changed.scope = state.scope)"
    )
    asked = _of(connection, f"key, slot, {name}", CORRECTION, keys, " AND scope = ''")
    return {(key, slot): said for key, slot, said in asked}


def sets(connection: sqlite3.Connection) -> dict[str, SavedSet]:
    """Return the saved sets by their names."""
    found = connection.execute("SELECT value FROM state WHERE kind = ? AND value IS NOT NULL ORDER BY slot", (SET,))
    read = [SavedSet.read(value) for (value,) in found]
    return {each.name: each for each in read}


def _of(
    connection: sqlite3.Connection, what: str, kind: str, keys: Sequence[str] | None, more: str = ""
) -> sqlite3.Cursor:
    """Ask for what is said of some images, or, where they are many or None, of all."""
    few = keys is not None and len(keys) <= FEW
    only = " AND key IN (SELECT value FROM json_each(?))" if few else ""
    return connection.execute(
        f"SELECT {what} FROM state WHERE kind = ?{only} AND value IS NOT NULL{more}",  # noqa: S608 - our own columns
        (kind, json.dumps(list(keys))) if few and keys is not None else (kind,),
    )

"""The journal: each change with who, when, from where, and what was there before; it is the truth, and only added to.

What is said is kept in slots: a tag of a key (kind "tag", its name compared in one case as `slot`), the note of a key,
the correction of a key and label (`slot`; `scope` is the image's name where it is to be dropped, since dropping one of
two copies must leave the other), a saved set. A slot knows the change that filled it, so a change is undone exactly
where each of its slots still has it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from workbench.core.errors import WorkbenchError
from workbench.core.wording import join_names, plural
from workbench.workspace.value_check import checked_value

UNDO, REDO = "undo", "redo"
NAMED = 3
"""How many images a sentence names."""
_SAID = """
CREATE TEMP TABLE IF NOT EXISTS said (
    kind TEXT, key TEXT, slot TEXT, scope TEXT, name TEXT, part TEXT, label TEXT, value TEXT,
    PRIMARY KEY (kind, key, slot, scope)
) WITHOUT ROWID
"""
_CHANGED = """
INSERT INTO changed
SELECT ?, said.kind, said.key, said.slot, said.scope, said.name, said.part, said.label,
       state.value, state.change, said.value
FROM said LEFT JOIN state USING (kind, key, slot, scope) LEFT JOIN change AS last ON last.id = state.change
WHERE state.value IS NOT said.value
   OR (said.value IS NOT NULL AND (last.who, last.page) IS NOT (?, ?))
"""
_SLOTS = "state.kind = changed.kind AND state.key = changed.key AND state.slot = changed.slot"
_SLOTS = f"{_SLOTS} AND state.scope = changed.scope"

Line = tuple[str, str, str, str, str, str, str, str | None]
"""What is said of one slot: kind, key, slot, scope, the image's name, part and label then, and the value or None."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One entry of the journal.

    Attributes:
        id: its number, from 1.
        time: UTC, ISO 8601.
        who: name of the user.
        page: label of the page or session.
        source: where its images came from: a finding, a query, a command.
        action: "tag", "untag", "note", "relabel", "drop", "keep", "clear", "save-set", "delete-set", "import", "undo"
            or "redo".
        value: what was said: a tag, a label, the name of a set or file, the beginning of a note.
        images: how many it changed.
        target: the change that an undo or redo is about.
    """

    id: int
    time: str
    who: str
    page: str
    source: str
    action: str
    value: str
    images: int
    target: int | None = None

    @property
    def sentence(self) -> str:
        """What was done, in a few words."""
        of = "" if self.target is None else f" of change {self.target}"
        said = f" {self.value!r}" if self.value and self.target is None else ""
        images = f", {plural(self.images, 'image')}" if self.images else ""
        return f"{self.action}{of}{said}{images}"


@dataclass(frozen=True)
class Actor:
    """Who says something, and on which page or in which session."""

    who: str
    page: str


def add(
    connection: sqlite3.Connection, actor: Actor, lines: Iterable[Line], *, action: str, value: str, source: str
) -> Change | None:
    """Add a change and do it; None where all of it was said before, by the same.

    What somebody else said too is kept: then undoing theirs does not take it away.
    """
    connection.execute(_SAID)
    connection.execute("DELETE FROM said")
    connection.executemany("INSERT OR IGNORE INTO said VALUES (?, ?, ?, ?, ?, ?, ?, ?)", lines)
    number = last(connection) + 1
    if not connection.execute(_CHANGED, (number, actor.who, actor.page)).rowcount:
        return None
    _apply(connection, number)
    count = "SELECT count(DISTINCT key) FROM changed WHERE change = ? AND key != ''"
    (images,) = connection.execute(count, (number,)).fetchone()
    return _enter(connection, actor, Change(
        id=number, time=_now(), who=actor.who, page=actor.page, source=source, action=action, value=value, images=images
    ))  # fmt: skip


def undo(connection: sqlite3.Connection, actor: Actor, *, anyone: bool) -> Change:
    """Undo the last change that is in effect: of this actor, or of anyone.

    Raises:
        WorkbenchError: if there is none, or one of its images was changed since.
    """
    found = connection.execute(
        "SELECT * FROM change WHERE target IS NULL AND id NOT IN (SELECT target FROM undone) "  # noqa: S608 - ours
        f"{'' if anyone else 'AND (who, page) = (?, ?)'} ORDER BY id DESC LIMIT 1",
        () if anyone else (actor.who, actor.page),
    ).fetchone()
    if found is None:
        raise WorkbenchError(f"There is nothing to undo{'' if anyone else f' of {_named(actor)}'}.")
    target = change_of(found)
    _refuse_changed(connection, target, "state.change IS NOT changed.change", UNDO)
    _take_back(connection, target.id)
    return _enter_about(connection, actor, UNDO, target)


def redo(connection: sqlite3.Connection, actor: Actor, *, anyone: bool) -> Change:
    """Do again what was undone last, by this actor or by anyone; not after they said something else.

    Raises:
        WorkbenchError: if there is nothing, or one of its images was changed since.
    """
    mine, who = ("", ()) if anyone else ("AND (who, page) = (?, ?)", (actor.who, actor.page))
    found = connection.execute(
        f"SELECT change.target FROM change JOIN undone ON undone.change = change.id AND undone.target = change.target "  # noqa: S608
        f"WHERE id > (SELECT coalesce(max(id), 0) FROM change WHERE target IS NULL {mine}) {mine} "
        "ORDER BY id DESC LIMIT 1",
        (*who, *who),
    ).fetchone()
    if found is None:
        raise WorkbenchError(f"There is nothing to redo{'' if anyone else f' of {_named(actor)}'}.")
    target = change_of(connection.execute("SELECT * FROM change WHERE id = ?", found).fetchone())
    _refuse_changed(connection, target, "state.change IS NOT changed.before_change", REDO)
    _apply(connection, target.id)
    return _enter_about(connection, actor, REDO, target)


def _refuse_changed(connection: sqlite3.Connection, target: Change, differs: str, action: str) -> None:
    """Refuse to undo or redo where a slot has been filled by another change since."""
    others = connection.execute(
        f"SELECT changed.name, last.who, last.page, last.id FROM changed JOIN state ON {_SLOTS} "  # noqa: S608 - ours
        "LEFT JOIN change AS last ON last.id = state.change "
        f"WHERE changed.change = ? AND {differs} ORDER BY changed.name",
        (target.id,),
    ).fetchall()
    if not others:
        return
    names = join_names(list(dict.fromkeys(repr(name) for name, *_ in others)), NAMED)
    by = list(dict.fromkeys(_named(Actor(who, page)) for _, who, page, number in others if number is not None))
    changes = sorted({number for *_, number in others if number is not None})
    since = f"{join_names(by, NAMED)} changed" if by else "other undone changes are about"
    raise WorkbenchError(
        f"Change {target.id} ({target.sentence}) cannot be {action.replace('do', 'done', 1)}: since then {since} "
        f"{names}{f' (change {join_names(changes, NAMED)})' if changes else ''}. Nothing was changed; {action} that "
        f"first, or say anew what is right."
    )


def _apply(connection: sqlite3.Connection, number: int, state: str = "state") -> None:
    connection.execute(
        f"INSERT OR REPLACE INTO {state} SELECT kind, key, slot, scope, after, change FROM changed WHERE change = ?",  # noqa: S608
        (number,),
    )


def _take_back(connection: sqlite3.Connection, number: int, state: str = "state") -> None:
    connection.execute(
        f"INSERT OR REPLACE INTO {state} "  # noqa: S608 - a table of ours
        "SELECT kind, key, slot, scope, before, before_change FROM changed WHERE change = ?",
        (number,),
    )


def _enter_about(connection: sqlite3.Connection, actor: Actor, action: str, target: Change) -> Change:
    entered = _enter(connection, actor, Change(
        id=last(connection) + 1, time=_now(), who=actor.who, page=actor.page, source="", action=action,
        value=target.action, images=target.images, target=target.id,
    ))  # fmt: skip
    _note_undone(connection, entered)
    return entered


def _note_undone(connection: sqlite3.Connection, entry: Change, undone: str = "undone") -> None:
    if entry.action == UNDO:
        connection.execute(f"INSERT OR REPLACE INTO {undone} VALUES (?, ?)", (entry.target, entry.id))  # noqa: S608
    else:
        connection.execute(f"DELETE FROM {undone} WHERE target = ?", (entry.target,))  # noqa: S608 - ours


def _enter(connection: sqlite3.Connection, actor: Actor, entry: Change) -> Change:
    connection.execute(
        "INSERT INTO change VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            entry.id,
            entry.time,
            actor.who,
            actor.page,
            entry.source,
            entry.action,
            entry.value,
            entry.images,
            entry.target,
        ),
    )
    return entry


def last(connection: sqlite3.Connection) -> int:
    """Return the number of the last change; 0 where there is none."""
    return int(connection.execute("SELECT coalesce(max(id), 0) FROM change").fetchone()[0])


def changed_keys(connection: sqlite3.Connection, kind: str, *, since: int, most: int) -> list[str] | None:
    """Return the keys of whose images something of a kind was changed after a number; None where they are too many."""
    found = connection.execute(
        "SELECT DISTINCT changed.key FROM change JOIN changed ON changed.change = coalesce(change.target, change.id) "
        "WHERE change.id > ? AND changed.kind = ? LIMIT ?",
        (since, kind, most + 1),
    )
    keys = [key for (key,) in found]
    return keys if len(keys) <= most else None


def changes(connection: sqlite3.Connection, *, since: int = 0, limit: int = -1) -> list[Change]:
    """Return the changes after number `since`, the newest first; at most `limit` where it is not negative."""
    found = connection.execute("SELECT * FROM change WHERE id > ? ORDER BY id DESC LIMIT ?", (since, limit))
    return [change_of(each) for each in found]


def change_of(values: tuple[int, str, str, str, str, str, str, int, int | None]) -> Change:
    """Build a change from its line."""
    columns = ("id", "time", "who", "page", "source", "action", "value", "images", "target")
    named: dict[str, Any] = dict(zip(columns, values, strict=True))
    return Change(**named)


def replay(connection: sqlite3.Connection) -> bool:
    """Derive from the journal alone what holds now, and put it in place; return whether it held already.

    Raises:
        WorkbenchError: if the journal contradicts itself, or says what nobody can have said.
    """
    for table in ("state", "undone"):
        connection.execute(f"DROP TABLE IF EXISTS temp.new_{table}")
        connection.execute(f"CREATE TEMP TABLE new_{table} AS SELECT * FROM main.{table} LIMIT 0")  # noqa: S608 - ours
    connection.execute("CREATE UNIQUE INDEX temp.new_slots ON new_state (kind, key, slot, scope)")
    connection.execute("CREATE UNIQUE INDEX temp.new_targets ON new_undone (target)")
    for entry in reversed(changes(connection)):
        _replay_one(connection, entry)
    same = not any(_differ(connection, table) for table in ("state", "undone"))
    for table in ("state", "undone"):
        if not same:
            connection.execute(f"DELETE FROM main.{table}")  # noqa: S608 - ours
            connection.execute(f"INSERT INTO main.{table} SELECT * FROM temp.new_{table}")  # noqa: S608 - ours
        connection.execute(f"DROP TABLE temp.new_{table}")
    return same


def _differ(connection: sqlite3.Connection, table: str) -> bool:
    kept, new = f"SELECT * FROM main.{table}", f"SELECT * FROM temp.new_{table}"  # noqa: S608 - our own tables
    either = (f"{kept} EXCEPT {new}", f"{new} EXCEPT {kept}")
    return any(connection.execute(f"{each} LIMIT 1").fetchone() for each in either)


def _replay_one(connection: sqlite3.Connection, entry: Change) -> None:
    wrong = WorkbenchError(f"The journal does not fit together at change {entry.id} ({entry.action[:20]}).")
    if entry.target is None:
        if entry.action in (UNDO, REDO):
            raise wrong
        slots = _SLOTS.replace("state.", "new_state.")
        broken = connection.execute(
            f"SELECT 1 FROM changed LEFT JOIN new_state ON {slots} WHERE changed.change = ? AND "  # noqa: S608 - ours
            "(new_state.value IS NOT before OR new_state.change IS NOT before_change) LIMIT 1",
            (entry.id,),
        ).fetchone()
        if broken:
            raise wrong
        for kind, key, slot, scope, after in connection.execute(
            "SELECT kind, key, slot, scope, after FROM changed WHERE change = ? AND after IS NOT NULL", (entry.id,)
        ):
            checked_value(kind, key, slot, scope, after)
        _apply(connection, entry.id, "new_state")
        return
    undone = connection.execute("SELECT 1 FROM new_undone WHERE target = ?", (entry.target,)).fetchone() is not None
    if entry.action not in (UNDO, REDO) or undone != (entry.action == REDO) or not 0 < entry.target < entry.id:
        raise wrong
    slots = _SLOTS.replace("state.", "new_state.")
    held = "before_change" if undone else "change"
    broken = connection.execute(
        f"SELECT 1 FROM changed LEFT JOIN new_state ON {slots} "  # noqa: S608 - ours
        f"WHERE changed.change = ? AND new_state.change IS NOT changed.{held} LIMIT 1",
        (entry.target,),
    ).fetchone()
    if broken:
        raise wrong
    (_apply if undone else _take_back)(connection, entry.target, "new_state")
    _note_undone(connection, entry, "new_undone")


def _named(actor: Actor) -> str:
    return f"{actor.who} ({actor.page})" if actor.page else actor.who


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def lines(connection: sqlite3.Connection) -> list[tuple[Change, tuple[Any, ...]]]:
    """Return all of the journal, the oldest first: each change with each of its slots, or with () for none."""
    width = 9
    found = connection.execute(
        "SELECT change.*, changed.* FROM change LEFT JOIN changed ON changed.change = change.id "
        "ORDER BY change.id, changed.kind, changed.key, changed.slot, changed.scope"
    )
    return [(change_of(row[:width]), () if row[width] is None else row[width + 1 :]) for row in found]


def restore(connection: sqlite3.Connection, lines: Iterable[tuple[Change, tuple[Any, ...]]]) -> None:
    """Write the whole journal of another workspace into an empty one, and derive what holds.

    Raises:
        WorkbenchError: if it contradicts itself.
    """
    entered = 0
    for change, slot in lines:
        if change.id != entered:
            if change.id <= entered:
                raise WorkbenchError(f"The journal must be in the order of its changes. Change {change.id} is not.")
            entered = change.id
            _enter(connection, Actor(change.who, change.page), change)
        if slot:
            added = connection.execute(
                "INSERT OR IGNORE INTO changed VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (change.id, *slot)
            )
            if not added.rowcount:
                raise WorkbenchError(f"The journal says one thing twice in change {change.id}.")
    replay(connection)

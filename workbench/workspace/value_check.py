"""What a file may say that was said: nothing that could not have been said in a workspace."""

from __future__ import annotations

from workbench.core.errors import WorkbenchError
from workbench.workspace.edit_note import EditNote
from workbench.workspace.marks import (
    CORRECTION,
    DROP,
    EDIT,
    NOTE,
    SET,
    TAG,
    SavedSet,
    correction,
    note_text,
    slot_of,
    tag_name,
)


def checked_value(kind: str, key: str, slot: str, scope: str, value: str) -> None:
    """Check what a file says was said, so that nothing gets into a workspace that could not have been said there.

    Raises:
        WorkbenchError: if it could not.
    """
    if kind == TAG:
        right = tag_name(value) == value and (slot, scope) == (slot_of(value), "")
    elif kind == NOTE:
        right = note_text(value) == value != "" and (slot, scope) == ("", "")
    elif kind == CORRECTION:
        right = (correction(value)[0] == DROP) == bool(scope) and bool(slot)
    elif kind == EDIT:
        read = EditNote.read(value)
        right = read.text() == value and (slot, scope) == (read.slot, "")
    elif kind == SET:
        right = (key, slot, scope) == ("", slot_of(SavedSet.read(value).name), "")
    else:
        right = False
    if not right:
        raise WorkbenchError(f"{value[:60]!r} cannot be kept as a {kind[:20] or 'mark'}.")

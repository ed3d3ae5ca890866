"""A changed image as a note: what was changed, so that it can be shown again, and a few words on it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from workbench.core.errors import WorkbenchError
from workbench.data.edits import Edit, as_json, as_records, read_edits, words_of
from workbench.workspace.marks import note_text

LONGEST = 100_000
"""Characters of the edits of a note."""
MOST = 200
"""Such notes of an image that a file says at once."""


@dataclass(frozen=True, kw_only=True)
class EditNote:
    """Edits of an image of one size, and what somebody says of them.

    Attributes:
        note: text; empty for none.
        size: (H, W) of the image that they were done to; a file may be read at another size later.
        edits: what was done.
    """

    note: str
    size: tuple[int, int]
    edits: tuple[Edit, ...]

    @property
    def slot(self) -> str:
        """By what it is told from other such notes of its image: 12 hexadecimal digits of the size and the edits."""
        return hashlib.sha256(f"{self.size} {as_json(self.edits)}".encode()).hexdigest()[:12]

    @property
    def words(self) -> str:
        """The note, or else what was done."""
        return self.note or words_of(self.edits)

    def record(self) -> dict[str, object]:
        """Return it as JSON has it."""
        return {"note": self.note, "size": list(self.size), "edits": as_records(self.edits)}

    def text(self) -> str:
        """Return it as JSON text, in one way."""
        return json.dumps(self.record(), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def read(cls, given: object) -> EditNote:
        """Read what `text` or `record` wrote, or what somebody else says is it.

        Raises:
            WorkbenchError: if it is none.
        """
        try:
            kept = json.loads(given) if isinstance(given, str) else given
        except (ValueError, RecursionError):
            kept = None
        size = kept.get("size") if isinstance(kept, dict) else None
        whole = isinstance(size, list) and len(size) == 2 and all(type(n) is int and 0 < n < 100_000 for n in size)
        if not (isinstance(kept, dict) and kept.keys() == {"note", "size", "edits"} and whole):
            raise WorkbenchError("A changed image is JSON of `note`, `size` [height, width] and `edits`.")
        if not isinstance(kept["note"], str) or not isinstance(kept["edits"], list) or not kept["edits"]:
            raise WorkbenchError("The `note` of a changed image must be text, and its `edits` a list of some.")
        height, width = size  # type: ignore[misc]
        read = cls(note=note_text(kept["note"]), size=(height, width), edits=read_edits(kept["edits"]))
        if len(as_json(read.edits)) > LONGEST:
            raise WorkbenchError(f"The edits of a note must have at most {LONGEST:,} characters. Keep fewer strokes.")
        return read


def read_edit_notes(text: str) -> Sequence[EditNote]:
    """Read the cell of a table that holds those of an image: a JSON list.

    Raises:
        WorkbenchError: if it is none.
    """
    try:
        found = json.loads(text) if text.strip() else []
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or len(found) > MOST:
        raise WorkbenchError(f"`edits` must be a JSON list of at most {MOST} changed images")
    return [EditNote.read(each) for each in found]

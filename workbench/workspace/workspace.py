"""The workspace of a data set: what people say about its images, safe from several threads, pages and programs."""

from __future__ import annotations

import getpass
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from workbench.core.errors import Unavailable, WorkbenchError, unknown
from workbench.core.wording import join_names, plural
from workbench.workspace import corrections, holding, journal
from workbench.workspace.corrections import Applicable
from workbench.workspace.database import Database
from workbench.workspace.edit_note import EditNote
from workbench.workspace.holding import Tagged
from workbench.workspace.identities import Identities
from workbench.workspace.journal import Actor, Change, Line
from workbench.workspace.marks import (
    CORRECTION,
    DROP,
    EDIT,
    KEEP,
    MOST_AT_ONCE,
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

if TYPE_CHECKING:
    import pandas as pd

LONGEST_SOURCE = 1_000


class Workspace:
    """Tags, notes, corrections and saved sets of one data set, in one file.

    Each change is on the disk when its call returns, and stands in the journal with who said it. A call that changes
    nothing returns None. Errors are `WorkbenchError`; after one, nothing is changed.
    """

    def __init__(self, database: Database, actor: Actor, tagged: Tagged | None = None) -> None:
        self._database, self.actor, self._tagged = database, actor, tagged or Tagged()

    @classmethod
    def open(cls, path: str | Path, *, who: str = "", page: str = "", create: bool = True) -> Workspace:
        """Open a file; where there is none, it is begun when something is said.

        Args:
            path: of the file.
            who: name of the user; the one who is logged in, if not given.
            page: label of the page or session, whose changes `undo` undoes.
            create: whether one may be begun where there is none.

        Raises:
            WorkbenchError: if it is no workspace, damaged, or of a newer version.
            Unavailable: if it cannot be read or written, or there is none and none is to be begun.
        """
        if not create and not Path(path).exists():
            raise Unavailable(f"There is no workspace {path} yet: nothing was said about these images.")
        return cls(Database(Path(path)), Actor(short_label(who) or _user(), short_label(page)))

    def acting(self, *, who: str = "", page: str = "") -> Workspace:
        """Return the same workspace for another user or page; the file is opened once."""
        actor = Actor(short_label(who) or self.actor.who, short_label(page) or self.actor.page)
        return Workspace(self._database, actor, self._tagged)

    def close(self) -> None:
        """Close the file, for everybody who has it from here."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self._database.path

    # What is said

    def tag(self, images: Identities, name: str, *, source: str = "") -> Change | None:
        """Give images a tag; an existing one is meant in whatever case it is written."""
        name = tag_name(name)
        with self._database.writing() as connection:
            name = holding.spelling(connection, slot_of(name)) or name
            return self._add(connection, "tag", name, source, _slots(images, TAG, slot_of(name), name))

    def untag(self, images: Identities, name: str, *, source: str = "") -> Change | None:
        """Take a tag from images; those that do not have it stay as they are.

        Raises:
            WorkbenchError: if no image at all has such a tag.
        """
        name = tag_name(name)
        with self._database.writing() as connection:
            if holding.spelling(connection, slot_of(name)) is None:
                raise unknown("tag", name, holding.tags(connection))
            return self._add(connection, "untag", name, source, _slots(images, TAG, slot_of(name), None))

    def note(self, images: Identities, text: str, *, source: str = "") -> Change | None:
        """Write a note to images, in place of the one that they have; an empty one removes it."""
        text = note_text(text)
        if len(images) * len(text) > MOST_AT_ONCE:  # the file says of each image what it had before and has now
            raise WorkbenchError(
                f"Notes may have at most {MOST_AT_ONCE:,} characters at once. {plural(len(images), 'image')} with "
                f"{len(text):,} each are more: write less, or a tag."
            )
        with self._database.writing() as connection:
            return self._add(connection, "note", short_label(text), source, _slots(images, NOTE, "", text or None))

    def keep_edit(self, images: Identities, kept: EditNote, *, source: str = "") -> Change | None:
        """Keep what was changed in images as a note of each, beside others; one of the same edits is replaced."""
        kept = EditNote.read(kept.text())
        with self._database.writing() as connection:
            lines = _slots(images, EDIT, kept.slot, kept.text())
            return self._add(connection, EDIT, short_label(kept.words), source, lines)

    def forget_edit(self, images: Identities, slot: str, *, source: str = "") -> Change | None:
        """Take such a note from images, by its `slot`."""
        with self._database.writing() as connection:
            return self._add(connection, "unedit", "", source, _slots(images, EDIT, str(slot), None))

    def relabel(self, images: Identities, label: str, *, source: str = "") -> Change | None:
        """Say that images should have another label; of those that have it, that it is right."""
        label = corrections.new_label(images, label)
        with self._database.writing() as connection:
            return self._add(
                connection, RELABEL, label, source, corrections.corrected(connection, images, RELABEL, label)
            )

    def relabel_each(self, images: Identities, labels: Sequence[str], *, source: str = "") -> Change | None:
        """Say of each of some images which other label it should have, as one change, which one undo takes back."""
        wanted = np.array([corrections.new_label(images, label) for label in labels], dtype=object)
        with self._database.writing() as connection:
            lines = [
                line
                for label in dict.fromkeys(wanted.tolist())
                for line in corrections.corrected(connection, images[wanted == label], RELABEL, label)
            ]
            what = join_names(list(dict.fromkeys(wanted.tolist())), 3)
            return self._add(connection, RELABEL, what, source, lines)

    def drop(self, images: Identities, *, source: str = "") -> Change | None:
        """Say that images should be left out; their copies stay."""
        with self._database.writing() as connection:
            return self._add(connection, DROP, "", source, corrections.corrected(connection, images, DROP))

    def keep(self, images: Identities, *, source: str = "") -> Change | None:
        """Say that images are right as they are."""
        with self._database.writing() as connection:
            return self._add(connection, KEEP, "", source, corrections.corrected(connection, images, KEEP))

    def clear(self, images: Identities, *, source: str = "") -> Change | None:
        """Take back what should become of images."""
        with self._database.writing() as connection:
            return self._add(connection, "clear", "", source, corrections.cleared(connection, images))

    def save_set(
        self, name: str, *, query: str = "", images: Identities | None = None, part: str = "", source: str = ""
    ) -> Change | None:
        """Save a set of images under a name, in place of one that has it: a query, or images in an order.

        Args:
            name: of the set.
            query: text of the query.
            images: instead of a query.
            part: "train", "validation" or "test"; empty for any.
            source: where it comes from.
        """
        keys = () if images is None else tuple(dict.fromkeys(images.keys))
        saved = SavedSet(name, query, part, keys).checked()
        line: Line = (SET, "", slot_of(saved.name), "", saved.name, part, "", saved.text())
        with self._database.writing() as connection:
            return self._add(connection, "save-set", saved.name, source, [line])

    def delete_set(self, name: str, *, source: str = "") -> Change | None:
        """Delete a saved set; its images stay as they are.

        Raises:
            WorkbenchError: if there is none of this name.
        """
        with self._database.writing() as connection:
            there = holding.sets(connection)
            if slot_of(name.strip()) not in map(slot_of, there):
                raise unknown("saved set", name, there)
            line: Line = (SET, "", slot_of(name.strip()), "", name.strip(), "", "", None)
            return self._add(connection, "delete-set", name.strip(), source, [line])

    def say(self, lines: Iterable[Line], action: str, value: str, *, source: str = "") -> Change | None:
        """Say many things at once, as an import does, which one undo takes back."""
        with self._database.writing() as connection:
            return self._add(connection, action, value, source, lines)

    def undo(self, *, anyone: bool = False) -> Change:
        """Undo the last change of this user on this page, or of anyone.

        Raises:
            WorkbenchError: if there is none, or somebody has changed one of its images since.
        """
        with self._database.writing() as connection:
            return journal.undo(connection, self.actor, anyone=anyone)

    def redo(self, *, anyone: bool = False) -> Change:
        """Do again what was undone last, unless something else was said since.

        Raises:
            WorkbenchError: if there is nothing, or somebody has changed one of its images since.
        """
        with self._database.writing() as connection:
            return journal.redo(connection, self.actor, anyone=anyone)

    def _add(self, connection: Any, action: str, value: str, source: str, lines: Iterable[Line]) -> Change | None:
        what, whence = short_label(value, LONGEST_SOURCE), short_label(source, LONGEST_SOURCE)
        return journal.add(connection, self.actor, lines, action=action, value=what, source=whence)

    # What holds

    def tags(self) -> dict[str, int]:
        """Return how many images have each tag, the most first; copies count as one."""
        with self._database.reading() as connection:
            return holding.tags(connection)

    def tags_of(self, keys: Sequence[str]) -> list[tuple[str, ...]]:
        """Return the tags of each of some images, by their keys."""
        with self._database.reading() as connection:
            return self._tagged.of(connection, list(keys))

    def keys_with(self, tag: str) -> frozenset[str]:
        """Return the keys of all images that have a tag; none where there is no such tag."""
        with self._database.reading() as connection:
            return frozenset(holding.keys_with(connection, slot_of(tag_name(tag))))

    def notes_of(self, keys: Sequence[str]) -> list[str]:
        """Return the note of each of some images, by their keys; empty where there is none."""
        with self._database.reading() as connection:
            return holding.notes_of(connection, list(keys))

    def edits_of(self, key: str) -> list[EditNote]:
        """Return the changed images that were kept of one image, by its key, the first one first."""
        with self._database.reading() as connection:
            return [EditNote.read(text) for text in holding.edits_of(connection, key)]

    def edit_words_of(self, keys: Sequence[str]) -> list[str]:
        """Return what is said of the kept changes of each of some images, by their keys; empty where there are none."""
        said: dict[str, list[str]] = {}
        with self._database.reading() as connection:
            for mark in holding.marks(connection, EDIT):
                said.setdefault(mark.key, []).append(EditNote.read(mark.value).words)
        return ["\n".join(said.get(key, ())) for key in keys]

    def corrections_of(self, images: Identities) -> list[str]:
        """Return what should become of each of some images: "relabel <label>", "drop", "keep", or ""."""
        with self._database.reading() as connection:
            return corrections.corrections_for(connection, images)

    def corrections(self) -> pd.DataFrame:
        """Return all corrections: key, name, part, label, correction, new_label, when, who, source."""
        import pandas as pd

        columns = ("key", "name", "part", "label", "correction", "new_label", "when", "who", "source")
        with self._database.reading() as connection:
            rows = [
                (each.key, each.name, each.part, each.slot, *correction(each.value), each.time, each.who, each.source)
                for each in holding.marks(connection, CORRECTION)
            ]
        return pd.DataFrame(rows, columns=list(columns))

    def applicable(self, images: Identities, *, part: str = "") -> Applicable:
        """Find which corrections fit a data set as it is now; see `corrections.applicable`."""
        with self._database.reading() as connection:
            return corrections.applicable(list(holding.marks(connection, CORRECTION)), images, part=part)

    def sets(self) -> dict[str, SavedSet]:
        """Return the saved sets by their names."""
        with self._database.reading() as connection:
            return holding.sets(connection)

    def marks(self) -> list[holding.Mark]:
        """Return all that is said now, with who said it when."""
        with self._database.reading() as connection:
            return list(holding.marks(connection))

    # What was said

    @property
    def last(self) -> int:
        """Number of the last change; 0 where nothing was said yet."""
        with self._database.reading() as connection:
            return journal.last(connection)

    def log(self, limit: int = 100) -> list[Change]:
        """Return the last changes, the newest first."""
        with self._database.reading() as connection:
            return journal.changes(connection, limit=max(limit, 0))

    def changed_since(self, number: int) -> list[Change]:
        """Return the changes after a number, the newest first: a page asks whether another one said something."""
        with self._database.reading() as connection:
            return journal.changes(connection, since=number)

    def rebuild(self) -> bool:
        """Derive what holds from the journal alone, and put it in place; return whether it was so already.

        Raises:
            WorkbenchError: if the journal contradicts itself.
        """
        with self._database.writing() as connection:
            return journal.replay(connection)

    def journal_lines(self) -> list[tuple[Change, tuple[Any, ...]]]:
        """Return the whole journal, the oldest first: each change with each of its slots, or with () for none."""
        with self._database.reading() as connection:
            return journal.lines(connection)

    def restore(self, lines: Iterable[tuple[Change, tuple[Any, ...]]]) -> None:
        """Take over the whole journal of another workspace.

        Raises:
            WorkbenchError: if something was said here already, or the journal contradicts itself.
        """
        with self._database.writing() as connection:
            if count := journal.last(connection):
                raise WorkbenchError(
                    f"A journal is taken over by an empty workspace only. {self.path} has "
                    f"{plural(count, 'change')}: import an "
                    f"export of what holds instead, or name a new file."
                )
            journal.restore(connection, lines)


def _slots(images: Identities, kind: str, slot: str, value: str | None) -> Iterable[Line]:
    return ((kind, key, slot, "", name, part, label, value) for key, name, part, label in images.each())


def _user() -> str:
    try:
        return short_label(getpass.getuser()) or "unknown"
    except (OSError, KeyError, ImportError):  # a container's user may have no name
        return "unknown"

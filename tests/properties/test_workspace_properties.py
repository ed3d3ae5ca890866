"""Whatever is said, undone and redone in whatever order: what holds is what a slow list of all that was said gives."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.marked import images
from workbench.core.errors import WorkbenchError
from workbench.data.edits import read_edits
from workbench.workspace.edit_note import EditNote
from workbench.workspace.exports import exported
from workbench.workspace.imports import import_file
from workbench.workspace.workspace import Workspace

# Two images, and two copies of the first, of which one has another label.
ALL = images(0, 1, 0, 0, names=["a", "b", "copy", "odd"], labels=["Coat", "Dress", "Coat", "Shirt"])
IMAGES = list(ALL.each())
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # each change is synced, and a busy disk takes its time
ACTORS = ["one", "two"]
EDITS = read_edits([{"op": "rotate", "degrees": 5}])

SOME = st.lists(st.integers(0, 3), min_size=1, max_size=4, unique=True)
WHO = st.sampled_from(ACTORS)
STEPS = st.lists(
    st.one_of(
        st.tuples(WHO, st.sampled_from(["tag", "untag"]), SOME, st.sampled_from(["x", "y", "X"])),
        st.tuples(WHO, st.just("note"), SOME, st.sampled_from(["", "n", "m"])),
        st.tuples(WHO, st.just("edit"), SOME, st.sampled_from(["", "n"])),
        st.tuples(WHO, st.just("relabel"), SOME, st.sampled_from(["Coat", "Shirt"])),
        st.tuples(WHO, st.sampled_from(["drop", "keep", "clear"]), SOME, st.just("")),
        st.tuples(WHO, st.sampled_from(["undo", "redo"]), st.booleans(), st.just("")),
    ),
    max_size=14,
)


class Slow:
    """The same in a dictionary of slots, each (value, number of the change), and a list of what was said."""

    def __init__(self):
        self.slots, self.said, self.undone, self.first = {}, [], {}, {}

    def do(self, who, action, rows, text):
        wanted = {}
        for row in rows:
            for slot, value in self.slots_of(action, row, text):
                wanted.setdefault(slot, value)
        changed = {}
        for slot, value in wanted.items():
            before, number = self.slots.get(slot, (None, None))
            by_another = number is not None and self.said[number - 1][0] != who
            if before != value or (value is not None and by_another):
                changed[slot] = ((before, number), value)
        if changed:
            self.said.append((who, action, changed))
            for slot, (_, value) in changed.items():
                self.slots[slot] = (value, len(self.said))

    def slots_of(self, action, row, text):
        key, name, _, label = IMAGES[row]
        here = {slot: value for slot, (value, _) in self.slots.items() if value is not None}
        if action == "tag":
            spelled = [value for slot, value in sorted(here.items()) if slot[0] == "tag" and slot[2] == text.lower()]
            return [(("tag", key, text.lower()), spelled[0] if spelled else text)]
        if action == "untag":
            return [(("tag", key, text.lower()), None)]
        if action == "note":
            return [(("note", key), text or None)]
        own, general = ("own", key, label, name), ("all", key, label)
        if action == "edit":
            return [(("edit", key), text)]
        if action in ("keep", "relabel"):
            kept = action == "keep" or text == label
            # which image it was said of counts when that one is dropped
            found = [(general, "keep" if kept else f"relabel {text}")]
            return found + ([(own, None)] if own in here else [])
        if action == "drop":
            said_of = self.said_of(general)
            return [(own, "drop")] + ([(general, None)] if general in here and said_of == name else [])
        mine = [slot for slot in (own, general) if slot in here]
        others = [slot for slot in here if slot[0] == "own" and slot[1:3] == (key, label)]
        return [(slot, None) for slot in mine or others]

    def said_of(self, slot):
        """The first image of the change that filled a slot for all copies."""
        _, number = self.slots.get(slot, (None, None))
        return None if number is None else self.first[number, slot]

    def undo(self, who, anyone):
        for number in range(len(self.said), 0, -1):
            if number in self.undone or self.said[number - 1][1] in ("undo", "redo"):
                continue
            if anyone or self.said[number - 1][0] == who:
                changed = self.said[number - 1][2]
                if any(self.slots[slot][1] != number for slot in changed):
                    return "refused"
                for slot, (before, _) in changed.items():
                    self.slots[slot] = before
                self.said.append((who, "undo", number))
                self.undone[number] = len(self.said)
                return "done"
        return "nothing"

    def redo(self, who, anyone):
        for at in range(len(self.said), 0, -1):
            by, action, number = self.said[at - 1]
            if not (anyone or by == who):
                continue
            if action not in ("undo", "redo"):
                return "nothing"
            if action == "undo" and self.undone.get(number) == at:
                changed = self.said[number - 1][2]
                if any(self.slots[slot][1] != before[1] for slot, (before, _) in changed.items()):
                    return "refused"
                for slot, (_, value) in changed.items():
                    self.slots[slot] = (value, number)
                self.said.append((who, "redo", number))
                del self.undone[number]
                return "done"
        return "nothing"

    def tags(self, key):
        found = [value for slot, (value, _) in self.slots.items() if slot[:2] == ("tag", key) and value is not None]
        return tuple(sorted(found, key=str.casefold))

    def note(self, key):
        return self.slots.get(("note", key), (None,))[0] or ""

    def edits(self, key):
        return [value for slot, (value, _) in self.slots.items() if slot == ("edit", key) and value is not None]

    def correction(self, row):
        key, name, _, label = IMAGES[row]
        own = self.slots.get(("own", key, label, name), (None,))[0]
        return own or self.slots.get(("all", key, label), (None,))[0] or ""


def step(workspace, slow, who, action, what, text):
    mine = workspace.acting(page=who)
    if action in ("undo", "redo"):
        try:
            getattr(mine, action)(anyone=what)
            done = "done"
        except WorkbenchError as error:
            done = "nothing" if "nothing to" in str(error) else "refused"
        assert done == getattr(slow, action)(who, what)
        return
    before = len(slow.said)
    slow.do(who, action, what, text)
    if len(slow.said) > before:
        for row in what:
            key, name, _, label = IMAGES[row]
            slow.first.setdefault((len(slow.said), ("all", key, label)), name)
    if action == "untag" and text.lower() not in {tag.lower() for tag in workspace.tags()}:
        return
    if action == "edit":
        mine.keep_edit(ALL[what], EditNote(note=text, size=(3, 4), edits=EDITS))
        return
    getattr(mine, action)(ALL[what], *([text] if action in ("tag", "untag", "note", "relabel") else []))


@settings(max_examples=150)
@given(STEPS)
def test_any_sequence_gives_what_a_slow_replica_gives(steps):
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder, Workspace.open(Path(folder) / "a") as workspace:
        slow = Slow()
        for each in steps:
            step(workspace, slow, *each)
            assert workspace.tags_of(ALL.keys) == [slow.tags(key) for key in ALL.keys]
            assert workspace.notes_of(ALL.keys) == [slow.note(key) for key in ALL.keys]
            assert [[kept.note for kept in workspace.edits_of(key)] for key in ALL.keys] == list(
                map(slow.edits, ALL.keys)
            )
            assert workspace.corrections_of(ALL) == [slow.correction(row) for row in range(4)]
            assert workspace.last == len(slow.said)
        assert workspace.rebuild()
        for format_ in ("csv", "jsonl"):
            path = Path(folder) / f"marks.{format_}"
            path.write_text(exported(workspace, format_), newline="")
            with Workspace.open(Path(folder) / format_) as other:
                if workspace.marks():
                    import_file(other, path)
                assert [each[:5] for each in other.marks()] == [each[:5] for each in workspace.marks()]

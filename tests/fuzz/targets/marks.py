"""A table of marks: an export of a workspace, its journal, or names and labels of another tool; CSV or JSON lines."""

import atexit
import tempfile
from pathlib import Path

import numpy as np

from workbench.workspace.exports import exported
from workbench.workspace.identities import Identities
from workbench.workspace.imports import import_file
from workbench.workspace.workspace import Workspace

INPUTS = 400
FOLDER = tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
atexit.register(FOLDER.cleanup)
IMAGES = Identities(
    keys=np.array(["0" * 32, "1" * 32, "0" * 32]),
    names=np.array(["train/a.png", "train/b.png", "test/copy.png"]),
    part=np.array(["train", "train", "test"]),
    labels=np.array(["cat", "dog", "cat"]),
    class_names=("cat", "dog"),
)


def seeds() -> list[bytes]:
    filled = Path(FOLDER.name) / "filled"
    with Workspace.open(filled, who="me", page="one") as workspace:
        if not workspace.last:
            workspace.tag(IMAGES, "check")
            workspace.note(IMAGES[:1], "=two\nlines")
            workspace.undo()
            workspace.relabel(IMAGES[:1], "dog")
            workspace.acting(page="two").drop(IMAGES[2:])
            workspace.save_set("some", images=IMAGES[:2])
        whole = [
            kind + exported(workspace, format_, journal=journal).encode()
            for kind, format_ in ((b"\0", "csv"), (b"\1", "jsonl"))
            for journal in (False, True)
        ]
    return [
        *whole,
        b"\0file;label;tags\na.png;dog;x, y\ntrain\\b.png;dog;\n",
        b"\0key,note\n" + b"1" * 32 + b",seen\n",
        b'\1{"name": "b.png", "tags": ["x"], "label": "cat"}\n',
    ]


def attack(data: bytes) -> None:
    kind, rest = data[:1].ljust(1, b"\0")[0] % 2, data[1:]
    path = Path(FOLDER.name) / ("table.jsonl" if kind else "table.csv")
    path.write_bytes(rest)
    new = Path(FOLDER.name) / "new"
    new.unlink(missing_ok=True)
    with Workspace.open(new) as workspace:
        try:
            import_file(workspace, path, lambda: IMAGES)
        except BaseException:
            assert workspace.marks() == [] and workspace.last == 0  # nothing half
            raise
        assert workspace.rebuild()
        for format_ in ("csv", "jsonl"):
            assert exported(workspace, format_, journal=True).count("\n") >= workspace.last

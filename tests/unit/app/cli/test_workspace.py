"""`workbench workspace`: a table of another tool in, the log, undo, and out again."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from workbench.app.cli import main
from workbench.workspace.place import workspace_of
from workbench.workspace.workspace import Workspace


@pytest.fixture
def call(tmp_path, monkeypatch):
    """Run a command in a folder with photos of two classes."""
    monkeypatch.setenv("WORKBENCH_WORKSPACE", str(tmp_path / "kept"))
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    for part in ("train", "test"):
        for number in range(4):
            file = tmp_path / "photos" / part / ("cat", "dog")[number % 2] / f"{part}{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(random.integers(0, 255, (8, 8, 3), np.uint8)).save(file)

    def run(*arguments, fails=False):
        done = CliRunner().invoke(main, ["workspace", *map(str, arguments)])
        assert done.exit_code == (2 if fails else 0), done.output
        return done.stderr.strip() if fails else done.stdout

    return run


def test_names_of_another_tool_become_marks_of_the_right_images(call, tmp_path):
    (tmp_path / "mine.csv").write_text("file,label,tags\ntrain0.png,dog,check\ntest1.png,dog,\nno.png,cat,\n")
    said = call("import", "mine.csv", "--data", "photos")
    assert "3 lines of mine.csv: 1 image." in said
    assert "1 line of mine.csv matches no image of the data: 'no.png'." in said
    log = json.loads(call("log", "--data", "photos", "--json"))
    assert log["tags"] == {"check": 1}
    assert [(each["action"], each["page"], each["source"]) for each in log["changes"]] == [
        ("import", "command line", "workbench workspace import mine.csv")
    ]
    rows = list(csv.DictReader(call("export", "--data", "photos").splitlines()))
    (row,) = rows
    assert row["name"].endswith("train0.png")
    assert (row["part"], row["label"], row["correction"], row["new_label"], row["tags"]) == (
        "train", "cat", "relabel", "dog", "check",
    )  # fmt: skip


def test_marks_find_their_images_after_these_were_moved(call, tmp_path):
    (tmp_path / "mine.csv").write_text("file,label\ntrain0.png,dog\n")
    call("import", "mine.csv", "--data", "photos")
    file = tmp_path / "photos/train/cat/train0.png"
    file.rename(tmp_path / "photos/test/cat/other.png")
    from workbench.data import load_dataset
    from workbench.workspace.identities import Identities

    with Workspace.open(workspace_of("photos")) as workspace:
        now = load_dataset("photos", split="test")
        found = workspace.applicable(Identities.of(now))
        assert [now.names[row].rpartition("/")[2] for row in found.relabelled] == ["other.png"]
        assert (found.new_labels.tolist(), found.refused) == (["dog"], ())
        gone = workspace.applicable(Identities.of(load_dataset("photos", split="train")))
        assert gone.relabelled.size == 0
        assert "train0.png': is not in the data any more." in gone.refused[0]


def test_undo_redo_and_export_to_a_file_and_back(call, tmp_path):
    (tmp_path / "mine.csv").write_text("file,tags\ntest0.png,=odd\n")
    call("import", "mine.csv", "--data", "photos")
    assert "Undone: change 1, import, 1 image." in call("undo", "--data", "photos")
    assert call("export", "--data", "photos").count("\n") == 1
    assert "nothing to undo" in call("undo", "--data", "photos", fails=True)
    assert "Done again: change 1" in call("undo", "--redo", "--data", "photos")
    call("export", "--data", "photos", "--out", "marks.jsonl")
    assert json.loads((tmp_path / "marks.jsonl").read_text())["tags"] == ["=odd"]
    call("import", "marks.jsonl", "--workspace", "other.workspace")
    assert call("export", "--workspace", "other.workspace").splitlines()[1].split(",")[4] == "'=odd"
    call("export", "--journal", "--data", "photos", "--out", "journal.csv")
    call("import", "journal.csv", "--workspace", "third.workspace")
    assert call("log", "--workspace", "third.workspace", "--json").count('"undo"') == 1


def test_what_is_not_there_is_a_sentence(call, tmp_path):
    assert "There is no workspace" in call("log", "--data", "photos", fails=True)
    assert not (tmp_path / "kept").exists()
    (tmp_path / "mine.csv").write_text("file,label\ntrain0.png,horse\n")
    assert "There is no class 'horse'" in call("import", "mine.csv", "--data", "photos", fails=True)
    assert "There is no run 'nobody'" in call("log", "nobody", fails=True)

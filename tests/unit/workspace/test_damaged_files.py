"""What is no workspace, or none any more, is told in a sentence, and no byte of it is changed."""

import os
import sqlite3
import subprocess
import sys

import numpy as np
import pytest

from tests.marked import images, key
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.workspace import database
from workbench.workspace.workspace import Workspace


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.workspace"
    with Workspace.open(path) as workspace:
        workspace.tag(images(*range(200)), "check")
        workspace.note(images(*range(200)), "a longer note, so that there are some pages " * 5)
    assert [each.name for each in tmp_path.iterdir()] == ["a.workspace"]  # closed, it is one file
    return path


def refused(path):
    before = path.read_bytes()
    with pytest.raises(WorkbenchError) as error:
        Workspace.open(path)
    assert path.read_bytes() == before
    assert len(str(error.value)) < 500
    return str(error.value)


@pytest.mark.parametrize("content", [b"key,name\n" * 200, b"\x89PNG" + bytes(4000), b"SQLite format 3\0", b"x"])
def test_another_file_is_no_workspace(tmp_path, content):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    assert "is no workspace" in refused(path) or "is damaged" in refused(path)


def test_another_program_s_database_is_left_alone(tmp_path):
    path = tmp_path / "browser.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE places (x)")
    connection.close()
    assert "a file of another program" in refused(path)


def test_a_newer_version_is_told(file):
    connection = sqlite3.connect(file)
    connection.execute(f"PRAGMA user_version={database.VERSION + 1}")
    connection.close()
    assert "newer version of the workbench (format 2; this one knows 1)" in refused(file)


def test_a_missing_table_is_damage(file):
    connection = sqlite3.connect(file)
    connection.execute("DROP TABLE undone")
    connection.commit()
    connection.close()
    assert "is damaged (tables are missing)" in refused(file)


def test_a_cut_or_overwritten_file_is_told_or_says_what_it_said(file, tmp_path):
    whole = file.read_bytes()
    random = np.random.default_rng(0)
    told = 0
    for number in range(40):
        path = tmp_path / f"{number}.workspace"
        broken = bytearray(whole)
        if number % 2:
            del broken[random.integers(100, len(whole)) :]
        else:
            at = int(random.integers(0, len(whole) - 512))
            broken[at : at + 512] = random.bytes(512)
        path.write_bytes(broken)
        try:
            with Workspace.open(path) as workspace:
                workspace.tags_of([key(each) for each in range(200)])
                workspace.rebuild()
                workspace.marks()
        except WorkbenchError as error:
            told += "damaged" in str(error) or "no workspace" in str(error) or "does not fit together" in str(error)
    assert told > 20  # the others were hit where a text stands, which SQLite cannot know


def test_an_empty_file_becomes_one(tmp_path):
    path = tmp_path / "new.workspace"
    path.touch()
    with Workspace.open(path) as workspace:
        workspace.tag(images(0), "check")
    with Workspace.open(path) as workspace:
        assert workspace.tags() == {"check": 1}


def test_a_second_one_of_the_process_leaves_the_first_one_s_locks(file):
    """Closing a file takes every lock of the process on it away; another program would then delete what is written."""
    other = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); print(c.execute('SELECT 1 FROM state').fetchone())"
    with Workspace.open(file) as first:
        first.tag(images(300), "held")
        with pytest.raises(WorkbenchError):
            Workspace.open(file.with_name("a.workspace").parent)
        with Workspace.open(file, who="other") as second:
            second.tags()
        subprocess.run([sys.executable, "-c", other, str(file)], check=True, capture_output=True)
        assert file.with_name("a.workspace-wal").exists()  # the other program was not the last one
        first.tag(images(301), "held")
    with Workspace.open(file) as again:
        assert again.tags()["held"] == 2


def test_a_folder_is_no_workspace(tmp_path):
    with pytest.raises(WorkbenchError, match="must be a file"):
        Workspace.open(tmp_path)


def test_a_file_that_is_taken_away_while_it_is_open_takes_no_more(file, tmp_path):
    with Workspace.open(file) as workspace:
        file.rename(tmp_path / "moved")
        with pytest.raises(Unavailable, match="was moved, deleted or replaced"):
            workspace.tag(images(0), "lost?")
        (tmp_path / "moved").rename(file)
        assert workspace.tag(images(0), "kept").id == 3


def test_another_program_that_does_not_end_is_waited_for_and_told(file, monkeypatch):
    monkeypatch.setattr(database, "PATIENCE", 0.05)
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with Workspace.open(file) as workspace:
        assert workspace.tags() == {"check": 200}  # reading goes on
        with pytest.raises(Unavailable, match="is being written by another program"):
            workspace.tag(images(0), "x")
        holder.execute("COMMIT")
        assert workspace.tag(images(0), "x").id == 3
    holder.close()


def test_a_closed_workspace_says_so(file):
    workspace = Workspace.open(file)
    workspace.close()
    with pytest.raises(WorkbenchError, match="is closed"):
        workspace.tags()


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_what_could_not_be_begun_leaves_nothing(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match=r"takes no change: (Not a directory|File exists)"):
        Workspace.open(tmp_path / "file" / "a.workspace").tag(images(0), "x")
    assert [each.name for each in tmp_path.iterdir()] == ["file"]

"""Folders and tables that were made to do harm: what is odd is named and passed over, at once."""

from __future__ import annotations

import io
import os
import socket
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.patience import at_once
from workbench.core.errors import WorkbenchError
from workbench.data import load_dataset
from workbench.data.folder import open_folder, survey, tree
from workbench.data.folder.decoded import DecodedImages
from workbench.data.folder.tree import look_through, printable
from workbench.data.regular_file import read_regular
from workbench.data.saved_predictions import read_predictions


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))


def png(value=0):
    file = io.BytesIO()
    Image.new("L", (6, 6), value).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def photos(tmp_path):
    for name in "ab":
        (tmp_path / "d" / name).mkdir(parents=True)
        for number in range(2):
            (tmp_path / "d" / name / f"{number}.png").write_bytes(png(50 * number))
    (tmp_path / "outside.png").write_bytes(png(200))
    return tmp_path / "d"


def read(path, **how):
    """All images are decoded too, and the clock is looked at."""
    with at_once(1):
        data = load_dataset(path, split="train", test_share=0, **how)
        assert len(np.asarray(data.images)) == len(data)
    return data


def deep(folder, count):
    place = os.open(folder, os.O_RDONLY)
    for _ in range(count):
        os.mkdir("d", dir_fd=place)
        place, above = os.open("d", os.O_RDONLY, dir_fd=place), place
        os.close(above)
    os.close(place)


def bound(path):
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(path))


def hollow(path, size=200 * 2**30):
    with path.open("wb") as file:
        file.truncate(size)


def farm(folder):
    for number in range(9):
        (folder / f"d{number}").mkdir()
        for other in range(9):
            (folder / f"d{number}" / f"to{other}").symlink_to(f"../d{other}")


ODD = {
    "a pipe": (lambda a: os.mkfifo(a / "x.png"), "1 skipped that are no regular files: a/x.png"),
    "pipes of other names": (
        lambda a: [
            os.mkfifo(each) for each in (a / "x", a / "labels.csv", a.parent / "labels.csv", a.parent / "t.csv")
        ],
        "4 other files skipped (3 .csv, 1 no suffix)",
    ),
    "a socket": (lambda a: bound(a / "x.png"), "1 skipped that are no regular files: a/x.png"),
    "a link to a device": (
        lambda a: (a / "x.png").symlink_to("/dev/zero"),
        "1 skipped that are links out of the folder (--follow-links follows them): a/x.png",
    ),
    "a link to a file": (
        lambda a: (a / "x.png").symlink_to("../../outside.png"),
        "1 skipped that are links out of the folder (--follow-links follows them): a/x.png",
    ),
    "a link to all there is": (
        lambda a: [(a / "root").symlink_to("/"), (a.parent / "proc").symlink_to("/proc")],
        "2 skipped that are links out of the folder (--follow-links follows them): proc, a/root",
    ),
    "links in a circle": (
        lambda a: [(a / "l").symlink_to("."), (a / "u").symlink_to(".."), (a / "x.png").symlink_to("x.png")],
        "2 skipped that are links to a folder that is gone through once: a/l, a/u",
    ),
    "a link to itself": (lambda a: (a / "x.png").symlink_to("x.png"), "1 file skipped: a/x.png (Too many levels"),
    "a link to nothing": (lambda a: (a / "x.png").symlink_to("none"), "1 file skipped: a/x.png (No such file"),
    "a farm of links": (farm, "81 skipped that are links to a folder that is gone through once: a/d0/to0,"),
    "300 folders in one another": (lambda a: deep(a, 300), "1 skipped that are folders that lie more than 64 deep"),
    "200 GB of nothing": (lambda a: hollow(a / "x.png"), "1 file skipped: a/x.png (larger than 256 MB)"),
    "a name that moves the cursor": (
        lambda a: (a / os.fsdecode(b"\xff\x1b[2J\n\xe2\x80\xae.png")).write_bytes(b"x"),
        "1 file skipped: a/\ufffd\u241b[2J\u240a\ufffd.png (not an image)",
    ),
    "a folder like an image": (lambda a: (a / "x.png").mkdir(), ""),
    "a folder like a table": (lambda a: (a / "labels.csv").mkdir(), ""),
    "many kinds of files": (
        lambda a: [(a / f"x.k{number}").touch() for number in range(40)],
        "40 other files skipped (1 .k0, 1 .k1, 1 .k10, 1 .k11, 1 .k12, 1 .k13, 1 .k14, 1 .k15, 32 more kinds)",
    ),
}


@pytest.mark.parametrize("case", ODD)
def test_one_odd_entry_is_named_and_the_others_are_read(photos, case, monkeypatch):
    monkeypatch.chdir(photos)
    make, said = ODD[case]
    make(photos / "a")
    data = read(photos)
    assert (data.class_names, sorted(data.names)) == (("a", "b"), ["a/0.png", "a/1.png", "b/0.png", "b/1.png"])
    assert not said or any(note.startswith(said) for note in data.notes), data.notes


def test_links_out_of_the_folder_are_followed_if_asked_for(photos, tmp_path):
    (tmp_path / "pool/more").mkdir(parents=True)
    (tmp_path / "pool/more/0.png").write_bytes(png(9))
    (tmp_path / "pool/again").symlink_to("../d")
    (photos / "a/x.png").symlink_to("../../outside.png")
    (photos / "c").symlink_to("../pool")
    (photos / "a/in.png").symlink_to("../b/0.png")  # need not be asked for
    assert sorted(read(photos).names) == ["a/0.png", "a/1.png", "a/in.png", "b/0.png", "b/1.png"]
    data = read(photos, follow_links=True)
    assert sorted(data.names) == ["a/0.png", "a/1.png", "a/in.png", "a/x.png", "b/0.png", "b/1.png", "c/more/0.png"]
    assert data.class_names == ("a", "b", "c")
    assert "1 skipped that are links to a folder that is gone through once: c/again" in data.notes
    assert data.fingerprint != read(photos).fingerprint


def test_where_nothing_is_left_the_links_are_said(tmp_path):
    for name in "ab":
        (tmp_path / "pool" / name).mkdir(parents=True)
        (tmp_path / "pool" / name / "0.png").write_bytes(png())
        (tmp_path / "d").mkdir(exist_ok=True)
        (tmp_path / "d" / name).symlink_to(tmp_path / "pool" / name)
    with pytest.raises(WorkbenchError, match=r"It holds no image; 2 links out of it: --follow-links follows them\."):
        load_dataset(tmp_path / "d")
    assert len(read(tmp_path / "d", follow_links=True)) == 2


def test_a_folder_that_cannot_be_read_is_named(photos, monkeypatch):
    """Root may read everything, so the system's answer is played."""
    (photos / "c").mkdir()
    scandir = os.scandir

    def refused(path):
        if os.fspath(path).endswith("/c"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refused)
    notes = read(photos).notes
    assert "1 skipped that are folders that cannot be read (Permission denied): c/" in notes
    assert any(note.startswith("c/ was not gone through") for note in notes)


def test_more_folders_than_a_data_set_has_are_not_gone_through(photos, monkeypatch):
    monkeypatch.setattr(tree, "MOST_FOLDERS", 4)
    for number in range(9):
        (photos / "a" / str(number)).mkdir()
    found = look_through(photos)
    assert found.top.count == 4  # those nearest to the top come first
    assert sum(map(len, found.aside.values())) == 8


@pytest.mark.parametrize("becomes", ["gone", "a pipe", "a link", "shorter", "another"])
def test_what_becomes_of_a_file_after_it_was_looked_at_is_a_sentence(photos, becomes, tmp_path):
    data = load_dataset(photos, split="train", test_share=0)
    assert isinstance(data.images, DecodedImages)
    path = data.images.file(0)
    content = path.read_bytes()
    path.unlink()
    if becomes == "a pipe":
        os.mkfifo(path)
    elif becomes == "a link":
        path.symlink_to(tmp_path / "outside.png")
    elif becomes != "gone":
        path.write_bytes(content[:40] if becomes == "shorter" else b"text")
    said = {"gone": "There is no image file", "a pipe": "must be a regular file", "a link": "a link out of the folder"}
    with pytest.raises(WorkbenchError, match=said.get(becomes, "0.png|1.png")):
        data.images[0]


def test_a_file_that_becomes_a_pipe_between_looking_and_opening_is_not_waited_for(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "x.png")
    regular = Path(__file__).stat()
    monkeypatch.setattr(os, "stat", lambda path, **_: regular)
    with pytest.raises(OSError, match="not a regular file"):
        read_regular(tmp_path / "x.png", 100)


def test_empty_files_and_folders_without_number_are_counted_and_not_opened(photos, monkeypatch):
    for number in range(30):
        (photos / "a" / f"e{number}.png").touch()
        (photos / f"empty{number}").mkdir()
    opened, look = [], survey.look_at
    monkeypatch.setattr(survey, "look_at", lambda content: opened.append(content) or look(content))
    notes = read(photos).notes
    assert len(opened) == 4
    assert any(note.startswith("30 files skipped: a/e0.png (empty)") for note in notes)
    assert len([note for note in notes if "is empty; Keras counts it" in note]) == 20
    assert "10 more folders are such classes" in notes


def test_large_files_are_looked_at_one_at_a_time(photos, monkeypatch):
    inside, most, look = [], [], survey.look_at

    def noted(content):
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.01)
        inside.pop()
        return look(content)

    monkeypatch.setattr(survey, "look_at", noted)
    monkeypatch.setattr(survey, "LARGE", 10)
    open_folder(photos)
    assert max(most) == 1


GOOD = "file,label\na/0.png,x\nb/0.png,y\n"
TABLES = {
    "paths that climb": (
        f"{GOOD}../outside.png,x\n/etc/passwd,x\na/../../outside.png,y\n",
        "3 skipped that are files out of the table's folder (--follow-links follows them): ../outside.png, /etc",
    ),
    "a link": (f"{GOOD}a/l.png,x\n", "1 file skipped: a/l.png (a link out of the folder)"),
    "a link on the way": (f"{GOOD}up/outside.png,x\n", "1 file skipped: up/outside.png (a link out of the folder)"),
    "devices": (
        f"{GOOD}/dev/zero,x\na/pipe.png,y\n",
        "2 files of the table are not there: '/dev/zero' and 'a/pipe.png'",
    ),
    "a long path": (f"{GOOD}{'x' * 9000}/y.png,x\n", "1 file of the table is not there: 'xxxx"),
}


@pytest.mark.parametrize("case", TABLES)
def test_a_table_names_no_file_out_of_its_folder(photos, case):
    text, said = TABLES[case]
    (photos / "t.csv").write_text(text)
    (photos / "a/l.png").symlink_to("../../outside.png")
    (photos / "up").symlink_to("..")
    os.mkfifo(photos / "a/pipe.png")
    data = read(photos / "t.csv")
    assert sorted(data.names) == ["a/0.png", "b/0.png"]
    assert any(note.startswith(said) for note in data.notes), data.notes


def test_a_table_may_name_files_out_of_its_folder_if_asked_for(photos):
    (photos / "t.csv").write_text("file,label\n../outside.png,x\na/0.png,y\n")
    with pytest.raises(WorkbenchError, match="1 file of it out of its folder: --follow-links follows them"):
        load_dataset(photos / "t.csv")
    assert sorted(read(photos / "t.csv", follow_links=True).names) == ["../outside.png", "a/0.png"]


REFUSED_TABLES = {
    "a line without an end": ("a/" + "x" * 2**21 + ",x\n", "lines of at most 1,048,576 characters. Line 4 has 2,097,"),
    "too many lines": ("\n" * 1_000_001, "at most 1,000,000 lines"),
    "a quotation without an end": ('"' + "x\n" * 100_000, "field larger than field limit"),
    "a null": ("a/\0.png,x\n", "is not a table of text"),
    "too many classes": ("".join(f"a/1.png,c{n}\n" for n in range(3)), None),
}


@pytest.mark.parametrize("case", REFUSED_TABLES)
def test_a_table_larger_than_any_is_refused(photos, case):
    text, said = REFUSED_TABLES[case]
    (photos / "t.csv").write_text(GOOD + text)
    if said is None:
        assert "1 file with several labels" in " ".join(read(photos / "t.csv").notes)
    else:
        with pytest.raises(WorkbenchError, match=said):
            load_dataset(photos / "t.csv")


def test_columns_are_counted_before_they_are_cut_apart(photos):
    (photos / "t.csv").write_text(",".join(map(str, range(30_000))) + "\n")
    with pytest.raises(WorkbenchError, match=r"at most 20,000 columns\. It has 30,000"):
        load_dataset(photos / "t.csv")


def test_tables_that_name_no_files_are_not_read(photos, monkeypatch):
    hollow(photos / "labels.csv")
    (photos / "notes.csv").write_text("a,b\n" + "1,2\n" * 100_000)
    monkeypatch.setattr("workbench.data.folder.label_file.read_table", lambda path: pytest.fail("read"))
    assert len(read(photos)) == 4


PREDICTIONS = {
    "hollow": (hollow, "is larger than 512 MB: save the scores as an .npz file"),
    "a pipe": (os.mkfifo, "file of predictions"),
    "columns": (lambda path: path.write_text("a," * 200_000 + "\n1,2\n"), "at most 100,000 columns"),
    "nothing": (lambda path: path.write_text(""), "cannot be read as"),
    "nulls": (lambda path: path.write_bytes(b"label,a,b\n" + bytes(50)), "must|cannot"),
}


@pytest.mark.parametrize("case", PREDICTIONS)
def test_a_hostile_table_of_predictions_is_a_sentence(tmp_path, case):
    make, said = PREDICTIONS[case]
    make(tmp_path / "p.csv")
    with pytest.raises(WorkbenchError, match=said):
        read_predictions(tmp_path / "p.csv")


def test_predictions_that_memory_does_not_hold_are_refused(tmp_path, monkeypatch):
    (tmp_path / "p.csv").write_text("label,a,b\n" + "0,0.5,0.5\n" * 1000)
    monkeypatch.setattr("workbench.data.saved_predictions.files.free_memory", lambda: 50_000)
    with pytest.raises(WorkbenchError, match=r"2,002 cells, which need 0 MB"):
        read_predictions(tmp_path / "p.csv")


@pytest.mark.parametrize(
    ("name", "seen"),
    [("a\x1b[31m", "a\u241b[31m"), ("\u202e", "\ufffd"), ("a\r\n", "a\u240d\u240a"), ("\u00e9\u200d", "\u00e9\u200d")],
)
def test_no_name_moves_the_cursor_or_turns_the_text_around(name, seen):
    assert printable(name) == seen

"""Files are there whole or not at all."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from workbench.core import files
from workbench.core.files import disk_trouble, put_in_place, replacing, write_file


@pytest.mark.parametrize(("content", "read"), [("ä\n", "ä\n".encode()), (b"\x00\xff", b"\x00\xff")])
@pytest.mark.parametrize("durable", [False, True])
def test_what_was_there_is_replaced(tmp_path, content, read, durable):
    path = tmp_path / "name.txt"
    path.write_text("old")
    write_file(path, content, durable=durable)
    assert path.read_bytes() == read
    assert list(tmp_path.iterdir()) == [path]


def test_others_may_read_it_as_they_may_any_file(tmp_path):
    write_file(tmp_path / "written", "")
    (tmp_path / "usual").touch()
    assert (tmp_path / "written").stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
def test_an_error_while_it_is_written_leaves_what_was_there(tmp_path, error):
    path = tmp_path / "name.npz"
    path.write_text("old")

    def write():
        with replacing(path) as part:
            assert (part.parent, part.suffix, part.exists()) == (tmp_path, ".npz", False)
            part.write_text("half")
            assert path.read_text() == "old"
            raise error

    with pytest.raises(type(error)):
        write()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_durable_file_is_on_the_disk_before_it_takes_its_place_and_the_folder_after(tmp_path, monkeypatch):
    path, order = tmp_path / "name", []
    monkeypatch.setattr(files, "sync", lambda each: order.append((each.is_file(), path.exists())))
    write_file(path, "new", durable=True)
    assert order == [(True, False), (False, True)]


def folder(path: Path, content: str) -> Path:
    path.mkdir()
    (path / "inside").write_text(content)
    return path


def test_a_folder_takes_the_place_of_a_folder(tmp_path):
    made, path, aside = folder(tmp_path / "made", "new"), folder(tmp_path / "path", "old"), tmp_path / "aside"
    put_in_place(made, path, aside=aside)
    assert [(each / "inside").read_text() for each in (path, aside)] == ["new", "old"]
    assert not made.exists()


def test_a_file_takes_the_place_of_a_file_at_once(tmp_path):
    (tmp_path / "made").write_text("new")
    (tmp_path / "path").write_text("old")
    put_in_place(tmp_path / "made", tmp_path / "path", aside=tmp_path / "aside")
    assert (tmp_path / "path").read_text() == "new"
    assert [each.name for each in tmp_path.iterdir()] == ["path"]


def test_a_folder_that_cannot_be_put_in_place_leaves_the_one_that_was_there(tmp_path, monkeypatch):
    made, path, original = folder(tmp_path / "made", "new"), folder(tmp_path / "path", "old"), Path.replace

    def refused(self, target):
        if self == made:
            raise OSError(errno.ENOSPC, "full")
        return original(self, target)

    monkeypatch.setattr(Path, "replace", refused)
    with pytest.raises(OSError, match="full"):
        put_in_place(made, path, aside=tmp_path / "aside")
    assert (path / "inside").read_text() == "old"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["made", "path"]


def test_what_a_disk_refuses_is_known_by_its_words_whoever_says_it():
    assert disk_trouble(OSError(28, "No space left on device", "f")) == "No space left on device"
    tensorflow = RuntimeError("{{function_node SaveV2}} /x/part; No space left on device [Op:SaveV2]")
    assert disk_trouble(tensorflow) == "No space left on device"
    outer = ValueError("cannot be written")
    outer.__cause__ = PermissionError(13, "Permission denied")
    assert disk_trouble(outer) == "Permission denied"
    assert disk_trouble(OSError("Unable to write (errno = 30, error message = 'Read-only file system')")) == (
        "Read-only file system"
    )
    assert disk_trouble(ValueError("other")) == ""
    assert disk_trouble(KeyError(28)) == ""

"""Archives that were made to do harm are refused in a sentence, at once, and leave nothing behind."""

from __future__ import annotations

import gzip
import io
import os
import struct
import tarfile
import time
import zipfile

import pytest
from PIL import Image

from tests.patience import at_once
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.data import load_dataset
from workbench.data.folder import archive


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))


def png():
    file = io.BytesIO()
    Image.new("L", (6, 6)).save(file, "PNG")
    return file.getvalue()


def read(path):
    return load_dataset(path, split="train", test_share=0)


def hollow(path):
    with path.open("wb") as file:
        file.truncate(200 * 2**30)


def zipped(path, *members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name in ("a/0.png", "b/0.png"):
            made.writestr(name, png())
        for name, content in members:
            made.writestr(name, content)
    return path


def head(name, size, kind=tarfile.REGTYPE):
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


def tarred(path, after):
    with tarfile.open(path, "w:gz") as made:
        for name in ("a/0.png", "b/0.png"):
            info = tarfile.TarInfo(name)
            info.size = len(png())
            made.addfile(info, io.BytesIO(png()))
        made.fileobj.write(after)
        made.offset += len(after)
    return path


def patched(path, place, value):
    """Change a field of the last entry of a zip's list."""
    content = bytearray(path.read_bytes())
    place += content.rfind(b"PK\1\2")
    content[place : place + len(value)] = value
    path.write_bytes(bytes(content))
    return path


def damaged(path, place):
    """Flip a bit of what is packed."""
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[place] ^= 1
    path.write_bytes(gzip.compress(bytes(content)))
    return path


def pax(text):
    return head("x", len(text), tarfile.XHDTYPE) + text + bytes(-len(text) % 512) + head("a/s.png", 512) + bytes(512)


SPARSE = b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n27 GNU.sparse.name=a/s.png\n29 GNU.sparse.realsize=99999\n"
ARCHIVES = {
    "a hollow zip": (hollow, "takes .* on the disk"),
    "1,500 steps": (lambda path: zipped(path, ("a/" + "d/" * 1500 + "x.png", b"x")), "has more than 64 steps"),
    "a long name": (lambda path: zipped(path, ("x" * 60_000 + ".png", b"x")), "or one of more than 255 bytes"),
    "a smaller size than there is": (
        lambda path: patched(zipped(path, ("b/1.png", bytes(2**20))), 24, struct.pack("<I", 5)),
        "damaged and cannot be unpacked: Bad CRC-32",
    ),
    "a file that is said to be empty": (
        lambda path: patched(zipped(path), 24, bytes(4)),
        "'b/0.png' is said to be empty and has a checksum",
    ),
    "a second head that is damaged": (lambda path: damaged(tarred(path, b""), 1024), "its list of files is damaged"),
    "an unknown packing": (lambda path: patched(zipped(path), 10, b"\x63\0"), "compression method is not supported"),
    "encrypted": (lambda path: patched(zipped(path), 8, b"\1\0"), "'b/0.png' is encrypted"),
    "a name as long as a bomb": (
        lambda path: tarred(path, head("x", 10**9, b"L") + bytes(2**20)),
        "a name of 1,000,000",
    ),
    "names on names": (
        lambda path: tarred(path, (head("x", 4, b"L") + b"a/x\0" + bytes(508)) * 3000),
        "without an end",
    ),
    "a sparse file": (lambda path: tarred(path, pax(SPARSE)), "damaged and cannot be unpacked"),
    "a file in a file": (lambda path: zipped(path, ("a/0.png/x.png", b"x")), "cannot be unpacked"),
}


@pytest.mark.parametrize("case", ARCHIVES)
def test_a_hostile_archive_is_refused_and_leaves_nothing(tmp_path, case):
    make, said = ARCHIVES[case]
    path = tmp_path / "x.zip"
    make(path)
    with at_once(1), pytest.raises(WorkbenchError, match=said):
        archive.archive_folder(path)
    kept = tmp_path / "cache/archives"
    assert not kept.exists() or not list(kept.iterdir())


@pytest.mark.parametrize("packed", [False, True])
def test_a_tar_that_is_cut_off_is_never_read_as_whole(tmp_path, packed):
    whole, path = gzip.decompress(tarred(tmp_path / "whole", b"").read_bytes()), tmp_path / "x.tar"
    end = 4 * tarfile.BLOCKSIZE  # two heads, two images of less than a block; then zeros
    assert not any(whole[end:]) and len(whole) > end + tarfile.BLOCKSIZE
    for length in (*range(600, end + 1, 8), end + tarfile.BLOCKSIZE - 1):
        path.write_bytes(gzip.compress(whole[:length], 1) if packed else whole[:length])
        with pytest.raises(WorkbenchError, match=r"x\.tar is damaged and cannot be unpacked"):
            archive.archive_folder(path)
    path.write_bytes(
        gzip.compress(whole[: end + 512]) if packed else whole[: end + 512]
    )  # the shortest that has an end
    assert len(read(path)) == 2


@pytest.mark.parametrize("packed", [False, True])
def test_archives_that_were_joined_are_refused_since_the_second_would_be_lost(tmp_path, packed):
    whole, path = tarred(tmp_path / "whole", b"").read_bytes(), tmp_path / "x.tar"
    path.write_bytes(2 * whole if packed else 2 * gzip.decompress(whole))
    with pytest.raises(WorkbenchError, match=r"x\.tar is damaged and cannot be unpacked: there is more behind its end"):
        archive.archive_folder(path)
    path.write_bytes(gzip.decompress(whole) + bytes(2**20))
    assert len(read(path)) == 2


def test_an_archive_may_begin_with_a_name_that_begins_like_a_packed_one(tmp_path):
    with tarfile.open(tmp_path / "x.tar", "w") as made:
        for name in ("BZh91/0.png", "b/0.png"):
            info = tarfile.TarInfo(name)
            info.size = len(png())
            made.addfile(info, io.BytesIO(png()))
    assert len(read(tmp_path / "x.tar")) == 2


def test_an_archive_is_called_by_its_own_name(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as made:
        made.writestr("a/0.png", png())
    with pytest.raises(WorkbenchError, match=r"^x\.zip must hold images of at least two classes"):
        read(tmp_path / "x.zip")


def test_zeros_are_no_archive(tmp_path):
    (tmp_path / "x.tar").write_bytes(bytes(10_240))
    with pytest.raises(WorkbenchError, match="is no archive that can be opened"):
        load_dataset(tmp_path / "x.tar")


def test_an_archive_of_folders_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MOST_FOLDERS", 9)
    with pytest.raises(WorkbenchError, match="more than 9 folders"):
        archive.archive_folder(zipped(tmp_path / "x.zip", *((f"c{number}/", b"") for number in range(10))))


def test_archives_in_archives_are_not_opened(tmp_path):
    inner = zipped(tmp_path / "inner.zip").read_bytes()
    data = read(zipped(tmp_path / "x.zip", ("a/inner.zip", inner), ("a/n.png", inner), ("a/empty.png", b"")))
    assert sorted(data.names) == ["a/0.png", "b/0.png"]
    assert "1 file skipped: a/n.png (not an image)" in data.notes


def test_what_a_killed_process_left_is_never_read_and_once_removed(tmp_path):
    kept = tmp_path / "cache/archives"
    for name, age in (("old", 2 * archive.DAY), ("new", 60)):
        (kept / f".unpacking-{name}/a").mkdir(parents=True)
        os.utime(kept / f".unpacking-{name}", (time.time() - age,) * 2)
    assert len(read(zipped(tmp_path / "x.zip"))) == 2
    assert sorted(each.name for each in kept.iterdir() if each.name.startswith(".")) == [".unpacking-new"]


def test_a_disk_that_is_too_small_is_seen_before_a_byte_is_unpacked(tmp_path, monkeypatch):
    full = archive.shutil.disk_usage(tmp_path)._replace(free=10)
    monkeypatch.setattr(archive.shutil, "disk_usage", lambda path: full)
    monkeypatch.setattr(archive, "_unpack", lambda *_: pytest.fail("unpacked"))
    with pytest.raises(Unavailable, match="where there is less room"):
        archive.archive_folder(zipped(tmp_path / "x.zip"))

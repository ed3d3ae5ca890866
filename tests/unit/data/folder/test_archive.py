"""Archives are unpacked once, into the cache; those that could do harm are refused before a byte is written."""

from __future__ import annotations

import io
import tarfile
import zipfile

import pytest
from PIL import Image

from workbench.core.errors import WorkbenchError
from workbench.data import load_dataset, own_parts
from workbench.data.folder import archive


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache/archives"


def png(value):
    file = io.BytesIO()
    Image.new("RGB", (6, 6), (value, 9, 9)).save(file, "PNG")
    return file.getvalue()


MEMBERS = {
    f"pets/{part}_set/{name}/{n}.png": png(50 * n) for part in ("train", "test") for name in "ab" for n in (1, 2)
}
MEMBERS |= {
    "pets/train_set/a/notes.txt": b"n",
    "__MACOSX/pets/._x.png": b"x",
    "pets/run.sh": b"#!",
    "pets/test_set/c/": b"",
}


def zipped(path, members=MEMBERS, **odd):
    with zipfile.ZipFile(path, "w") as made:
        for name, content in {**members, **odd}.items():
            made.writestr(name, content)
    return path


def tarred(path, *odd):
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as made:
        for name, content in MEMBERS.items():
            info = tarfile.TarInfo(name.rstrip("/"))
            info.size, info.type = len(content), tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            made.addfile(info, io.BytesIO(content))
        for info in odd:
            made.addfile(info)
    return path


@pytest.mark.parametrize("name", ["photos.zip", "photos.tar", "photos.tar.gz", "photos.download"])
def test_an_archive_is_read_like_its_folder_and_unpacked_once(tmp_path, cache, name, monkeypatch):
    path = (tarred if ".tar" in name else zipped)(tmp_path / name)
    data = load_dataset(path)
    assert (data.name, data.class_names, len(data)) == ("photos/test", ("a", "b", "c"), 4)
    assert own_parts(path) == ("train", "test")
    monkeypatch.setattr(archive, "_unpack", lambda *_: pytest.fail("unpacked twice"))
    assert load_dataset(path, split="train").images[:].max() == 100
    files = sorted(file.name for file in cache.rglob("*") if file.is_file())
    assert files == ["1.png", "1.png", "1.png", "1.png", "2.png", "2.png", "2.png", "2.png"]
    assert len(list(cache.iterdir())) == 1


def link(kind):
    info = tarfile.TarInfo("pets/train_set/a/l.png")
    info.type, info.linkname = kind, "/etc/passwd"
    return info


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda p: zipped(p / "x.zip", **{"../x.png": b""}), "leaves the folder"),
        (lambda p: zipped(p / "x.zip", **{"/x.png": b""}), "leaves the folder"),
        (lambda p: zipped(p / "x.zip", **{"a\\..\\..\\x.png": b""}), "leaves the folder"),
        (lambda p: zipped(p / "x.zip", **{"C:\\x.png": b""}), "leaves the folder"),
        (lambda p: tarred(p / "x.tar", link(tarfile.SYMTYPE)), "is a link"),
        (lambda p: tarred(p / "x.tar", link(tarfile.LNKTYPE)), "is a link"),
        (lambda p: tarred(p / "x.tar", link(tarfile.CHRTYPE)), "is a device"),
        (lambda p: tarred(p / "x.tar", link(tarfile.FIFOTYPE)), "is a device"),
    ],
)
def test_what_could_do_harm_is_refused_whole(tmp_path, cache, make, said):
    with pytest.raises(WorkbenchError, match=said):
        load_dataset(make(tmp_path))
    assert not cache.exists() or not list(cache.iterdir())


def test_a_link_in_a_zip_is_refused(tmp_path):
    path = zipped(tmp_path / "x.zip")
    with zipfile.ZipFile(path, "a") as made:
        info = zipfile.ZipInfo("pets/l.png")
        info.external_attr = 0o120777 << 16
        made.writestr(info, "/etc/passwd")
    with pytest.raises(WorkbenchError, match="is a link"):
        load_dataset(path)


def test_a_bomb_is_refused_by_the_sizes_it_names(tmp_path, cache, monkeypatch):
    monkeypatch.setattr(archive, "SMALL", 10_000)
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("a/x.png", b"\0" * 2**20)
    with pytest.raises(WorkbenchError, match="far more than images have"):
        load_dataset(path)
    monkeypatch.setattr(archive, "MOST_FILES", 3)
    with pytest.raises(WorkbenchError, match="or 3 files"):
        load_dataset(zipped(tmp_path / "y.zip"))
    assert not list(cache.iterdir())


def test_damaged_and_encrypted_archives_are_said(tmp_path):
    whole = tarred(tmp_path / "x.tar.gz").read_bytes()
    (tmp_path / "cut.tar.gz").write_bytes(whole[:-60])
    with pytest.raises(WorkbenchError, match="damaged and cannot be unpacked"):
        load_dataset(tmp_path / "cut.tar.gz")
    (tmp_path / "cut.zip").write_bytes(zipped(tmp_path / "x.zip").read_bytes()[:-30])
    with pytest.raises(WorkbenchError, match="cut off, or of another format"):
        load_dataset(tmp_path / "cut.zip")

import io
import os
import shutil
import tarfile

import numpy as np
import pytest

from tests.photos import COLOURS, photos, picture
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.data import is_folder, is_there, load_dataset, own_parts
from workbench.data.image_file import read_image
from workbench.data.records import index, webdataset
from workbench.data.records.finding import expanded, is_shard_file
from workbench.data.records.shard_file import ShardFile


def jpeg(label, number):
    stream = io.BytesIO()
    picture(list(COLOURS.values())[label], 24, 24, 100 * label + number).save(stream, "jpeg", quality=95)
    return stream.getvalue()


def tar(path, samples, mode="w", **odd):
    """Write (key, {ending: content}) samples; odd entries are (name, content) by their type."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as archive:
        for key, parts in samples:
            for ending, content in parts.items():
                info = tarfile.TarInfo(f"{key}.{ending}")
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
        for kind, name in odd.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = getattr(tarfile, kind), "/etc/passwd"
            archive.addfile(info)
    return path


def samples(first, count, as_text=False):
    names = list(COLOURS)
    return [
        (f"{n:05d}", {"jpg": jpeg(n % 3, n), "cls": (names[n % 3] if as_text else str(n % 3)).encode()})
        for n in range(first, first + count)
    ]


@pytest.fixture
def shards(tmp_path):
    for number in range(3):
        tar(tmp_path / f"set/shard-{number:03d}.tar", samples(12 * number, 12))
    return tmp_path / "set"


def test_each_image_is_the_one_beside_its_label(shards):
    data = load_dataset(shards, split="train", test_share=0)
    assert len(data) == 36
    assert data.class_names == ("0", "1", "2")
    assert data.images.shape == (36, 24, 24, 3)
    for row, name in enumerate(data.names.tolist()):
        number = int(name.removesuffix(".jpg").rpartition("/")[2])
        assert data.labels[row] == number % 3
        assert name.startswith(f"shard-{number // 12:03d}.tar/")
        assert np.array_equal(data.images[row], read_image(jpeg(number % 3, number), (24, 24, 3))[0])
    assert "36 images of 3 WebDataset files" in data.notes
    assert data.subset([3, 1]).fingerprint != data.fingerprint


def test_one_file_a_folder_and_a_pattern_are_taken_and_the_order_is_always_the_same(shards):
    whole = load_dataset(shards)
    pattern = f"{shards}/shard-{{000..002}}.tar"
    assert is_folder(pattern)
    assert is_there(pattern)
    told = load_dataset(pattern)
    assert told.fingerprint == whole.fingerprint
    assert told.names.tolist() == whole.names.tolist()
    assert len(load_dataset(shards / "shard-001.tar", split="train", test_share=0)) == 12
    assert len(load_dataset(f"{shards}/shard-{{000,002}}.tar", split="train", test_share=0)) == 24


def test_a_pattern_counts_as_a_shell_does():
    assert expanded("s-{08..11}.tar") == ["s-08.tar", "s-09.tar", "s-10.tar", "s-11.tar"]
    assert expanded("{2..0}{a,b}") == ["2a", "2b", "1a", "1b", "0a", "0b"]
    with pytest.raises(WorkbenchError, match=r"at most 100,000 files"):
        expanded("{0..999}{0..999}")


def test_a_file_that_a_pattern_names_and_is_not_there_is_named(shards):
    with pytest.raises(Unavailable, match=r"no file '.*shard-003.tar', one of 4"):
        load_dataset(f"{shards}/shard-{{000..003}}.tar")


def test_parts_are_what_the_names_say(tmp_path):
    for name, first in (("train-000.tar", 0), ("train-001.tar", 12), ("val-000.tar", 24), ("test-000.tar", 36)):
        tar(tmp_path / "parts" / name, samples(first, 12))
    assert own_parts(tmp_path / "parts") == ("train", "validation", "test")
    assert len(load_dataset(tmp_path / "parts", split="train")) == 24
    assert len(load_dataset(tmp_path / "parts", split="validation")) == 12
    tar(tmp_path / "parts/more.tar", samples(48, 3))
    with pytest.raises(WorkbenchError, match=r"must say a part .* or none\. test-000.tar says test, and more.tar"):
        load_dataset(tmp_path / "parts")


def test_labels_may_be_names_and_numbers_may_be_named(tmp_path, shards):
    tar(tmp_path / "named.tar", samples(0, 12, as_text=True))
    assert load_dataset(tmp_path / "named.tar").class_names == tuple(sorted(COLOURS))
    assert load_dataset(shards, class_names="red,green,blue").class_names == ("red", "green", "blue")
    with pytest.raises(WorkbenchError, match=r"2 names|2 class names|3 classes"):
        load_dataset(shards, class_names="red,green")


def test_a_tar_of_class_folders_is_still_an_archive(tmp_path):
    shutil.make_archive(str(tmp_path / "packed"), "tar", photos(tmp_path / "photos", 4))
    assert load_dataset(tmp_path / "packed.tar").class_names == ("blue", "green", "red")


def test_what_is_odd_in_a_tar_is_counted_and_the_rest_is_read(tmp_path):
    odd = [
        ("alone", {"jpg": jpeg(0, 1)}),
        ("lonely", {"cls": b"1"}),
        ("00000", {"jpg": jpeg(1, 1)}),
        ("broken", {"jpg": jpeg(0, 2)[:300], "cls": b"1"}),
        ("text", {"txt": b"x", "json": b"{}"}),
        ("empty", {"jpg": b"", "cls": b"1"}),
        ("long", {"jpg": jpeg(0, 3), "cls": b"1" * 5000}),
    ]
    tar(tmp_path / "odd.tar", [*samples(0, 12), *odd], SYMTYPE="link.jpg", FIFOTYPE="pipe.jpg")
    data = load_dataset(tmp_path / "odd.tar", split="train", test_share=0)
    assert len(data) == 12
    told = " | ".join(data.notes)
    for words in (
        "2 entries skipped, no plain file",
        "2 entries skipped, an image without a label",
        "1 entry skipped, a label without an image",
        "1 entry skipped, a key that comes again, apart from the first",
        "odd.tar/broken.jpg (truncated)",
        "odd.tar/empty.jpg (empty)",
    ):
        assert words in told


@pytest.mark.parametrize("kept", [0.999, 0.7, 0.3])
def test_a_tar_that_is_cut_off_is_one_sentence_wherever(shards, kept):
    path = shards / "shard-001.tar"
    content = path.read_bytes()
    end = len(content.rstrip(b"\0"))
    path.write_bytes(content[: int(end * kept)])
    with pytest.raises(WorkbenchError, match=r"shard-001.tar is damaged and cannot be read: .*cut off|unexpected end"):
        load_dataset(shards)


def test_a_packed_tar_is_one_sentence(tmp_path):
    tar(tmp_path / "set/packed.tar", samples(0, 6), mode="w:gz")
    with pytest.raises(WorkbenchError, match=r"packed.tar is packed"):
        load_dataset(tmp_path / "set")


def test_a_tar_without_samples_or_with_one_class_is_one_sentence(tmp_path):
    tar(tmp_path / "a/none.tar", [("x", {"txt": b"x"})])
    with pytest.raises(WorkbenchError, match=r"none.tar must hold KEY.jpg and KEY.cls"):
        load_dataset(tmp_path / "a")
    tar(tmp_path / "b/one.tar", [("x", {"jpg": jpeg(0, 1), "cls": b"4"})])
    with pytest.raises(WorkbenchError, match=r"at least two classes"):
        load_dataset(tmp_path / "b")


def test_a_file_that_changes_is_an_error_where_it_is_read_and_new_data_the_next_time(shards):
    data = load_dataset(shards, split="train", test_share=0)
    row = [name.startswith("shard-001") for name in data.names.tolist()].index(True)
    tar(shards / "shard-001.tar", samples(100, 12))
    os.utime(shards / "shard-001.tar", (1, 1))
    with pytest.raises(WorkbenchError, match=r"changed since it was looked at"):
        data.images[row]
    assert load_dataset(shards, split="train", test_share=0).fingerprint != data.fingerprint


def test_a_file_that_changes_while_it_is_looked_at_is_not_remembered(shards, monkeypatch):
    whole = ShardFile.local

    def local(shard):
        if shard.shown == "shard-001.tar":
            tar(shards / shard.shown, samples(100, 14))
        return whole(shard)

    with monkeypatch.context() as patched:
        patched.setattr(ShardFile, "local", local)
        with pytest.raises(Unavailable, match=r"shard-001.tar has changed since it was looked at"):
            load_dataset(shards)
    assert len(load_dataset(shards, split="train", test_share=0)) == 38


def test_nothing_is_read_a_second_time(shards, monkeypatch):
    from workbench.data.records import opening

    for each in shards.iterdir():  # what was just written is looked at again
        os.utime(each, (1e9, 1e9))
    first = load_dataset(shards)
    monkeypatch.setattr(opening.Records, "read", lambda *_: pytest.fail("it is known"))
    monkeypatch.setattr(opening, "index_webdataset", lambda *_: pytest.fail("it is known"))
    assert load_dataset(shards).fingerprint == first.fingerprint


def test_in_a_store_they_are_the_same_data(store, shards):
    url = store.put_folder(shards, "set")
    here = load_dataset(shards)
    for name in (url, f"{url}/shard-{{000..002}}.tar"):
        there = load_dataset(name)
        assert there.fingerprint == here.fingerprint
        assert np.array_equal(there.images[:], here.images[:])
    assert [key for method, key in store.asked if method == "GET" and key.endswith(".tar")] == [
        f"set/shard-{n:03d}.tar" for n in range(3)
    ]
    assert len(load_dataset(f"{url}/shard-001.tar", split="train", test_share=0)) == 12
    with pytest.raises(Unavailable, match=r"nothing at s3://images/set/shard-003.tar"):
        load_dataset(f"{url}/shard-{{000..003}}.tar")


def test_a_copy_that_others_made_room_of_is_fetched_again(store, shards, tmp_path):
    data = load_dataset(store.put_folder(shards, "set"), split="train", test_share=0)
    shutil.rmtree(tmp_path / "cache/remote")
    assert np.array_equal(data.images[:], load_dataset(shards, split="train", test_share=0).images[:])


def test_one_that_is_cut_off_in_a_store_or_on_the_way_is_one_sentence(store, shards):
    content = (shards / "shard-001.tar").read_bytes()
    url = store.put_folder(shards, "set")
    store.put("set/shard-001.tar", content[: len(content) // 2])
    with pytest.raises(WorkbenchError, match=r"shard-001.tar is damaged"):
        load_dataset(url)
    store.put("set/shard-001.tar", content, 1_700_000_100.0)
    store.cut.add("set/shard-001.tar")
    with pytest.raises(WorkbenchError, match=r"set/shard-001.tar"):
        load_dataset(f"{url}/shard-{{000..002}}.tar")


def test_labels_are_numbers_only_where_all_of_them_are_in_all_files(tmp_path):
    for shard, words in (("a", ("001", "002")), ("b", ("001", "n02"))):
        made = [(f"{shard}{n}", {"jpg": jpeg(n % 2, n), "cls": words[n % 2].encode()}) for n in range(6)]
        tar(tmp_path / f"set/{shard}.tar", made)
    data = load_dataset(tmp_path / "set", split="train", test_share=0)
    assert data.class_names == ("001", "002", "n02")
    for name, label in zip(data.names.tolist(), data.labels.tolist(), strict=True):
        first = int(name.removesuffix(".jpg")[-1]) % 2 == 0
        assert data.class_names[label] == ("001" if first else "002" if name.startswith("a.tar") else "n02")
    (tmp_path / "set/b.tar").unlink()
    assert load_dataset(tmp_path / "set").class_names == ("0", "1", "2")


def test_a_sample_is_made_of_neighbours_and_what_comes_again_is_counted(tmp_path):
    made = [
        ("000", {"jpg": jpeg(0, 1)}),
        *samples(10, 12),
        ("000", {"json": b"{}", "png": jpeg(1, 2), "cls": b"1"}),
        ("00010", {"cls": b"0"}),
        ("000", {"png": jpeg(2, 3), "cls": b"2"}),
        ("two", {"jpg": jpeg(0, 4), "png": jpeg(1, 5), "cls": b"0"}),
    ]
    data = load_dataset(tar(tmp_path / "a.tar", made), split="train", test_share=0)
    assert len(data) == 14
    labels = dict(zip(data.names.tolist(), data.labels.tolist(), strict=True))
    assert (labels["a.tar/000.png"], labels["a.tar/two.jpg"]) == (1, 0)
    assert "a.tar/000.jpg" not in labels
    told = " | ".join(data.notes)
    for words in ("1 entry skipped, an image without", "2 entries skipped, a key that comes again", "a second image"):
        assert words in told
    apart = [(key, {ending: parts[ending]}) for ending in ("jpg", "cls") for key, parts in samples(0, 6)]
    with pytest.raises(WorkbenchError, match=r"b.tar must hold KEY.jpg and KEY.cls, neighbours, .* comes again"):
        load_dataset(tar(tmp_path / "set/b.tar", apart).parent)


def test_hidden_files_and_files_without_an_ending_are_of_no_sample(tmp_path):
    made = []
    for key, parts in samples(0, 12):
        made += [(key, {"jpg": parts["jpg"]}), (f"._{key}", {"cls": b"0"}), (key, {"cls": parts["cls"]})]
    assert len(load_dataset(tar(tmp_path / "a.tar", made), split="train", test_share=0)) == 12


def test_archives_that_were_joined_are_refused_since_the_second_would_be_lost(tmp_path):
    one, other = tar(tmp_path / "a.tar", samples(0, 6)), tar(tmp_path / "b.tar", samples(6, 6))
    joined = tmp_path / "set/joined.tar"
    joined.parent.mkdir()
    joined.write_bytes(one.read_bytes() + other.read_bytes())
    with pytest.raises(WorkbenchError, match=r"joined.tar is damaged .* more behind its end, .* joined; take them"):
        load_dataset(joined.parent)
    joined.write_bytes(one.read_bytes() + bytes(2**20))
    assert len(load_dataset(joined, split="train", test_share=0)) == 6


def test_a_file_without_labels_is_said_and_the_others_are_read(shards):
    tar(shards / "shard-003.tar", [("x", {"jpg": jpeg(0, 1)})])
    data = load_dataset(shards, split="train", test_share=0)
    assert len(data) == 36
    assert any(note.startswith("shard-003.tar must hold KEY.jpg and KEY.cls") for note in data.notes)


def test_long_names_are_passed_over_and_take_no_room(tmp_path, monkeypatch):
    path = tar(tmp_path / "a.tar", [*samples(0, 12), ("x" * 1030, {"jpg": jpeg(0, 1), "cls": b"1"})])
    data = load_dataset(path, split="train", test_share=0)
    assert len(data) == 12
    assert "a.tar: 2 entries skipped, a name of more than 1,024 bytes" in data.notes
    monkeypatch.setattr(index, "WIDEST", 100)
    with pytest.raises(WorkbenchError, match=r"b.tar must have shorter names, or fewer images. It has 12, and a name"):
        load_dataset(tar(tmp_path / "b.tar", samples(0, 12)))
    monkeypatch.setattr(index, "MOST_LABELS", 2)
    with pytest.raises(WorkbenchError, match=r"c.tar must have at most 2 different labels"):
        load_dataset(tar(tmp_path / "c.tar", samples(0, 12)))


def test_a_tar_is_packed_only_where_it_has_a_whole_signature(tmp_path, monkeypatch):
    for key in ("BZ_0001", "BZh91"):
        plain = tar(tmp_path / f"{key}.tar", [(key, {"jpg": jpeg(0, 1), "cls": b"0"}), *samples(0, 12)])
        assert len(load_dataset(plain, split="train", test_share=0)) == 13
    monkeypatch.setattr(webdataset, "open_tar", lambda _: pytest.fail("it may hold anything"))
    for mode in ("gz", "bz2", "xz"):
        assert not is_shard_file(tar(tmp_path / f"{mode}.tar", samples(0, 6), mode=f"w:{mode}"))


@pytest.mark.parametrize("name", ["s-{0..1}.tar.gz", "{a,b}.zip"])
def test_a_pattern_of_other_files_is_one_sentence(store, tmp_path, name):
    for each in expanded(name):
        (tmp_path / each).write_bytes(b"x")
        store.put(f"set/{each}", b"x")
    for pattern in (f"{tmp_path}/{name}", f"s3://images/set/{name}"):
        with pytest.raises(
            WorkbenchError, match=r"A pattern must stand for .parquet files or .tar files of WebDataset"
        ):
            load_dataset(pattern)


def test_metadata_is_that_beside_the_files_in_the_store_and_not_of_this_machine(store, shards, tmp_path, monkeypatch):
    (tmp_path / "images/set").mkdir(parents=True)
    (tmp_path / "images/set/metadata.csv").write_text("file,site\n00000.jpg,here\n")
    monkeypatch.chdir(tmp_path)
    url = store.put_folder(shards, "set")
    assert load_dataset(url).metadata is None
    lines = [f"{n:05d}.jpg,{n % 4}" for n in range(36)]
    (shards / "metadata.csv").write_text("\n".join(["file,site", *lines]))
    url = store.put_folder(shards, "other")
    here, there = load_dataset(shards), load_dataset(url)
    assert "site" in here.metadata
    assert there.metadata.equals(here.metadata)
    assert load_dataset(f"{url}/shard-{{000..002}}.tar").metadata is None

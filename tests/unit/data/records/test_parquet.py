import io
import json
import os
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.photos import COLOURS, picture
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.data import load_dataset, own_parts
from workbench.data.image_file import read_image
from workbench.data.records import opening, parquet_file
from workbench.data.records.shard_file import ShardFile
from workbench.data.remote import local_copies

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
NAMES = ["red", "green", "blue"]


def png(label, number):
    stream = io.BytesIO()
    picture(COLOURS[NAMES[label]], 20, 20, 100 * label + number).save(stream, "png")
    return stream.getvalue()


def rows(first, count):
    return [
        {"image": {"bytes": png(n % 3, n), "path": f"{n}.png"}, "label": n % 3} for n in range(first, first + count)
    ]


def write(path, found, *, names=None, group=5, image="image", label="label", **more):
    """As `datasets` writes it: a struct of bytes and path, a label, and its features as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table(
        {
            image: pa.array([row["image"] for row in found], struct),
            label: pa.array([row["label"] for row in found]),
            **more,
        }
    )
    if names is not None:
        features = {image: {"_type": "Image"}, label: {"names": names, "_type": "ClassLabel"}}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, path, row_group_size=group)
    return path


@pytest.fixture
def folder(tmp_path):
    for part, first in (("train", 0), ("test", 30)):
        for number in range(2):
            name = f"set/data/{part}-{number:05d}-of-00002.parquet"
            write(tmp_path / name, rows(first + 15 * number, 15), names=NAMES)
    return tmp_path / "set"


def test_rows_are_images_and_names_are_those_of_the_features(folder):
    assert own_parts(folder) == ("train", "test")
    data = load_dataset(folder, split="train")
    assert data.class_names == ("red", "green", "blue")
    assert data.images.shape == (30, 20, 20, 3)
    for row, name in enumerate(data.names.tolist()):
        file, _, place = name.rpartition("/")
        number = int(place) + 15 * int(file[len("data/train-") :][:5])
        assert data.labels[row] == number % 3
        assert np.array_equal(data.images[row], read_image(png(number % 3, number), (20, 20, 3))[0])
    assert "60 images of 4 Parquet files" in data.notes


def test_without_features_numbers_are_the_names_and_texts_are_names(tmp_path):
    assert load_dataset(write(tmp_path / "a.parquet", rows(0, 15))).class_names == ("0", "1", "2")
    named = [{**row, "label": NAMES[row["label"]]} for row in rows(0, 15)]
    assert load_dataset(write(tmp_path / "b.parquet", named)).class_names == ("blue", "green", "red")


def test_columns_may_be_called_otherwise_and_what_is_not_clear_is_one_sentence(tmp_path):
    more = {"weight": pa.array(np.arange(15))}
    assert len(load_dataset(write(tmp_path / "a.parquet", rows(0, 15), image="img", label="fine_label", **more))) == 3
    with pytest.raises(WorkbenchError, match=r"b.parquet must have one column of labels .* It has image, x and weight"):
        load_dataset(write(tmp_path / "b.parquet", rows(0, 15), label="x", **more))
    pq.write_table(pa.table({"label": [1, 2]}), tmp_path / "c.parquet")
    with pytest.raises(WorkbenchError, match=r"c.parquet must have one column of images"):
        load_dataset(tmp_path / "c.parquet")
    with pytest.raises(WorkbenchError, match=r"labels that are none of its 2 classes"):
        load_dataset(write(tmp_path / "d.parquet", rows(0, 15), names=["red", "green"]))


def test_what_has_no_image_or_label_is_counted_and_the_rest_is_read(tmp_path):
    odd = rows(0, 15)
    odd[3]["image"] = None
    odd[4]["image"] = {"bytes": None, "path": "/etc/passwd"}
    odd[5]["label"] = None
    odd[6]["label"] = -1
    odd[7]["image"] = {"bytes": png(1, 7)[:200], "path": None}
    data = load_dataset(write(tmp_path / "odd.parquet", odd, names=NAMES), split="train", test_share=0)
    assert len(data) == 10
    assert "odd.parquet: 4 rows without an image or a label skipped" in data.notes
    assert any("odd.parquet/7 (truncated)" in note for note in data.notes)
    for row, name in enumerate(data.names.tolist()):
        number = int(name.rpartition("/")[2])
        assert np.array_equal(data.images[row], read_image(png(number % 3, number), (20, 20, 3))[0])


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
def test_a_file_that_is_cut_off_or_damaged_is_one_sentence(folder, kept):
    path = folder / "data/train-00001-of-00002.parquet"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(WorkbenchError, match=r"train-00001-of-00002.parquet is (no whole Parquet file|damaged)"):
        load_dataset(folder)


def test_flipped_bytes_never_crash_and_are_a_sentence_or_a_named_image(tmp_path):
    content = write(tmp_path / "whole.parquet", rows(0, 15), names=NAMES).read_bytes()
    generator, told = np.random.default_rng(0), list[str]()
    for turn in range(40):
        damaged = bytearray(content)
        for place in generator.integers(4, len(content), 6):
            damaged[place] ^= 1 << int(generator.integers(8))
        path = tmp_path / f"damaged{turn}.parquet"
        path.write_bytes(bytes(damaged))
        try:
            load_dataset(path, split="train", test_share=0)
        except WorkbenchError as error:
            told.append(str(error))
    assert told
    assert all(each.endswith((".", "…")) and ".." not in each for each in told)
    assert not [each for each in told if "fetched" in each or "cache" in each]


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    """One image of 64 kB that stands in the file once, and is said to be there a thousand times."""
    monkeypatch.setattr(parquet_file, "SMALL", 2**20)
    large = {"bytes": b"\x89PNG" + bytes(2**16), "path": None}
    found = [{"image": large, "label": n % 2} for n in range(1000)]
    path = tmp_path / "bomb.parquet"
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table(
        {"image": pa.array([row["image"] for row in found], struct), "label": [n % 2 for n in range(1000)]}
    )
    pq.write_table(table, path, compression="zstd", dictionary_pagesize_limit=2**22)
    assert path.stat().st_size < 2**18
    with pytest.raises(WorkbenchError, match=r"bomb.parquet is not read: it holds more than"):
        load_dataset(path)
    pq.write_table(table, path, compression="zstd", use_dictionary=False)
    with pytest.raises(WorkbenchError, match=r"bomb.parquet is not read: it holds more than"):
        load_dataset(path)


def test_the_images_are_made_anew_where_others_made_room_of_them(folder, tmp_path):
    data = load_dataset(folder, split="train")
    before = data.images[:]
    shutil.rmtree(tmp_path / "cache/remote")
    assert np.array_equal(data.images[:], before)


def test_in_a_store_they_are_the_same_data_each_file_fetched_once(store, folder):
    url = store.put_folder(folder, "set")
    here, there = load_dataset(folder, split="train"), load_dataset(url, split="train")
    assert there.fingerprint == here.fingerprint
    assert np.array_equal(there.images[:], here.images[:])
    load_dataset(url)
    assert len([key for method, key in store.asked if method == "GET" and key.endswith(".parquet")]) == 4
    pattern = "data/train-{00000..00001}-of-00002.parquet"
    one, other = load_dataset(f"{url}/{pattern}", split="train"), load_dataset(f"{folder}/{pattern}", split="train")
    assert (one.name, one.fingerprint) == (other.name, other.fingerprint)
    assert one.name == "train/train"


def test_of_several_that_open_them_at_once_one_fetches_and_goes_through_each_file(store, folder, monkeypatch):
    url, gone_through, entered = store.put_folder(folder, "set"), [], threading.Barrier(3)
    index = opening.index_parquet

    def slow(_method, key):
        time.sleep(0.3 * key.endswith(".parquet"))

    def open_it():
        entered.wait()
        load_dataset(url)

    store.before = slow
    monkeypatch.setattr(opening, "index_parquet", lambda shard: gone_through.append(shard.shown) or index(shard))
    with ThreadPoolExecutor(3) as threads:
        for each in [threads.submit(open_it) for _ in range(3)]:
            each.result()
    assert len(gone_through) == len(set(gone_through)) == 4
    assert len([key for method, key in store.asked if method == "GET" and key.endswith(".parquet")]) == 4


def test_without_pyarrow_it_is_said_what_to_install(folder, monkeypatch):
    from workbench.core import extras

    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(Unavailable, match=r"A Parquet file needs pyarrow.*classifier-workbench\[remote\]"):
        load_dataset(folder)


def test_what_hugging_face_s_own_library_writes_is_read(tmp_path):
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=NAMES)})
    made = datasets.Dataset.from_list(rows(0, 15), features=features)
    made.to_parquet(tmp_path / "own.parquet")
    data = load_dataset(tmp_path / "own.parquet", split="train", test_share=0)
    assert data.class_names == tuple(NAMES)
    assert len(data) == 15


def test_where_copies_have_too_little_room_it_is_said_and_the_images_are_right(folder, monkeypatch):
    right = load_dataset(folder, split="train")
    each = max(path.stat().st_size for path in folder.rglob("*.parquet"))
    monkeypatch.setenv("WORKBENCH_REMOTE_CACHE", str(1.5 * each / 1e9))
    data = load_dataset(folder, split="train")
    assert any("fetched again and again: set WORKBENCH_REMOTE_CACHE" in note for note in data.notes)
    assert np.array_equal(data.images[:], right.images[:])
    monkeypatch.setenv("WORKBENCH_REMOTE_CACHE", "0")
    with pytest.raises(Unavailable, match=r"test-00000-of-00002.parquet has .* GB, and 0 GB of copies are kept"):
        load_dataset(write(folder / "data/test-00000-of-00002.parquet", rows(0, 18), names=NAMES).parent)


def test_a_page_that_is_damaged_is_one_sentence_when_the_file_is_gone_through(tmp_path):
    path = tmp_path / "page.parquet"
    write(path, rows(0, 30), names=NAMES)
    table = pq.read_table(path)
    pq.write_table(table, path, compression="none", use_dictionary=False, write_page_checksum=True)
    content = bytearray(path.read_bytes())
    place = content.find(png(0, 9))
    content[place + 40] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(WorkbenchError, match=r"^page.parquet is damaged and cannot be read: [^.]*\.$"):
        load_dataset(path)


def test_a_file_that_changes_while_it_is_open_is_never_taken_for_the_one_that_was_looked_at(folder, tmp_path):
    data = load_dataset(folder, split="train")
    shutil.rmtree(tmp_path / "cache/remote")
    write(folder / "data/train-00000-of-00002.parquet", rows(60, 15), names=NAMES)
    row = [name.startswith("data/train-00000") for name in data.names.tolist()].index(True)
    with pytest.raises(Unavailable, match=r"train-00000-of-00002.parquet has changed since it was looked at"):
        data.images[row]


def test_a_file_that_changes_while_it_is_looked_at_is_not_remembered(folder, monkeypatch):
    path, whole = folder / "data/train-00000-of-00002.parquet", ShardFile.local

    def local(shard):
        if shard.path == path:
            write(path, rows(60, 15), names=NAMES, group=4)
        return whole(shard)

    with monkeypatch.context() as patched:
        patched.setattr(ShardFile, "local", local)
        with pytest.raises(Unavailable, match=r"train-00000-of-00002.parquet has changed since it was looked at"):
            load_dataset(folder, split="train")
    data = load_dataset(folder, split="train")
    names = data.names.tolist()
    row = next(row for row, name in enumerate(names) if name.startswith("data/train-00000"))
    number = 60 + int(names[row].rpartition("/")[2])
    assert np.array_equal(data.images[row], read_image(png(number % 3, number), (20, 20, 3))[0])


def test_a_part_without_labels_is_said_where_it_is_asked_for_and_the_others_are_read(folder):
    for number in range(2):
        bare = [{**row, "label": -1} for row in rows(30, 15)]
        write(folder / f"data/test-{number:05d}-of-00002.parquet", bare, names=NAMES)
    assert own_parts(folder) == ("train",)
    data = load_dataset(folder, split="train")
    assert len(data) == 30
    said = "data/test-00000-of-00002.parquet must hold images with labels, and none of its 15 rows has both"
    assert said in data.notes
    with pytest.raises(Unavailable, match=rf"no test part: {said}. It has train"):
        load_dataset(folder, split="test")
    images = pq.read_table(folder / "data/test-00000-of-00002.parquet").drop_columns("label")
    pq.write_table(images, folder / "data/test-00000-of-00002.parquet")
    with pytest.raises(Unavailable, match=r"no test part: .* must have one column of labels .* It has image"):
        load_dataset(folder, split="test")
    for each in (folder / "data").glob("train-*"):
        each.unlink()
    with pytest.raises(
        WorkbenchError, match=r"must have one column of labels .* It has image \(and 1 more file like it\)\.$"
    ):
        load_dataset(folder, split="test")


def test_a_column_that_is_not_called_labels_is_taken_where_its_values_repeat_and_that_is_said(tmp_path):
    data = load_dataset(write(tmp_path / "a.parquet", rows(0, 15), label="kind"))
    assert "labels are in the column kind, the only other one" in data.notes
    assert not [note for note in load_dataset(write(tmp_path / "b.parquet", rows(0, 15))).notes if "column" in note]
    told = [{**row, "label": f"a photo of {n}"} for n, row in enumerate(rows(0, 15))]
    with pytest.raises(WorkbenchError, match=r"c .*called label\. caption, .* has 15 different values in 15 rows"):
        load_dataset(write(tmp_path / "c.parquet", told, label="caption"))
    numbered = [{**row, "label": 20_000 + n} for n, row in enumerate(rows(0, 15))]
    with pytest.raises(WorkbenchError, match=r"image_id, .* has 15 different values in 15 rows"):
        load_dataset(write(tmp_path / "d.parquet", numbered, label="image_id"))
    with pytest.raises(WorkbenchError, match=r"at most 10,000 classes. Its labels are numbers as high as 20,014"):
        load_dataset(write(tmp_path / "e.parquet", numbered))


def test_long_labels_and_class_names_are_passed_over_and_take_no_room(tmp_path):
    found = rows(0, 64)
    for row in found[:32]:
        row["label"] = "x" * 2**18
    for row in found[32:]:
        row["label"] = NAMES[row["label"]]
    data = load_dataset(write(tmp_path / "a.parquet", found, group=64), split="train", test_share=0)
    assert (len(data), data.class_names) == (32, ("blue", "green", "red"))
    assert "a.parquet: 32 rows skipped, a label of more than 1,024 bytes" in data.notes
    with pytest.raises(WorkbenchError, match=r"b.parquet must have at most 100,000 class names of at most 1,024 bytes"):
        load_dataset(write(tmp_path / "b.parquet", rows(0, 15), names=["red", "green", "x" * 2**20]))


def test_a_file_is_read_piece_by_piece(tmp_path, monkeypatch):
    generator = np.random.default_rng(0)
    noise = [{"image": {"bytes": generator.bytes(2**18), "path": None}, "label": n % 2} for n in range(96)]
    path = write(tmp_path / "large.parquet", noise, group=2)
    monkeypatch.setattr(parquet_file, "MOST_ROWS", 2)
    before = most = pa.total_allocated_bytes()
    with parquet_file.ParquetRows(path, "large.parquet") as reader:
        for _ in reader.rows():
            most = max(most, pa.total_allocated_bytes())
    assert path.stat().st_size > 20 * 2**20
    assert most - before < 6 * 2**20


def test_images_that_do_not_fit_among_the_copies_or_on_the_disk_are_not_unpacked(tmp_path, monkeypatch):
    zeros = [{"image": {"bytes": b"\x89PNG" + bytes(2**16), "path": None}, "label": n % 2} for n in range(64)]
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table({"image": pa.array([row["image"] for row in zeros], struct), "label": [n % 2 for n in range(64)]})
    monkeypatch.setenv("WORKBENCH_REMOTE_CACHE", "0.001")
    for dictionary in (False, True):  # said beforehand, or seen only as it is unpacked
        path = tmp_path / f"zeros{dictionary}.parquet"
        pq.write_table(table, path, compression="zstd", use_dictionary=dictionary, dictionary_pagesize_limit=2**22)
        assert path.stat().st_size < 2**18
        with pytest.raises(Unavailable, match=r"The content of zeros\w+.parquet has .*, and 0.001 GB of copies are"):
            load_dataset(path)
    monkeypatch.delenv("WORKBENCH_REMOTE_CACHE")
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(local_copies.shutil, "disk_usage", lambda _: usage._replace(free=2**20))
    with pytest.raises(Unavailable, match=r"The content of zerosFalse.parquet needs 5 MB in .*, where there is less"):
        load_dataset(tmp_path / "zerosFalse.parquet")


def test_images_in_use_are_the_last_that_go(folder, tmp_path):
    data = load_dataset(folder, split="train")
    packs = list((tmp_path / "cache/remote/packs").iterdir())
    for each in packs:
        os.utime(each, (1e9, 1e9))
    assert data.images[:].any()
    assert sorted(each.stat().st_mtime > 1e9 for each in packs) == [False, False, True, True]


def test_a_copy_that_others_make_room_of_before_it_is_open_is_fetched_again(store, folder, monkeypatch):
    url, whole, lost = store.put_folder(folder, "set"), ShardFile.local, set()

    def local(shard):
        path = whole(shard)
        if shard.shown not in lost:
            lost.add(shard.shown)
            path.unlink()
        return path

    monkeypatch.setattr(ShardFile, "local", local)
    assert load_dataset(url, split="train").fingerprint == load_dataset(folder, split="train").fingerprint


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="only Linux tells which files are open")
def test_a_copy_is_closed_before_it_is_removed(store, folder, monkeypatch):
    removed, remove = [], Path.unlink

    def unlink(path, missing_ok=False):
        if path.suffix == ".parquet" and path.exists():
            removed.append(path)
            opened = [each for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
            assert str(path.resolve()) not in [str(each.readlink()) for each in opened if os.path.lexists(each)]
        remove(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    load_dataset(store.put_folder(folder, "set"))
    assert len(removed) == 4


def test_a_folder_that_is_called_like_a_file_is_a_folder(store, folder):
    shutil.move(folder / "data", folder / "all.parquet")
    (folder / "all.parquet/_SUCCESS").touch()
    url = store.put_folder(folder, "set")
    here = load_dataset(folder / "all.parquet", split="train")
    for name in (f"{url}/all.parquet", f"{url}/all.parquet/"):
        assert load_dataset(name, split="train").fingerprint == here.fingerprint


def test_a_folder_of_images_stays_one_whatever_else_lies_in_it(tmp_path):
    deep, bare = tmp_path / "deep", tmp_path / "bare"
    for number in range(12):
        for path in (deep / f"a/b/c/{NAMES[number % 3]}/{number}.png", bare / f"{NAMES[number % 3]}/{number}"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png(number % 3, number))
    for folder in (deep, bare):
        expected = load_dataset(folder).fingerprint
        write(folder / "features.parquet", rows(0, 6))
        write(folder / "stray.tar", rows(0, 6))
        assert load_dataset(folder).fingerprint == expected


def test_files_in_deep_folders_are_found_and_what_is_not_gone_through_is_said(tmp_path, monkeypatch):
    from workbench.data.folder import tree

    write(tmp_path / "set/a/b/c/d/e/f.parquet", rows(0, 15))
    write(tmp_path / "set/g.parquet", rows(15, 15))
    assert len(load_dataset(tmp_path / "set", split="train", test_share=0)) == 30
    monkeypatch.setattr(tree, "DEEPEST", 2)
    data = load_dataset(tmp_path / "set", split="train", test_share=0)
    assert len(data) == 15
    assert any(note.startswith("1 skipped that are folders that lie more than") for note in data.notes)


def test_files_that_are_links_into_another_folder_are_named_and_read_where_links_are_followed(tmp_path):
    snapshot = tmp_path / "hub/snapshots/abc/data"
    snapshot.mkdir(parents=True)
    for part, first in (("train", 0), ("test", 15)):
        write(tmp_path / f"hub/blobs/{part}", rows(first, 15), names=NAMES)
        (snapshot / f"{part}-00000-of-00001.parquet").symlink_to(f"../../../blobs/{part}")
    with pytest.raises(WorkbenchError, match=r"2 links out of it: --follow-links follows them"):
        load_dataset(snapshot.parent)
    data = load_dataset(snapshot.parent, split="train", follow_links=True)
    assert len(data) == 15
    assert data.names[0].startswith("data/train-00000-of-00001.parquet/")
    assert len(load_dataset(tmp_path / "hub", split="train")) == 15
    write(snapshot / "train-00001-of-00001.parquet", rows(30, 15), names=NAMES)
    notes = load_dataset(snapshot.parent, split="train").notes
    assert any(note.startswith("2 skipped that are links out of the folder (--follow-links") for note in notes)

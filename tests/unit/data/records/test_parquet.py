import io
import json

import numpy as np
import pytest

from tests.photos import COLOURS, picture
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.data import load_dataset, own_parts
from workbench.data.image_file import read_image
from workbench.data.records import parquet

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
    assert all(each.endswith((".", "…")) for each in told)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    """One image of 64 kB that stands in the file once, and is said to be there a thousand times."""
    monkeypatch.setattr(parquet, "SMALL", 2**20)
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
    import shutil

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

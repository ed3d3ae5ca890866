import hashlib
import shutil
import time

import numpy as np
import pytest

from tests.object_store import OLD, SECRET
from tests.patience import PATIENCE
from tests.photos import broken, photos
from workbench.core import cache_room
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.data import is_folder, load_dataset, own_parts
from workbench.data.remote import local_copies, opening
from workbench.data.remote import store as store_module
from workbench.data.remote.address import Address
from workbench.data.remote.listing import listed
from workbench.data.remote.store import _unavailable, store_of


@pytest.fixture
def folder(tmp_path):
    return photos(tmp_path / "photos", 6)


def gets(store):
    return [key for method, key in store.asked if method == "GET" and not key.startswith("?")]


def opened_anew(*args, **how):
    opening._listings.clear()
    return load_dataset(*args, **how)


def test_a_folder_in_a_store_is_the_same_data_as_the_folder(any_store, folder):
    url = any_store.put_folder(folder, "photos")
    for split in ("train", "test", "validation"):
        here, there = load_dataset(folder, split=split), load_dataset(url, split=split)
        assert there.source == url
        assert (there.name, there.fingerprint, there.notes) == (here.name, here.fingerprint, here.notes)
        assert there.names.tolist() == here.names.tolist()
        assert np.array_equal(there.images[:], here.images[:])
        assert np.array_equal(there.keys, here.keys)


def test_a_folder_is_understood_in_the_same_way_however_often_it_is_asked(store, folder):
    shutil.copytree(folder, folder / "again")
    url = store.put_folder(folder, "photos")
    here = load_dataset(folder).notes
    assert any("a second copy of the class folders" in note for note in here)
    assert own_parts(url) == ("train", "test")
    for split in ("train", "test"):
        assert load_dataset(url, split=split).notes == here


def test_a_file_url_is_the_path(folder):
    assert load_dataset(folder.as_uri()).source == str(folder)
    assert is_folder(folder.as_uri())


def test_each_object_is_fetched_once_until_it_changes(store, folder):
    url = store.put_folder(folder, "photos")
    first = load_dataset(url, split="train")
    assert len(gets(store)) == len(set(gets(store))) == 18
    assert (first.images[:] >= 0).all()
    load_dataset(url)
    assert len(gets(store)) == 18
    store.put("photos/red/0.jpg", (folder / "blue/0.jpg").read_bytes(), OLD + 60)
    second = opened_anew(url, split="train")
    assert gets(store)[18:] == ["photos/red/0.jpg"]
    assert second.fingerprint != first.fingerprint


def test_what_was_just_written_is_looked_at_again(store, folder, monkeypatch):
    monkeypatch.setattr(store_module, "FRESH", int(PATIENCE))
    url = store.put_folder(folder, "photos")
    now = time.time()
    store.put("photos/red/0.jpg", (folder / "red/0.jpg").read_bytes(), now)
    before = load_dataset(url, split="train").fingerprint
    other = bytearray((folder / "red/0.jpg").read_bytes())
    other[-20] ^= 1  # as many bytes, in the same second
    store.put("photos/red/0.jpg", bytes(other), now)
    assert opened_anew(url, split="train").fingerprint != before


def test_parts_tables_and_metadata_are_those_of_the_folder(store, folder, tmp_path):
    for part in ("train", "test"):
        shutil.copytree(folder, tmp_path / f"parts/{part}")
    (tmp_path / "parts/metadata.csv").write_text(
        "file,site\n" + "".join(f"train/red/{n}.jpg,{n % 2}\n" for n in range(6))
    )
    url = store.put_folder(tmp_path / "parts", "parts")
    assert own_parts(url) == ("train", "test")
    here, there = load_dataset(tmp_path / "parts", split="train"), load_dataset(url, split="train")
    assert there.metadata.equals(here.metadata)
    assert there.fingerprint == here.fingerprint
    flat = tmp_path / "flat"
    flat.mkdir()
    rows = ["file,label"]
    for path in sorted(folder.rglob("*.jpg")):
        shutil.copy(path, flat / f"{path.parent.name}{path.name}")
        rows.append(f"{path.parent.name}{path.name},{path.parent.name}")
    (flat / "table.csv").write_text("\n".join(rows))
    url = store.put_folder(flat, "flat")
    here, there = load_dataset(flat / "table.csv"), load_dataset(f"{url}/table.csv")
    assert (there.name, there.fingerprint) == (here.name, here.fingerprint)


def seen_in(data):
    """Yield (the sum of its pixels, its class) of each image."""
    for image, label in zip(data.images[:], data.labels.tolist(), strict=True):
        yield int(image.sum()), data.class_names[label]


def labelled(folder, files, name="labels.csv"):
    """Put images without class folders, and a table of their labels."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("\n".join(["file,label", *(f"{file},{label}" for file, label in files)]))
    return folder


def test_a_table_that_is_too_large_is_refused_as_on_a_disk_and_never_replaced_by_folders(
    store, folder, tmp_path, monkeypatch
):
    for number, path in enumerate(sorted(folder.rglob("*.jpg"))):
        labelled(folder, [(f"{p.parent.name}/{p.name}", "one") for p in [path] * 9], f"{number:02d}.csv")
    swapped = [
        (f"{p.parent.name}/{p.name}", "red" if p.parent.name == "blue" else "blue") for p in folder.rglob("*.jpg")
    ]
    labelled(folder, swapped, "mine.csv")
    flat = tmp_path / "flat"
    labelled(flat, [(f"{p.parent.name}{p.name}", p.parent.name) for p in folder.rglob("*.jpg")])
    for path in folder.rglob("*.jpg"):
        shutil.copy(path, flat / f"{path.parent.name}{path.name}")
    classes, bare = store.put_folder(folder, "photos"), store.put_folder(flat, "flat")
    monkeypatch.setattr(opening, "MOST_BYTES", 250)
    for name in (f"{classes}/mine.csv", bare):
        with pytest.raises(WorkbenchError, match=r"(mine|labels).csv must be a table of at most 64 MB"):
            opened_anew(name)
    notes = opened_anew(classes).notes
    assert any(note.endswith(": mine.csv") and note.startswith("1 skipped that are tables of more") for note in notes)
    monkeypatch.setattr(opening, "MOST_TABLES", 3)
    assert any(note.startswith("15 skipped that are tables beyond") for note in opened_anew(classes).notes)


def test_tables_of_parts_name_the_files_beside_them_and_nothing_of_this_machine(store, folder, tmp_path):
    parts = tmp_path / "parts"
    for part, first in (("train", 0), ("valid", 3)):
        (parts / part).mkdir(parents=True)
        files = []
        for number in range(3):
            for place, name in enumerate(("red", "blue")):
                file = f"{2 * number + place}.jpg"
                shutil.copy(folder / f"{name}/{first + number}.jpg", parts / part / file)
                files.append((f"./{file}" if number else file, name))
        labelled(parts, files, f"{part}/_classes.csv")
    url = store.put_folder(parts, "parts")
    for split in ("train", "validation"):
        here, there = load_dataset(parts, split=split), load_dataset(url, split=split)
        assert len(there) == 6
        assert dict(seen_in(there)) == dict(seen_in(here))
    rows = [*((f"train/{n}.jpg", "red" if n % 2 else "blue") for n in range(6)), ("/etc/hosts", "red"), ("../x", "red")]
    url = store.put_folder(labelled(parts, rows, "mine.csv"), "more")
    for how in ({}, {"follow_links": True}):
        data = load_dataset(f"{url}/mine.csv", split="train", test_share=0, **how)
        assert len(data) == 6
        assert "2 files of the table are not there: '/etc/hosts' and '../x'" in data.notes


def test_tables_that_are_kept_are_bounded_and_those_of_this_folder_stay(store, folder, tmp_path, monkeypatch):
    for number in range(4):
        labelled(folder, [("red/0.jpg", "red")] * 20, "metadata.csv")
        opened_anew(store.put_folder(folder, f"photos{number}"))
    kept = tmp_path / "cache/remote-tables"
    assert len(list(kept.rglob("*.csv"))) == 4
    monkeypatch.setattr(opening, "MOST_COPIED", 600)
    opened_anew("s3://images/photos0")
    assert "photos0" in [each.parent.name for each in kept.rglob("*.csv")]
    assert len(list(kept.rglob("*.csv"))) < 4


def test_an_archive_and_arrays_in_a_store_are_copied(store, folder, tmp_path):
    shutil.make_archive(str(tmp_path / "packed"), "zip", folder)
    store.put("packed.zip", (tmp_path / "packed.zip").read_bytes())
    shutil.make_archive(str(tmp_path / "packed"), "tar", folder)
    store.put("packed.tar", (tmp_path / "packed.tar").read_bytes())
    here = load_dataset(tmp_path / "packed.zip")
    for name in ("packed.zip", "packed.tar"):
        there = load_dataset(f"s3://images/{name}")
        assert (there.name, there.fingerprint) == (here.name, here.fingerprint)
    arrays = {"x_test": np.zeros((4, 8, 8), np.uint8), "y_test": np.array([0, 1, 0, 1])}
    np.savez(tmp_path / "mine.npz", **arrays)
    store.put("mine.npz", (tmp_path / "mine.npz").read_bytes())
    assert not is_folder("s3://images/mine.npz")
    assert load_dataset("s3://images/mine.npz").name == "mine/test"


def test_a_wrong_bucket_or_key_is_one_sentence(any_store):
    any_store.put("photos/red/0.jpg", b"x")
    with pytest.raises(Unavailable, match=r"There is no bucket 'nowhere' \(s3://nowhere/photos\)"):
        load_dataset("s3://nowhere/photos")
    for url in (
        "s3://images/nothing",
        "s3://images/nothing/labels.csv",
        "s3://images/nothing.zip",
        "s3://images/x.npz",
    ):
        with pytest.raises(Unavailable, match=r"There is nothing at s3://images/"):
            load_dataset(url)


def test_without_credentials_it_is_said_what_to_set(store, folder, monkeypatch, tmp_path):
    url = store.put_folder(folder, "photos")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "WRONG")
    with pytest.raises(Unavailable, match=r"AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY") as caught:
        load_dataset(url)
    assert url in str(caught.value)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(Unavailable, match=r"AWS_PROFILE"):
        opened_anew(url)


def test_no_secret_is_in_a_sentence_or_in_the_cache(store, folder, tmp_path, capfd):
    url = store.put_folder(folder, "photos")
    load_dataset(url)
    store.before = lambda *_: 403
    with pytest.raises(WorkbenchError) as caught:
        opened_anew(url)
    said = str(caught.value) + "".join(capfd.readouterr())
    files = [each for each in (tmp_path / "cache").rglob("*") if each.is_file()]
    assert len(files) > 18
    assert SECRET not in said
    assert all(SECRET.encode() not in each.read_bytes() for each in files)


def test_one_object_that_is_gone_denied_or_changed_is_named_and_the_others_are_read(any_store, folder):
    url = any_store.put_folder(folder, "photos")
    opening.listing_of(opening.Address("s3", "images", "photos"))
    any_store.remove("photos/red/0.jpg")
    any_store.put("photos/red/1.jpg", b"another one")
    notes = load_dataset(url, split="train").notes
    assert "2 files skipped: red/0.jpg (gone since it was listed), red/1.jpg (changed since it was listed)" in notes
    notes = opened_anew(url, split="train").notes  # it is looked at again, not remembered
    assert "1 file skipped: red/1.jpg (not an image)" in notes


def test_an_object_that_may_not_be_read_is_named(store, folder):
    url = store.put_folder(folder, "photos")
    store.before = lambda _, key: 403 if key == "photos/blue/2.jpg" else None
    assert "1 file skipped: blue/2.jpg (access denied)" in load_dataset(url).notes
    store.before = lambda *_: None
    assert not [note for note in opened_anew(url).notes if "skipped" in note]


def test_an_object_that_changes_once_it_was_looked_at_is_an_error_when_it_is_read(store, folder):
    data = load_dataset(store.put_folder(folder, "photos"), split="train")
    name = str(data.names[3])
    shutil.rmtree(local_copies.copies_folder())
    store.put(f"photos/{name}", b"x" * 1000, OLD + 5)
    with pytest.raises(WorkbenchError, match=rf"{name} of photos cannot be read: changed since it was listed"):
        data.images[3]
    size = len((folder / name).read_bytes())
    for content, changed in ((b"x" * size, OLD + 5), (b"x" * (size - 1), OLD), (b"x" * (size + 1), OLD)):
        store.put(f"photos/{name}", content, changed)
        with pytest.raises(WorkbenchError, match=rf"{name} of photos cannot be read: changed since it was listed"):
            data.images[3]
    store.remove(f"photos/{name}")
    with pytest.raises(WorkbenchError, match=rf"{name} of photos cannot be read: gone since it was listed"):
        data.images[3]
    assert data.images[2].shape == (24, 24, 3)


def test_a_truncated_image_is_named(any_store, folder):
    broken(folder / "red/7.jpg")
    url = any_store.put_folder(folder, "photos")
    any_store.put("photos/red/8.jpg", b"")
    here = load_dataset(folder).notes
    assert "1 file skipped: red/7.jpg (truncated)" in here
    assert "2 files skipped: red/7.jpg (truncated), red/8.jpg (empty)" in load_dataset(url).notes


def test_a_store_that_fails_now_and_then_is_asked_again(store, folder):
    url, failed = store.put_folder(folder, "photos"), dict[str, int]()

    def twice(_method, key):
        failed[key] = failed.get(key, 0) + 1
        return 500 if key.endswith("red/3.jpg") and failed[key] <= 2 else None

    store.before = twice
    assert not [note for note in load_dataset(url).notes if "skipped" in note]
    assert failed["photos/red/3.jpg"] >= 3


def test_a_store_that_does_not_answer_is_one_sentence_and_nothing_is_remembered(store, folder, monkeypatch):
    url = store.put_folder(folder, "photos")
    store.before = lambda _, key: 500 if key == "photos/red/3.jpg" else None
    with pytest.raises(Unavailable, match=r"s3://images/photos/red/3.jpg cannot be read: the store does not answer"):
        load_dataset(url)
    store.before = lambda *_: None
    assert len(opened_anew(url, split="train")) == 15
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(Unavailable, match=r"the store does not answer"):
        opened_anew(url)


def test_what_was_seen_until_a_store_stopped_answering_is_not_asked_for_again(store, folder, monkeypatch):
    monkeypatch.setenv("WORKBENCH_REMOTE_CACHE", "0")  # no copies: what was seen is remembered
    url = store.put_folder(folder, "photos")
    store.before = lambda _, key: 500 if key == "photos/red/3.jpg" else None
    with pytest.raises(Unavailable, match=r"the store does not answer"):
        load_dataset(url)
    store.before = lambda *_: None
    before = len(gets(store))
    data = opened_anew(url, split="train")
    assert len(gets(store)) - before < 6
    assert data.fingerprint == load_dataset(folder, split="train").fingerprint


def test_an_object_that_is_exchanged_between_a_look_and_a_reading_is_not_taken_for_the_first(store, folder):
    url, content = store.put_folder(folder, "photos"), (folder / "red/3.jpg").read_bytes()

    def exchange(method, key):
        if method == "GET" and key == "photos/red/3.jpg":
            store.put(key, content[:-20] + bytes(20), OLD + 60)

    store.before = exchange
    assert "1 file skipped: red/3.jpg (changed since it was listed)" in load_dataset(url).notes


def test_a_kind_of_error_is_never_read_out_of_a_name(store, folder):
    for name in ("NOT_FOUND.jpg", "ACCESS_DENIED.jpg", "NO_SUCH_KEY.jpg"):
        shutil.copy(folder / "red/0.jpg", folder / f"red/{name}")
    for name in ("NOT_FOUND.jpg", "ACCESS_DENIED.jpg", "NO_SUCH_KEY.jpg"):
        url = store.put_folder(folder, name.partition(".")[0])
        store.before = lambda _, key, name=name: 500 if key.endswith(name) else None
        with pytest.raises(Unavailable, match=rf"{name} cannot be read: the store does not answer"):
            opened_anew(url)


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        ("a/LEFT_EYE.jpg", "Could not open 'images/a/LEFT_EYE.jpg': curlCode: 7", "cannot be read: OSError."),
        ("NOT_FOUND", "object NOT_FOUND in bucket images: curlCode: 7", "cannot be read: OSError."),
        ("NOT_FOUND", "object NOT_FOUND: PERMISSION_DENIED", "may not be read with the credentials"),
        ("a AWS Error NO_SUCH_KEY", "key 'a AWS Error NO_SUCH_KEY': AWS Error ACCESS_DENIED", "may not be read"),
        ("A_B", "key 'A_B': AWS Error UNKNOWN (HTTP status 503)", "the store does not answer (503,"),
        ("E", "EXPIRED_E: AWS Error NO_SUCH_BUCKET during", "There is no bucket 'images'"),
        ("x", "When getting 'x': X_Y then AWS Error SLOW_DOWN", "the store does not answer (SLOW_DOWN,"),
    ],
)
def test_an_error_is_what_the_library_calls_it_first(key, text, said):
    assert said in str(_unavailable(OSError(text), Address("s3", "images", key)))


def test_an_object_that_is_cut_off_on_the_way_is_never_taken_for_whole(store, folder):
    url = store.put_folder(folder, "photos")
    store.cut.add("photos/red/3.jpg")
    with pytest.raises(WorkbenchError) as caught:
        load_dataset(url)
    assert "red/3.jpg" in str(caught.value)
    store.cut.clear()
    assert opened_anew(url, split="train").fingerprint == load_dataset(folder, split="train").fingerprint


def test_odd_entries_are_named_and_the_others_are_read(store, folder):
    url = store.put_folder(folder, "photos")
    for key in (
        "photos/../up.jpg",
        "photos/red/a\\b.jpg",
        "photos/.hidden/0.jpg",
        "photos/__MACOSX/0.jpg",
        "photos/red/x.txt",
    ):
        store.put(key, b"x")
    data = load_dataset(url)
    assert len(data) == 3
    assert any(note.startswith("2 skipped that are names that no file can have") for note in data.notes)
    assert ("GET", "photos/../up.jpg") not in store.asked


def test_listing_goes_page_by_page_and_notes_numbers_only(store):
    for number in range(2500):
        store.put(f"many/{number % 2}/{number}.jpg", b"x" * (1 + number % 7))
    found = listed(store_of(Address("s3", "images", "many")), Address("s3", "images", "many"))
    files = list(found.tree.top.files())
    assert len(files) == 2500
    assert found.known(["0/10.jpg", "1/13.jpg"]).tolist() == [[4, int(OLD) * 10**9, 0], [7, int(OLD) * 10**9, 0]]
    assert found.known(files).nbytes == 2500 * 24


def test_copies_are_bounded_and_what_was_used_last_is_kept(store, folder, monkeypatch):
    url = store.put_folder(folder, "photos")
    size = sum(len(each.content) for each in store.objects.values())
    monkeypatch.setenv("WORKBENCH_REMOTE_CACHE", str(size / 2 / 1e9))
    monkeypatch.setattr(local_copies, "PORTION", 0.2)
    monkeypatch.setattr(cache_room, "PORTION", 0.2)
    data = load_dataset(url, split="train")
    held = sum(each.stat().st_size for each in local_copies.copies_folder().rglob("*") if each.is_file())
    assert size / 10 < held <= 0.75 * size
    assert np.array_equal(data.images[:], load_dataset(folder, split="train").images[:])


def test_a_bound_that_is_none_is_one_sentence(monkeypatch):
    for said in ("much", "-1", "nan", "inf"):
        monkeypatch.setenv("WORKBENCH_REMOTE_CACHE", said)
        with pytest.raises(WorkbenchError, match=r"WORKBENCH_REMOTE_CACHE must be a number of gigabytes"):
            _ = local_copies.ROOM.most


def test_a_full_disk_costs_only_the_copies(store, folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    url = store.put_folder(folder, "photos")
    monkeypatch.setattr(local_copies, "write_file", full)
    assert len(load_dataset(url)) == 3


def test_a_damaged_copy_is_fetched_again(store, folder):
    data = load_dataset(store.put_folder(folder, "photos"), split="train")
    for each in (local_copies.copies_folder() / "objects").rglob("*"):
        if each.is_file():
            each.write_bytes(each.read_bytes()[:-1])
    assert np.array_equal(data.images[:], load_dataset(folder, split="train").images[:])


def test_a_model_s_worker_opens_the_same_data(store, folder):
    import pickle
    from functools import partial

    opener = pickle.loads(pickle.dumps(partial(load_dataset, store.put_folder(folder, "photos"))))
    assert opener().fingerprint == load_dataset(folder).fingerprint


def test_without_pyarrow_it_is_said_what_to_install(monkeypatch):
    from workbench.core import extras

    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(Unavailable, match=r"pip install 'classifier-workbench\[remote\]'"):
        load_dataset("s3://images/photos")


def test_a_key_is_of_address_size_and_time(store):
    store.put("a.zip", b"123")
    address = Address("s3", "images", "a.zip")
    path = local_copies.file_copy(address, opening.entry_at(address))
    assert path.name == "a.zip"
    assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(b"123").digest()
    store.put("a.zip", b"456", OLD + 1)
    assert local_copies.file_copy(address, opening.entry_at(address)).read_bytes() == b"456"

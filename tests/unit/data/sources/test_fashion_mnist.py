"""Fashion-MNIST from a tiny source with its own checksums, and once from the real files."""

import gzip
import hashlib

import numpy as np
import pytest

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.data import load_dataset
from workbench.data.sources import fashion_mnist

IMAGES = np.arange(3 * 2 * 2, dtype=np.uint8).reshape(3, 2, 2)
LABELS = np.array([9, 0, 3], np.uint8)


def idx(array):
    sizes = np.array(array.shape, ">i4").tobytes()
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


FILES = {
    "train-images-idx3-ubyte": idx(IMAGES[::-1]),
    "train-labels-idx1-ubyte": idx(LABELS[::-1]),
    "t10k-images-idx3-ubyte": idx(IMAGES),
    "t10k-labels-idx1-ubyte": idx(LABELS),
}


def fill(folder, *, compressed=True, names=tuple(FILES)):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        if compressed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(FILES[name]))
        else:
            (folder / name).write_bytes(FILES[name])
    return folder


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """A machine with no source at all, and the tiny files' checksums."""
    checksums = {name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()}
    monkeypatch.setattr(fashion_mnist, "CHECKSUMS", checksums)
    monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDER", tmp_path / "debian")
    monkeypatch.setattr(fashion_mnist, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("WORKBENCH_DATA", raising=False)

    def no_network(cache, progress):
        raise Unavailable("failed: no network.")

    monkeypatch.setattr(fashion_mnist, "_download", no_network)
    monkeypatch.setattr(fashion_mnist, "_unpack", no_network)
    return tmp_path


def test_reads_images_and_labels(nowhere):
    fill(nowhere / "debian")
    test = load_dataset("fashion-mnist", split="test")
    assert test.images[..., 0].tolist() == IMAGES.tolist()
    assert test.images.dtype == np.uint8
    assert test.labels.tolist() == [9, 0, 3]
    assert test.name == "fashion-mnist/test"
    assert test.class_names[9] == "Ankle boot"
    train = load_dataset(split="train")
    assert train.labels.tolist() == [3, 0, 9]
    assert train.fingerprint != test.fingerprint


def test_plain_and_compressed_are_the_same(nowhere):
    fill(nowhere / "a", compressed=False)
    fill(nowhere / "b")
    one, other = (load_dataset(data_dir=nowhere / name) for name in "ab")
    assert one.fingerprint == other.fingerprint


def test_places_are_tried_in_order(nowhere, monkeypatch):
    fill(nowhere / "keras" / "datasets" / "fashion-mnist")
    assert fashion_mnist.locate().source == "an earlier Keras download"
    fill(nowhere / "debian")
    assert fashion_mnist.locate().folder == nowhere / "debian"
    fill(nowhere / "cache")
    assert fashion_mnist.locate().source == "the cache"
    fill(nowhere / "named")
    monkeypatch.setenv("WORKBENCH_DATA", str(nowhere / "named"))
    assert fashion_mnist.locate().source == "WORKBENCH_DATA"
    assert fashion_mnist.locate(fill(nowhere / "given")).folder == nowhere / "given"
    assert fashion_mnist.locate().checksums == fashion_mnist.CHECKSUMS


@pytest.mark.parametrize("harm", [lambda data: data[:-7], lambda data: b"junk" + data, lambda data: gzip.compress(b"")])
def test_damaged_file_of_ours_is_named_and_set_aside_and_fetched_again(nowhere, monkeypatch, harm):
    cache = fill(nowhere / "cache")
    images = cache / "t10k-images-idx3-ubyte.gz"
    images.write_bytes(harm(images.read_bytes()))
    fetched = []

    def download(folder, progress):
        fetched.extend(fashion_mnist._missing(folder))
        fill(folder, names=fetched)

    monkeypatch.setattr(fashion_mnist, "_download", download)
    located = fashion_mnist.locate()
    assert fetched == ["t10k-images-idx3-ubyte"]
    assert (cache / "t10k-images-idx3-ubyte.gz.damaged").is_file()
    assert "t10k-images-idx3-ubyte.gz is damaged" in located.tried[0]
    assert load_dataset().images[..., 0].tolist() == IMAGES.tolist()


def test_damaged_file_of_others_is_left_alone_and_not_used(nowhere):
    given = fill(nowhere / "given")
    (given / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(LABELS)))
    fill(nowhere / "debian")
    located = fashion_mnist.locate(given)
    assert located.folder == nowhere / "debian"
    assert "train-labels-idx1-ubyte.gz is damaged" in located.tried[0]
    assert sorted(path.name for path in given.iterdir()) == sorted(f"{name}.gz" for name in FILES)


def test_without_any_source_one_error_lists_all_and_what_helps(nowhere):
    with pytest.raises(Unavailable) as caught:
        load_dataset(data_dir=nowhere / "given")
    said = str(caught.value)
    for number, words in enumerate(
        ["--data-dir", "the cache", "Debian's package", "an earlier Keras download", "Keras's downloader", "apt-get"], 1
    ):
        assert any(line.strip().startswith(f"{number}.") and words in line for line in said.splitlines()), words
    assert "no network" in said
    assert "apt-get install dataset-fashion-mnist" in said.splitlines()[-1]


def test_a_download_that_fails_is_said_and_leaves_no_half_file(monkeypatch, tmp_path):
    import keras

    def cut_off(name, origin, cache_dir, cache_subdir):
        raise Exception("URL fetch failure\non it")

    monkeypatch.setattr(keras.utils, "get_file", cut_off)
    talks = keras.config.is_interactive_logging_enabled()
    with pytest.raises(Unavailable, match="URL fetch failure on it"):
        fashion_mnist._download(tmp_path / "cache", lambda *done: None)
    assert list((tmp_path / "cache").iterdir()) == []
    assert keras.config.is_interactive_logging_enabled() == talks


def test_apt_package_is_unpacked_and_falls_back_to_own_lists(monkeypatch, tmp_path):
    said = []

    def run(command, folder):
        said.append(command)
        if command[:3] == ["apt-get", "-q", "download"]:
            raise Unavailable("no lists")
        if "download" in command:
            (folder / "dataset.deb").touch()
        if command[0] == "dpkg-deb":
            fill(folder / "files" / "usr" / "share")

    monkeypatch.setattr(fashion_mnist, "_run", run)
    monkeypatch.setattr(fashion_mnist.shutil, "which", lambda name: name)
    fashion_mnist._unpack(tmp_path / "cache", lambda *done: None)
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == sorted(f"{name}.gz" for name in FILES)
    assert [next(word for word in ("update", "download", "-x") if word in command) for command in said] == [
        "download",
        "update",
        "download",
        "-x",
    ]


def test_a_command_that_fails_says_its_last_line(tmp_path):
    with pytest.raises(Unavailable, match=r"`ls no-such-file` failed: .*no-such-file"):
        fashion_mnist._run(["ls", "no-such-file"], tmp_path)


def test_unknown_names_offer_the_nearest():
    with pytest.raises(WorkbenchError, match="Did you mean 'fashion-mnist'"):
        load_dataset("fashion_mnits")
    with pytest.raises(WorkbenchError, match="Did you mean 'test'"):
        load_dataset(split="tets")


@pytest.mark.real_data
def test_the_real_data():
    test, train = load_dataset(split="test"), load_dataset(split="train")
    assert test.images.shape == (10_000, 28, 28, 1)
    assert train.images.shape == (60_000, 28, 28, 1)
    assert np.bincount(test.labels).tolist() == [1000] * 10
    assert np.bincount(train.labels).tolist() == [6000] * 10
    assert train.labels[:5].tolist() == [9, 0, 0, 3, 0]
    assert test.fingerprint == "cbc9d22447f5ae12"

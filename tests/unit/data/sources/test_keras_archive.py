"""Data sets that come with Keras, as made files of the published form: the real ones are too large for a test."""

from __future__ import annotations

import hashlib
import io
import pickle
import tarfile
from dataclasses import replace

import numpy as np
import pytest

from workbench.core.errors import Unavailable
from workbench.data import load_dataset
from workbench.data.sources import cifar10, cifar100, keras_archive, mnist

PIXELS = np.random.default_rng(0).integers(0, 256, (4, 3, 32, 32), dtype=np.uint8)


@pytest.fixture(autouse=True)
def offline(tmp_path, monkeypatch):
    def refused(files, folder, progress):
        raise Unavailable("failed: no network.")

    monkeypatch.setattr(keras_archive, "download", refused)
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("WORKBENCH_DATA", raising=False)
    (tmp_path / "keras/datasets").mkdir(parents=True)


def archive(**files):
    """A tar.gz of pickles with bytes for keys, as Python 2 wrote them."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, values in files.items():
            content = pickle.dumps({key.encode(): value for key, value in values.items()}, protocol=2)
            entry = tarfile.TarInfo(f"folder/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def published(monkeypatch, module, content):
    """Let a made file be the published one."""
    checksum = hashlib.sha256(content).hexdigest()
    monkeypatch.setattr(module, "ARCHIVE", replace(module.ARCHIVE, checksum=checksum))
    return content


def batch(rows, key, labels):
    return {"data": PIXELS[rows].reshape(len(rows), -1), key: labels}


def test_mnist_where_keras_keeps_it(tmp_path, monkeypatch):
    stream = io.BytesIO()
    grey = PIXELS[:, 0, :28, :28]
    np.savez(stream, x_train=grey, y_train=[3, 1, 2, 9], x_test=grey[:2], y_test=np.array([7, 0], np.uint8))
    (tmp_path / "keras/datasets/mnist.npz").write_bytes(published(monkeypatch, mnist, stream.getvalue()))
    train = load_dataset("mnist", split="train")
    assert train.images[..., 0].tolist() == grey.tolist()
    assert (train.labels.tolist(), train.class_names[3], train.name) == ([3, 1, 2, 9], "3", "mnist/train")
    assert load_dataset("mnist").labels.tolist() == [7, 0]


def test_cifar_is_read_from_its_archive(tmp_path, monkeypatch):
    batches = {f"data_batch_{n}": batch([n % 4], "labels", [n]) for n in range(1, 6)}
    content = archive(**batches, test_batch=batch([3, 0], "labels", [9, 8]))
    kept = tmp_path / "keras/datasets/cifar-10-batches-py-target_archive"
    kept.write_bytes(published(monkeypatch, cifar10, content))
    train = load_dataset("cifar10", split="train")
    assert train.labels.tolist() == [1, 2, 3, 4, 5]
    assert train.images[2].tolist() == PIXELS[3].transpose(1, 2, 0).tolist()  # channels last
    assert [train.class_names[n] for n in load_dataset("cifar10").labels] == ["truck", "ship"]
    fine = {"train": batch([1], "fine_labels", [11]), "test": batch([2], "fine_labels", [99])}
    (tmp_path / "cifar-100-python.tar.gz").write_bytes(published(monkeypatch, cifar100, archive(**fine)))
    test = load_dataset("cifar100", data_dir=tmp_path)
    assert (test.class_names[test.labels[0]], len(set(test.class_names))) == ("worm", 100)


def test_a_pickle_that_would_run_code_is_refused_even_with_the_right_checksum(tmp_path, monkeypatch):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "written"), "w"))

    content = archive(test_batch={"data": Evil(), "labels": [0]})
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(published(monkeypatch, cifar10, content))
    with pytest.raises(pickle.UnpicklingError, match="open is no part of CIFAR"):
        load_dataset("cifar10", data_dir=tmp_path)
    assert not (tmp_path / "written").exists()


def test_where_it_is_nowhere_one_sentence_says_what_to_do(tmp_path):
    (tmp_path / "keras/datasets/mnist.npz").write_bytes(b"half a file")
    with pytest.raises(Unavailable) as caught:
        load_dataset("mnist")
    said = str(caught.value)
    assert "mnist.npz is not the published file" in said
    assert "failed: no network" in said
    assert said.endswith("into a folder and name that with --data-dir or WORKBENCH_DATA.")
    assert "\n" not in said

"""Outputs that are too large for memory are files that are mapped: the same values, whole or not there."""

import numpy as np
import pytest

from workbench.core.errors import WorkbenchError
from workbench.session import kept_outputs
from workbench.session.kept_outputs import KeptOutputs


@pytest.fixture
def parts(monkeypatch):
    monkeypatch.setattr(kept_outputs, "MAPPED", 3000)
    chance = np.random.default_rng(0)
    sizes = [(50, 50), (50, 50), (17, 17)]
    return [
        (chance.normal(size=(one, 7)).astype(np.float32), chance.normal(size=(two, 3)).astype(np.float32))
        for one, two in sizes
    ]


def told():
    return "read so", "onnxruntime 1"


def test_large_ones_are_mapped_and_come_back(parts, tmp_path):
    kept = KeptOutputs(tmp_path / "results" / "predictions.npz", 117)
    logits, embeddings = kept.keep(iter(parts), told)
    for found, place in ((logits, 0), (embeddings, 1)):
        assert isinstance(found, np.memmap)
        assert np.array_equal(found, np.concatenate([each[place] for each in parts]))
    again = KeptOutputs(tmp_path / "results" / "predictions.npz", 117)
    assert again.has("embeddings")
    assert np.array_equal(again.values("logits"), logits)
    assert (again.reading, again.engine) == told()
    assert KeptOutputs(tmp_path / "results" / "predictions.npz", 116).values("logits") is None
    assert sorted(each.name for each in (tmp_path / "results").iterdir() if "lock" not in each.name) == [
        "predictions.embeddings.npy",
        "predictions.logits.npy",
        "predictions.npz",
    ]


def test_small_ones_lie_in_memory(parts, tmp_path):
    kept = KeptOutputs(tmp_path / "predictions.npz", 17)
    logits, _ = kept.keep(parts[2:], told)
    assert not isinstance(logits, np.memmap)
    assert np.array_equal(KeptOutputs(tmp_path / "predictions.npz", 17).values("logits"), parts[2][0])


def test_what_is_kept_nowhere_is_mapped_all_the_same(parts):
    logits, embeddings = KeptOutputs(None, 117).keep(parts, told)
    assert np.array_equal(logits, np.concatenate([each for each, _ in parts]))
    assert embeddings.shape == (117, 3)
    assert not kept_outputs.Path(logits.filename).exists()


@pytest.mark.parametrize("damage", [lambda content: content[:-1], lambda content: content[:-4] + b"abcd"])
def test_a_damaged_one_is_set_aside(parts, tmp_path, damage, caplog):
    kept = KeptOutputs(tmp_path / "predictions.npz", 117)
    kept.keep(parts, told)
    del kept
    path = tmp_path / "predictions.logits.npy"
    path.write_bytes(damage(path.read_bytes()))
    assert KeptOutputs(tmp_path / "predictions.npz", 117).values("logits") is None
    assert "set aside" in caplog.text
    assert (tmp_path / "predictions.logits.npy.damaged").is_file()


def test_an_interrupted_one_leaves_nothing_that_is_taken_for_whole(parts, tmp_path):
    def broken():
        yield from parts[:2]
        raise KeyboardInterrupt

    kept = KeptOutputs(tmp_path / "predictions.npz", 117)
    with pytest.raises(KeyboardInterrupt):
        kept.keep(broken(), told)
    assert kept.values("logits") is None
    assert not [each for each in tmp_path.iterdir() if "lock" not in each.name]


def test_a_full_disk_is_a_sentence(parts, tmp_path, monkeypatch):
    def full(self, part):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kept_outputs.ArrayWriter, "add", full)
    with pytest.raises(WorkbenchError, match=r"117 images need room on the disk.*No space left.*WORKBENCH_CACHE"):
        KeptOutputs(tmp_path / "predictions.npz", 117).keep(parts, told)

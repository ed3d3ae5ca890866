"""Outputs that are too large for memory are files that are mapped: the same values, whole or not there."""

import numpy as np
import pytest

from workbench.core.cache import save_arrays
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
    assert sorted(
        each.name.partition("-")[0] for each in (tmp_path / "results").iterdir() if "lock" not in each.name
    ) == ["predictions.embeddings", "predictions.logits", "predictions.npz"]


def test_two_that_write_at_once_each_have_what_they_wrote(parts, tmp_path):
    one, other = (KeptOutputs(tmp_path / "predictions.npz", 117) for _ in range(2))
    changed = [(logits + 1, embeddings) for logits, embeddings in parts]
    kept = []

    def in_between():
        yield from changed[:2]
        kept.extend(other.keep(parts, told))  # begins later and ends sooner
        yield changed[2]

    logits, _ = one.keep(in_between(), told)
    assert np.array_equal(logits, np.concatenate([each for each, _ in changed]))
    assert np.array_equal(kept[0], np.concatenate([each for each, _ in parts]))  # though nothing names it any more
    assert np.array_equal(KeptOutputs(tmp_path / "predictions.npz", 117).values("logits"), logits)
    assert len([*tmp_path.glob("predictions.logits-*.npy")]) == 1


def test_what_names_a_file_that_is_gone_has_nothing(parts, tmp_path):
    kept = KeptOutputs(tmp_path / "predictions.npz", 117)
    kept.keep(parts, told)
    for each in tmp_path.glob("predictions.embeddings-*.npy"):
        each.unlink()
    assert not kept.has("embeddings")
    assert kept.values("embeddings") is None
    assert kept.has("logits")


def test_what_is_larger_than_all_that_is_kept_stays_whole_until_something_else_is_written(
    parts, tmp_path, monkeypatch, caplog
):
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path))
    monkeypatch.setenv("WORKBENCH_CACHE_SIZE", "0.000001")  # 1,000 bytes, and the logits alone have three times as many
    kept = KeptOutputs(tmp_path / "results" / "model" / "predictions.npz", 117)
    kept.keep(parts, told)
    for name, place in (("logits", 0), ("embeddings", 1)):
        assert np.array_equal(kept.values(name), np.concatenate([each[place] for each in parts]))
    assert [each.message.partition(":")[0] for each in caplog.records] == [
        "Predictions of 117 images have 4.68e-06 GB, and 1e-06 GB of what was computed are kept"
    ]
    save_arrays(tmp_path / "results" / "other.npz", {"x": np.zeros(3)})
    assert [each.name for each in (tmp_path / "results").rglob("*.np*")] == ["other.npz"]


def test_a_cache_that_takes_no_file_costs_only_the_cache(parts, tmp_path, caplog):
    (tmp_path / "results").write_text("no folder")
    logits, _ = KeptOutputs(tmp_path / "results" / "predictions.npz", 117).keep(parts, told)
    assert np.array_equal(logits, np.concatenate([each for each, _ in parts]))
    assert "not cached" in caplog.text


def test_what_goes_wrong_elsewhere_is_no_matter_of_the_disk(parts, tmp_path):
    def gone():
        yield from parts[:2]
        raise FileNotFoundError(2, "No such file", "photo.png")

    with pytest.raises(FileNotFoundError, match=r"photo\.png"):
        KeptOutputs(tmp_path / "predictions.npz", 117).keep(gone(), told)
    assert not [each for each in tmp_path.iterdir() if "lock" not in each.name]


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
    (path,) = tmp_path.glob("predictions.logits-*.npy")
    path.write_bytes(damage(path.read_bytes()))
    assert KeptOutputs(tmp_path / "predictions.npz", 117).values("logits") is None
    assert "set aside" in caplog.text
    assert path.with_name(f"{path.name}.damaged").is_file()


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
    with pytest.raises(WorkbenchError, match=r"117 images are larger.*No space left.*WORKBENCH_CACHE"):
        KeptOutputs(tmp_path / "predictions.npz", 117).keep(parts, told)

from __future__ import annotations

import json
import os

import numpy as np
import pandas as pd
import pytest

from workbench.core.cache import cache_folder, load_arrays, load_result, save_arrays, save_result
from workbench.core.cache_room import remove_oldest
from workbench.core.errors import WorkbenchError
from workbench.core.estimate import Estimate
from workbench.core.finding import Finding, Severity
from workbench.core.result import Result
from workbench.diagnosis.opening import open_session

FULL = Result(
    tables={
        "mixed": pd.DataFrame(
            {
                "name": ["T-shirt/top", "<b>ß\x00", ""],
                "count": np.array([1, 2, 3], np.int64),
                "rate": [0.5, np.nan, np.inf],
                "right": [True, False, True],
                "small": np.array([1, 2, 3], np.uint8),
                "single": np.array([0.1, 2, 3], np.float32),
                "maybe": ["a", None, "c"],
                "any": [1, "two", 3.5],
                7: [1, 2, 3],
            }
        ),
        "empty": pd.DataFrame({"name": pd.Series([], dtype=str), "count": np.zeros(0, np.int64)}),
        "nothing": pd.DataFrame(),
    },
    arrays={
        "counts": np.arange(6).reshape(2, 3),
        "maps": np.array([[np.nan, 1.5]], np.float32),
        "none": np.zeros((0, 4)),
        "names": np.array(["a", "ß"]),
        "file": np.array(3),
        "right": np.array([True, False]),
        "a/b": np.arange(2),
    },
    findings=(
        Finding(
            "Shirts are worst.",
            severity=Severity.SERIOUS,
            effect=Estimate(0.7, 0.6, 0.8),
            evidence=(5, 3),
            advice="Look at them.",
        ),
        Finding("Nothing else."),
        Finding("Numpy's.", effect=Estimate(np.float32(0.5), np.float64(0.25), 1.0), evidence=tuple(np.array([4, 2]))),
    ),
    notes={"names": ("a", "b"), "layer": None, "sizes": np.array([1, 2]), "best": np.int64(3), "nested": {"x": [1.5]}},
    analysis="most-confused",
    params={"top": 5},
    context={"run": "baseline", "images": 3},
)


def test_a_result_comes_back_as_it_was(tmp_path):
    save_result(tmp_path / "deep" / "one.npz", FULL)
    back = load_result(tmp_path / "deep" / "one.npz")
    assert list(back.tables) == list(FULL.tables)
    for name, table in FULL.tables.items():
        assert list(back.tables[name]) == list(table)
        pd.testing.assert_frame_equal(back.tables[name], table, check_dtype=False, check_column_type=False)
        numeric = [column for column in table if table[column].dtype.kind in "biuf"]
        assert [back.tables[name][each].dtype for each in numeric] == [table[each].dtype for each in numeric]
    assert list(back.arrays) == list(FULL.arrays)
    for name, values in FULL.arrays.items():
        assert back.arrays[name].dtype == values.dtype
        np.testing.assert_array_equal(back.arrays[name], values)
    assert back.findings == FULL.findings
    assert all(isinstance(row, int) for finding in back.findings for row in finding.evidence)
    assert back.notes == {"names": ["a", "b"], "layer": None, "sizes": [1, 2], "best": 3, "nested": {"x": [1.5]}}
    assert (back.analysis, back.params, back.context) == (FULL.analysis, FULL.params, FULL.context)
    assert back.drawer is None


def test_the_order_of_the_rows_stays_and_their_labels_do_not(tmp_path):
    """A table's index is not kept: whatever counts must be a column."""
    frame = pd.DataFrame({"value": [3, 1, 2]}, index=[7, 8, 9]).sort_values("value")
    save_result(tmp_path / "one.npz", Result(tables={"t": frame}))
    back = load_result(tmp_path / "one.npz").tables["t"]
    assert back["value"].tolist() == [1, 2, 3]
    assert back.index.tolist() == [0, 1, 2]


def test_what_no_json_can_hold_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(TypeError, match="object cannot be kept in a result's notes"):
        save_result(tmp_path / "one.npz", Result(notes={"x": object()}))
    with pytest.raises(TypeError, match="Array 'array/x' holds Python objects, which could only be pickled"):
        save_result(tmp_path / "one.npz", Result(arrays={"x": np.array([{}, None])}))
    assert list(tmp_path.iterdir()) == []


def test_nothing_there_is_none_and_no_warning(tmp_path, caplog):
    assert load_arrays(tmp_path / "none.npz") is None
    assert load_result(tmp_path / "none.npz") is None
    assert caplog.records == []


def _cut(data):
    return data[: len(data) // 2]


def _flip(data):
    """Turn the first bytes of a compressed array, so that it cannot be unpacked."""
    start = data.index(b"array/logits.npy") + len(b"array/logits.npy") + 22
    return data[:start] + bytes(255 - byte for byte in data[start : start + 9]) + data[start + 9 :]


@pytest.mark.parametrize(
    "damage", [_cut, _flip, lambda _: b"", lambda _: b"no archive", lambda _: b"PK\x03\x04" + b"\0" * 50]
)
def test_a_damaged_file_is_set_aside_with_one_warning_and_written_anew(tmp_path, caplog, damage):
    path = tmp_path / "one.npz"
    arrays = {"logits": np.random.default_rng(0).normal(size=(50, 10))}
    save_result(path, Result(arrays=arrays))
    path.write_bytes(damage(path.read_bytes()))
    assert load_result(path) is None
    assert load_arrays(path) is None  # nothing is there any more, which is no warning
    (record,) = caplog.records
    assert "is set aside, and what it held computed anew" in record.message
    assert [each.name for each in tmp_path.iterdir()] == ["one.npz.damaged"]
    save_arrays(path, arrays)
    np.testing.assert_array_equal(load_arrays(path)["logits"], arrays["logits"])


def test_arrays_that_another_program_put_there_are_not_used(tmp_path, caplog):
    np.savez(tmp_path / "one.npz", logits=np.zeros(3))
    assert load_arrays(tmp_path / "one.npz") is None
    assert "no checksum" in caplog.text


def test_what_may_not_be_read_is_said_once_and_stays(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path))
    save_arrays(tmp_path / "one.npz", {"x": np.zeros(3)})
    with monkeypatch.context() as patch:

        def refuse(self, *_, **__):
            raise PermissionError(13, "Permission denied", str(self))

        patch.setattr(type(tmp_path), "open", refuse)
        assert load_arrays(tmp_path / "one.npz") is None
        assert load_arrays(tmp_path / "one.npz") is None
    (record,) = caplog.records
    assert record.message.startswith("The cache cannot be read, so that all is computed anew: [Errno 13]")
    assert load_arrays(tmp_path / "one.npz")["x"].tolist() == [0, 0, 0]


def test_what_is_damaged_in_a_folder_that_takes_no_file_is_not_used_either(tmp_path, monkeypatch, caplog):
    (tmp_path / "one.npz").write_bytes(b"no archive")

    def refuse(self, target):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(type(tmp_path), "replace", refuse)
    assert load_arrays(tmp_path / "one.npz") is None
    assert load_arrays(tmp_path / "one.npz") is None
    assert len(caplog.records) == 2


@pytest.mark.parametrize(
    "meta", [b"{", b"[]", b"\xff", json.dumps({"tables": {}}).encode(), b'{"tables": {"t": [{}]}}']
)
def test_a_whole_file_of_another_kind_is_none(tmp_path, meta):
    """For example written by an older version of the workbench."""
    save_arrays(tmp_path / "one.npz", {"meta": np.frombuffer(meta, np.uint8)})
    assert load_result(tmp_path / "one.npz") is None
    save_arrays(tmp_path / "two.npz", {"logits": np.zeros(3)})
    assert load_result(tmp_path / "two.npz") is None


def test_a_folder_that_cannot_be_made_costs_only_the_cache_and_is_said_once(tmp_path, caplog, monkeypatch):
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path))
    (tmp_path / "taken").write_text("a file")
    for name in ("one.npz", "two.npz"):
        save_arrays(tmp_path / "taken" / name, {"x": np.zeros(3)})
    assert [record.message.split(":")[0] for record in caplog.records] == ["Not cached, so computed anew next time"]


def test_a_full_disk_leaves_no_rubbish_and_keeps_the_old_file(tmp_path, caplog, monkeypatch):
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path))
    path = tmp_path / "one.npz"
    save_arrays(path, {"x": np.arange(3)})

    def full(file, **_):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    save_arrays(path, {"x": np.arange(4)})
    assert "No space left on device" in caplog.text
    assert list(tmp_path.iterdir()) == [path]
    assert load_arrays(path)["x"].tolist() == [0, 1, 2]


def test_the_cache_folder_is_the_user_s_unless_named(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "here"))
    assert cache_folder() == tmp_path / "here"
    monkeypatch.delenv("WORKBENCH_CACHE")
    assert cache_folder().name == "classifier-workbench"
    assert os.fspath(cache_folder()) != str(tmp_path / "here")


def test_what_was_used_longest_ago_goes_and_what_was_trained_stays(monkeypatch, tmp_path):
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path))
    monkeypatch.setenv("WORKBENCH_CACHE_SIZE", "0.000011")  # 11,000 bytes: three files
    values = {"values": np.random.default_rng(0).random(350)}  # 2.8 kB, which compression leaves
    paths = [tmp_path / "results" / "one-model" / f"{name}.npz" for name in "abc"]
    trained = tmp_path / "folds" / "weights.npz"
    for age, path in zip((9, 8, 7, 6), (trained, *paths), strict=True):
        save_arrays(path, values)
        os.utime(path, (then := path.stat().st_mtime - age * 10_000, then))
    assert load_arrays(paths[0]) is not None  # a is used, so that b is the oldest
    save_arrays(tmp_path / "properties" / "d.npz", values)
    assert [path.stem for path in sorted(tmp_path.rglob("*.npz"))] == ["weights", "d", "a", "c"]


def test_what_another_process_has_just_removed_is_gone_and_nothing_goes_in_its_place(monkeypatch, tmp_path):
    for age, name in enumerate("cba"):
        (tmp_path / name).write_bytes(bytes(1000))
        os.utime(tmp_path / name, (then := 10_000 - age, then))
    unlink = os.unlink

    def late(path):
        unlink(path)
        unlink(path)

    monkeypatch.setattr(os, "unlink", late)
    assert remove_oldest([tmp_path], 2000) == 2000
    assert sorted(each.name for each in tmp_path.iterdir()) == ["b", "c"]


def test_a_size_of_the_cache_that_is_none_is_said_before_anything_is_computed(monkeypatch):
    monkeypatch.setenv("WORKBENCH_CACHE_SIZE", "much")
    with pytest.raises(WorkbenchError, match="WORKBENCH_CACHE_SIZE must be a number of gigabytes"):
        open_session("baseline")

"""Two models on the same images: counts by hand, tests written out, pairing by what images hold."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import workbench as wb
from workbench.app.cli import main
from workbench.core.dataset import Dataset
from workbench.core.errors import WorkbenchError
from workbench.diagnosis.comparison import OUTCOMES, compare
from workbench.diagnosis.opening import open_named

NAMES = ("cat", "dog", "fox")


def data(labels, name="made/test", *, order=None, names=NAMES):
    """Images that differ from each other, in an order."""
    images = np.zeros((len(labels), 4, 4, 1), np.uint8)
    images[:, 0, 0, 0], images[:, 0, 1, 0] = np.divmod(np.arange(len(labels)), 256)
    order = np.arange(len(labels)) if order is None else order
    return Dataset(
        images[order], np.asarray(labels)[order], class_names=names, indices=np.arange(len(order)), name=name
    )


def session(dataset, predicted, name, sure=0.7):
    """A model that predicts these classes."""
    kinds = len(dataset.class_names)
    said = np.full((len(dataset), kinds), (1 - sure) / (kinds - 1))
    said[np.arange(len(dataset)), predicted] = sure
    return wb.Session(predictions=said, dataset=dataset, name=name)


LABELS = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]
FIRST = [0, 1, 1, 0, 1, 0, 0, 1, 2, 0, 1, 2]
SECOND = [0, 0, 2, 1, 1, 0, 1, 1, 2, 2, 1, 2]
FATE = (
    "both_right fixed both_wrong_otherwise broken both_right both_wrong fixed both_right "
    "both_right fixed both_wrong both_right"
)


@pytest.fixture
def compared():
    dataset = data(LABELS)
    return compare(session(dataset, FIRST, "old"), session(dataset, SECOND, "new", 0.8))


def test_each_image_has_its_outcome(compared):
    assert compared.outcome.tolist() == FATE.split()
    assert compared.counts == {name: FATE.split().count(name) for name in OUTCOMES}
    assert sorted(compared.images("fixed").rows.tolist()) == [1, 6, 9]
    assert compared.images("broken").rows.tolist() == [3]
    assert (compared.accuracies[0].value, compared.accuracies[1].value) == (6 / 12, 8 / 12)
    assert compared.difference.value == pytest.approx(2 / 12)
    assert compared.chance == pytest.approx(2 * (1 + 4) / 2**4)  # 3 against 1 of 4 that change
    assert "No difference in accuracy beyond chance between old and new: 3 fixed, 1 broken" in compared.sentence
    assert compared.table["outcome"].tolist() == FATE.split()
    assert compared.table["predicted_second"].tolist() == [NAMES[label] for label in SECOND]


def test_classes_and_pairs_are_tested_as_written_out_slowly():
    chance = np.random.default_rng(3)
    labels = np.repeat([0, 1, 2], [300, 200, 3])
    dataset = data(labels)
    before = np.where(chance.random(503) < 0.7, labels, chance.integers(0, 3, 503))
    after = np.where(chance.random(503) < 0.85, labels, chance.integers(0, 3, 503))
    found = compare(session(dataset, before, "old"), session(dataset, after, "new"))
    expected = []
    for label in range(3):
        inside = labels == label
        fixed = sum(1 for row in np.flatnonzero(inside) if before[row] != label == after[row])
        broken = sum(1 for row in np.flatnonzero(inside) if before[row] == label != after[row])
        tail = sum(math.comb(fixed + broken, k) for k in range(min(fixed, broken) + 1))
        expected.append((fixed, broken, min(2 * tail / 2 ** (fixed + broken), 1)))
    table = found.classes
    assert list(zip(table["fixed"], table["broken"], strict=True)) == [each[:2] for each in expected]
    assert table["p"][:2].tolist() == pytest.approx([each[2] for each in expected[:2]], rel=1e-9)
    assert table.loc[2, ["p", "p_adjusted", "difference_low", "difference_high"]].isna().all()  # three images
    low, high = sorted(each[2] for each in expected[:2])
    assert sorted(table["p_adjusted"][:2]) == pytest.approx([min(2 * low, 1), max(min(2 * low, 1), high)], rel=1e-9)
    for _, row in found.pairs.iterrows():
        true, said = NAMES.index(row["true"]), NAMES.index(row["predicted"])
        here = [(labels == true) & (each == said) for each in (before, after)]
        gone, come = int((here[0] & ~here[1]).sum()), int((here[1] & ~here[0]).sum())
        assert (row["errors_first"], row["errors_second"]) == (here[0].sum(), here[1].sum())
        assert (row["gone"], row["come"]) == (gone, come)
        tail = sum(math.comb(gone + come, k) for k in range(min(gone, come) + 1))
        assert row["p"] == pytest.approx(min(2 * tail / 2 ** (gone + come), 1), rel=1e-9)
    assert (found.pairs["true"] != found.pairs["predicted"]).all()


def test_images_are_paired_by_what_they_hold_and_classes_by_their_names():
    chance = np.random.default_rng(1)
    order, kinds = chance.permutation(12), ("fox", "cat", "dog")
    renumbered = [kinds.index(NAMES[label]) for label in LABELS]
    other = data(renumbered, "sorted/test", order=order, names=kinds)
    predicted = np.array([kinds.index(NAMES[label]) for label in SECOND])[order]
    found = compare(session(data(LABELS), FIRST, "old"), session(other, predicted, "new", 0.8))
    assert found.outcome.tolist() == FATE.split()
    assert found.rows.tolist() == [[row, np.flatnonzero(order == row)[0]] for row in range(12)]


def test_predictions_alone_are_compared_by_name_and_copies_each_with_one():
    alone = wb.Session(predictions=np.eye(3)[SECOND] * 0.5 + 0.2, dataset=data(LABELS))
    assert compare(session(data(LABELS), FIRST, "old"), alone).counts["fixed"] == 3
    twice = data(LABELS, order=np.array([0, 0, 5]))
    found = compare(session(twice, [0, 1, 0], "a"), session(data(LABELS, order=np.array([5, 0, 0])), [0, 0, 1], "b"))
    assert found.rows.tolist() == [[0, 1], [1, 2], [2, 0]]


def test_what_is_not_in_both_or_labelled_otherwise_is_left_out_and_said():
    relabelled = [*LABELS[:-1], 0]
    fewer = data(relabelled, "new/test", order=np.arange(2, 12))
    found = compare(session(data(LABELS), FIRST, "old"), session(fewer, SECOND[2:], "new"))
    assert len(found) == 9
    assert found.notes == (
        "Left out: 2 of 12 images of made/test, which are not in new/test.",
        "Left out: 1 image with another label in new/test.",
    )


def test_a_model_is_no_better_than_itself(compared):
    itself = compare(compared.first, compared.first)
    assert (itself.counts["fixed"], itself.counts["broken"], itself.chance) == (0, 0, 1.0)
    assert itself.difference.value == 0
    assert (itself.classes["p"] == 1).all() or itself.classes["p"].isna().all()
    assert itself.sentence == "old (first) and old (second) are right on the same images, 12 images."
    assert itself.agreement[0].value == 1


def test_groups_of_metadata_that_break_are_found_and_open_their_images():
    chance, labels = np.random.default_rng(5), np.arange(600) % 3
    camera = np.array(["old", "new", "third"])[chance.integers(0, 3, 600)]
    taken = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(np.arange(600), unit="D")
    frame = pd.DataFrame({"camera": pd.Categorical(camera), "iso": chance.random(600), "taken": taken})
    dataset = replace(data(labels), metadata=frame)
    dataset.images[:, 2:] = (labels[:, None, None, None] * 60).astype(np.uint8)
    right = chance.random((2, 600)) < 0.9
    right[1] &= camera != "third"
    both = [session(dataset, np.where(each, labels, (labels + 1) % 3), "model") for each in right]
    found = compare(*both)
    (place,) = np.flatnonzero(found.groups["group"] == "camera is third")
    assert found.groups.loc[place, ["found_in", "moved", "accuracy_second"]].tolist() == ["metadata", True, 0]
    broken = found.images("broken", group=int(place))
    assert sorted(broken.rows) == np.flatnonzero((camera == "third") & right[0]).tolist()
    assert broken.title == "camera is third: right in model (first), wrong in model (second)"
    assert compare(both[0], both[0]).moved == []
    with pytest.raises(WorkbenchError, match="There are"):
        found.images("broken", group=99)
    thirds = compare(*both, where="camera:third")
    assert len(thirds) == (camera == "third").sum()
    assert thirds.notes == (f"Compared: {len(thirds)} images found by camera:third.",)


def test_the_numbers_of_classes_and_pairs_open_their_images():
    chance = np.random.default_rng(4)
    labels = np.repeat([0, 1, 2], 100)
    before, after = (np.where(chance.random(300) < 0.7, labels, chance.integers(0, 3, 300)) for _ in range(2))
    found = compare(session(data(labels), before, "old"), session(data(labels), after, "new", 0.9))
    for row in found.classes.itertuples():
        for outcome in ("fixed", "broken"):
            assert len(found.images(outcome, label=row[1])) == getattr(row, outcome)
    for _, row in found.pairs.iterrows():
        opened = {
            which: found.confused(row["true"], row["predicted"], which) for which in ("gone", "come", "first", "second")
        }
        counted = {"gone": "gone", "come": "come", "first": "errors_first", "second": "errors_second"}
        assert {which: len(images) for which, images in opened.items()} == {w: row[name] for w, name in counted.items()}
        assert (before[opened["gone"].rows] == NAMES.index(row["predicted"])).all()
    assert len(found.images("")) == 300
    for wrong in (lambda: found.images("fixd"), lambda: found.images("fixed", label="wolf")):
        with pytest.raises(WorkbenchError, match="There is no"):
            wrong()
    with pytest.raises(WorkbenchError, match="There is no choice"):
        found.confused("cat", "dog", "left")


def test_what_cannot_be_compared_is_one_sentence(compared):
    with pytest.raises(WorkbenchError, match=r"Only models of the same classes .* do not share dog and wolf\."):
        compare(compared.first, session(data(LABELS, names=("cat", "wolf", "fox")), FIRST, "wolves"))
    with pytest.raises(WorkbenchError, match="have no image in common"):
        compare(compared.first, session(data([1] * 300, "other/test", order=np.arange(20, 300)), [1] * 280, "other"))


def test_every_class_and_outcome_absent_goes_through():
    dataset = data([0])
    found = compare(session(dataset, [0], "old"), session(dataset, [1], "new"))
    assert found.counts["broken"] == 1
    assert "No difference in accuracy beyond chance" in found.sentence
    for table in (found.classes, found.pairs, found.confidence, found.table):
        assert table is not None
    assert math.isnan(found.confidence["ece_low"][0])
    assert "<table" not in found._repr_html_() or len(found._repr_html_()) < 300_000


@pytest.mark.real_data
def test_the_committed_runs_differ_by_493_fixed_and_185_broken_images():
    found = CliRunner().invoke(main, ["compare", "baseline", "residual", "--json", "--only", "broken"])
    assert found.exit_code == 0, found.output
    said = json.loads(found.stdout)
    assert (said["fixed"], said["broken"], said["images_compared"]) == (493, 185, 10_000)
    assert said["difference"]["value"] == pytest.approx(0.0308)
    assert len(said["images"]) == 185
    assert {each["outcome"] for each in said["images"]} == {"broken"}
    assert {each["found_in"] for each in said["groups"]} <= {"properties", "pixels"}
    assert said["findings"] is None  # neither was diagnosed here
    assert said["maps"] == []


@pytest.mark.real_data
def test_files_of_predictions_are_compared_on_the_command_line(tmp_path, monkeypatch):
    for name, predicted in (("old", FIRST), ("new", SECOND)):
        said = np.full((12, 3), 0.15)
        said[np.arange(12), predicted] = 0.7
        names = np.array([f"{row}.png" for row in range(12)])
        np.savez(tmp_path / f"{name}.npz", probabilities=said, labels=LABELS, names=names, class_names=np.array(NAMES))
    both = [str(tmp_path / f"{name}.npz") for name in ("old", "new")]
    shown = CliRunner().invoke(main, ["compare", *both])
    assert shown.exit_code == 0, shown.output
    assert "3 fixed, 1 broken of 12 images (exact McNemar p = 0.62)" in " ".join(shown.stdout.split())
    table = CliRunner().invoke(main, ["compare", *both, "--only", "fixed", "--format", "csv"]).stdout.splitlines()
    assert [line.partition(",")[0] for line in table] == ["name", "1.png", "6.png", "9.png"]
    (tmp_path / "baseline").mkdir()
    monkeypatch.chdir(tmp_path)  # where a folder has the name of a run
    assert open_named("baseline").run.name == "baseline"
    wrong = CliRunner().invoke(main, ["compare", both[0], str(tmp_path / "no.npz")])
    assert wrong.exit_code == 2
    assert "no.npz" in wrong.stderr and "Traceback" not in wrong.stderr
    assert CliRunner().invoke(main, ["compare", *both, "--list", "fixed"]).stdout.split() == ["1.png", "6.png", "9.png"]
    assert "There is no outcome 'fixd'" in CliRunner().invoke(main, ["compare", *both, "--only", "fixd"]).stderr

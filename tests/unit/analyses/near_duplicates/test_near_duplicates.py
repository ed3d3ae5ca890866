from types import SimpleNamespace

import numpy as np
import pytest

from analyses.near_duplicates import NearDuplicates, NearDuplicatesParams
from workbench.core.dataset import Dataset
from workbench.core.predictions import Predictions

ASKED = NearDuplicatesParams(second_opinion="none")
NAMES = ("cat", "dog")


def noise(count, seed):
    return np.random.default_rng(seed).integers(0, 256, (count, 10, 9, 1), dtype=np.uint8)


def session(images, labels, train=None, name="made/test", right=None):
    count = len(labels)
    studied = Dataset(images, np.array(labels), class_names=NAMES, indices=np.arange(count), name=name)
    right = np.ones(count, bool) if right is None else right
    logits = np.eye(2, dtype=np.float32)[np.where(right, labels, 1 - np.array(labels))]
    return SimpleNamespace(
        dataset=studied, train=train, training=None, class_names=NAMES, predictions=Predictions(logits, studied.labels)
    )


def training(images, labels, name="made/train"):
    return Dataset(images, np.array(labels), class_names=NAMES, indices=np.arange(len(labels)), name=name)


def kinds(result):
    return [(finding.kind, finding.severity) for finding in result.findings]


def test_leaked_images_are_listed_with_what_the_model_says():
    images, learned = noise(40, 0), noise(60, 1)
    learned[[5, 9]] = images[[3, 7]]
    labels, right = [0, 1] * 20, np.arange(40) != 12
    made = session(images, labels, training(learned, [0, 1] * 30), right=right)
    result = NearDuplicates().compute(made, ASKED)
    table = result.tables["studied and training"]
    assert table[["row", "train_row", "copy"]].to_numpy().tolist() == [[3, 5, "exact"], [7, 9, "exact"]]
    assert table["predicted"].tolist() == ["dog", "dog"]
    assert result.findings[0].kind == "leakage"
    assert result.findings[0].evidence == (3, 7)
    assert "the accuracy is 97.4 % instead of 97.5 %" in result.findings[0].claim  # 37 of 38 instead of 39 of 40
    assert result.tables["copies"]["copied"].tolist() == [2, 0, 0]


def test_copies_with_two_labels_are_reported_for_each_part():
    images, learned = noise(30, 2), noise(30, 3)
    learned[4] = images[2]
    learned[11] = learned[10]
    made = session(images, [0] * 30, training(learned, [1 if n in {4, 11} else 0 for n in range(30)]))
    findings = NearDuplicates().compute(made, ASKED).findings
    said = [(each.part, each.evidence) for each in findings if "another label" in each.claim]
    assert sorted(said) == [("data", (2,)), ("train", (4, 10, 11))]
    assert all(each.classes == (0, 1) for each in findings if "another label" in each.claim)


def test_the_training_images_themselves_are_no_leak():
    images = noise(30, 4)
    own = training(images, [0] * 30)
    for chosen in (own, own.subset(range(5, 25))):
        made = session(chosen.images, chosen.labels, own, name=chosen.name)
        made.dataset = chosen
        result = NearDuplicates().compute(made, ASKED)
        assert kinds(result) == [(None, "info"), (None, "info")]
        assert "the evaluated images are part of them" in result.findings[0].claim


def test_unknown_training_images_are_said_to_be_missing():
    result = NearDuplicates().compute(session(noise(30, 5), [0] * 30), ASKED)
    assert "the training images are not available" in result.findings[0].claim
    assert list(result.tables) == ["copies", "within studied"]


def test_clean_images_give_no_fault_and_show_the_closest_pairs():
    result = NearDuplicates().compute(session(noise(60, 6), [0] * 60, training(noise(90, 7), [0] * 90)), ASKED)
    assert [kind for kind, _ in kinds(result)] == [None] * 3
    assert result.notes["copies"] is False


@pytest.mark.parametrize("seed", [8, 9])
def test_a_leak_of_two_percent_is_serious_and_counted(seed):
    chance = np.random.default_rng(seed)
    images, learned = noise(1000, seed), noise(1500, seed + 50)
    rows = chance.choice(1000, 20, replace=False)
    learned[chance.choice(1500, 20, replace=False)] = np.clip(images[rows].astype(int) + 1, 0, 255)
    found = NearDuplicates().compute(session(images, [0] * 1000, training(learned, [0] * 1500)), ASKED).findings[0]
    assert (found.kind, found.severity, found.effect.value) == ("leakage", "serious", 0.02)
    assert set(found.evidence) == set(rows.tolist())

"""What copies cost, with the numbers written out by hand."""

import numpy as np
import pytest

from analyses.near_duplicates.findings import conflicts, duplicates, leakage, severity_of
from workbench.statistics.copies import Pairs


def pairs(images, ways):
    return Pairs(np.array(images).reshape(-1, 2), np.array(ways, np.int64), np.zeros(len(ways)))


@pytest.mark.parametrize(
    ("count", "of", "severity"),
    [
        (0, 100, "info"),
        (1, 100, "mild"),
        (7, 10_000, "mild"),
        (200, 10_000, "serious"),
        (6, 300, "serious"),
        (1500, 10_000, "critical"),
    ],
)
def test_a_share_is_judged_by_its_lower_end(count, of, severity):
    assert severity_of(count, of) == severity


def test_the_accuracy_without_leaked_images():
    correct = np.array([1, 1, 1, 1, 1, 0, 0, 1, 1, 0], bool)  # 7 of 10; of the four leaked all, of the others 3 of 6
    found = leakage(correct, 50, pairs([[0, 12], [1, 13], [2, 14], [3, 15], [3, 16]], [0, 0, 1, 2, 2]))
    assert found.kind == "leakage"
    assert found.effect.value == found.at_stake == 0.4
    assert found.evidence == (0, 1, 2, 3)
    assert "4 evaluated images of 10 have copies among 50 training images, 40.0 %" in found.claim
    assert "2 exact, 1 near and 1 mirrored" in found.claim
    assert "the accuracy is 50.0 % instead of 70.0 %, so they change it by +20.00 points" in found.claim


def test_all_leaked_leaves_no_accuracy_to_give():
    found = leakage(np.ones(2, bool), 50, pairs([[0, 12], [1, 13]], [0, 0]))
    assert "Without them" not in found.claim
    assert found.severity == "critical"


def test_none_is_a_fact_without_a_kind():
    found = leakage(np.ones(20, bool), 50, pairs([], []))
    assert (found.kind, found.severity, found.effect.value) == (None, "info", 0.0)


def test_mirrored_training_images_may_be_meant_and_equal_ones_not():
    moved = pairs([[n, n + 50] for n in range(50)], [2] * 50)
    equal = pairs([[n, n + 50] for n in range(50)], [0] * 50)
    assert duplicates(1, 1000, moved, 50).severity == "mild"
    assert duplicates(1, 1000, equal, 50).severity == "serious"
    assert duplicates(0, 1000, moved, 50).severity == "serious"
    assert duplicates(1, 1000, equal, 50).part == "train"
    assert duplicates(1, 1000, equal, 50).at_stake == 0
    assert duplicates(0, 1000, equal, 50).at_stake == 0.05


def test_two_labels_name_the_commonest_pair_of_classes():
    found = conflicts(0, 100, np.array([4, 9, 11]), np.array([[2, 1], [1, 2], [0, 2]]), ("a", "b", "c"))
    assert found.classes == (1, 2)
    assert found.evidence == (4, 9, 11)
    assert "3 evaluated images of 100 have a copy with another label, 3.0 %" in found.claim
    assert "b and c" in found.claim

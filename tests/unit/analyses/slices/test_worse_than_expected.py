import numpy as np
import pytest

from analyses.slices.worse_than_expected import (
    Expected,
    Slice,
    calibrate_confidence,
    distinct_slices,
    measure_slice,
    scarcity,
)
from workbench.core.estimate import Estimate
from workbench.core.predictions import Predictions
from workbench.statistics.significance import discoveries
from workbench.statistics.slicing import Group, halves


def predictions(labels, right, confidence=0.9):
    labels = np.asarray(labels)
    said = np.where(right, labels, (labels + 1) % 2)
    logit = np.log(np.asarray(confidence) / (1 - np.asarray(confidence))) * np.ones(len(labels))
    logits = np.zeros((len(labels), 2), np.float32)
    logits[np.arange(len(labels)), said] = logit
    return Predictions(logits, labels)


def rows(count, *chosen):
    mask = np.zeros(count, bool)
    mask[list(chosen)] = True
    return mask


def test_each_class_is_split_in_two():
    one, other = halves(np.array([0, 0, 0, 0, 1, 1, 0, 1]), 3)
    labels = np.array([0, 0, 0, 0, 1, 1, 0, 1])
    assert sorted([*one, *other]) == list(range(8))
    assert abs(labels[one].sum() - labels[other].sum()) == 1  # of three


def test_expected_is_the_recall_outside_weighted_by_the_classes_inside():
    labels = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1])
    right = np.array([0, 1, 1, 1, 0, 0, 1, 1, 0], bool)
    # inside: one of class 0, one of class 1; outside class 0 has 3 of 4 right, class 1 2 of 3
    assert Expected.of(predictions(labels, right)).accuracy(rows(9, 0, 5)) == pytest.approx((3 / 4 + 2 / 3) / 2)


def test_nothing_can_be_expected_of_a_group_that_is_the_class():
    labels = np.array([0, 0, 0, 1, 1])
    assert np.isnan(Expected.of(predictions(labels, np.ones(5, bool))).accuracy(rows(5, 0, 1)))


def test_the_calibrated_confidence_is_the_share_that_is_right():
    labels = np.zeros(200, np.int64)
    sure = np.repeat([0.6, 0.95], 100)
    right = np.concatenate([np.arange(100) < 55, np.arange(100) < 70])
    values = calibrate_confidence(predictions(labels, right, sure), np.arange(200))
    of_right = values[right]
    assert of_right[0] < of_right[-1]
    # isotonic: 55 % and 70 %; what is predicted 0 is always right here, of 125, so each is raised
    assert of_right[0] == pytest.approx(0.55 + (125 - 55 * 0.55 - 70 * 0.70) / 145)


def test_a_group_is_measured_on_the_other_half_alone():
    labels = np.zeros(40, np.int64)
    right = np.ones(40, bool)
    right[[0, 1, 2, 20, 21, 22, 23]] = False
    group = Group(
        members=rows(40, 0, 1, 2, 20, 21, 22, 23, 24), alike=rows(40, *range(20, 30)), learned=None, source="pixels"
    )
    found = measure_slice(group, predictions(labels, right), np.full(40, 0.8), np.arange(20, 40), None)
    assert (found.size, found.tested, found.right) == (8, 5, 1)
    assert np.array_equal(found.members, group.members)
    assert found.packed.nbytes == 5  # of a million images a thousand groups lie in memory
    assert found.expected == 1
    assert found.chance == pytest.approx(1 / 969)  # 4 of 4 errors among 5 of 20: C(5, 4) / C(20, 4)
    assert (found.alike, found.alike_right, found.confidence) == (10, 6, pytest.approx(0.8))
    assert found.overconfidence[0] == pytest.approx(0.2)
    assert found.gap.value == pytest.approx(0.8)


def test_a_group_that_is_not_worse_is_none():
    labels = np.zeros(20, np.int64)
    group = Group(members=rows(20, 10, 11, 12, 13), alike=rows(20, 10, 11, 12, 13), learned=None, source="pixels")
    assert measure_slice(group, predictions(labels, np.ones(20, bool)), np.ones(20), np.arange(10, 20), None) is None


def test_scarcity_compares_shares_within_the_class():
    labels = np.repeat([0, 1], [10, 30])
    train_labels = np.repeat([0, 1], [100, 100])
    learned = rows(200, 0, 1)
    # 5 of 10 images of class 0 are members, so 50 of 100 training images were to be expected; there are 2
    share, low, high = scarcity(
        Group(members=rows(40, 0, 1, 2, 3, 4), alike=rows(40), learned=learned, source="pixels"), labels, train_labels
    )
    assert share == pytest.approx(2 / 50)
    assert low < share < high < 1 / 3
    assert np.isnan(
        scarcity(Group(members=rows(40, 0), alike=rows(40), learned=None, source="pixels"), labels, train_labels).value
    )


def slice_(members, *, right=1, gap=0.5, over=0.9, scarce=float("nan"), size=40):
    return Slice(
        source="pixels",
        rule="",
        images=len(members),
        packed=np.packbits(members),
        size=int(members.sum()),
        tested=size,
        right=right,
        expected=0.95,
        gap=Estimate(gap + 0.1, gap, gap + 0.2),
        chance=0.001,
        confidence=over,
        alike=size,
        alike_right=right,
        scarcity=Estimate(scarce, scarce, scarce),
    )


def test_a_fault_is_far_below_and_either_unforeseen_or_scarce():
    members = rows(10, 0)
    assert slice_(members).fault
    assert not slice_(members, gap=0.1).fault
    assert not slice_(members, over=0.05).fault  # the model knows
    assert slice_(members, over=0.05, scarce=0.1).fault
    assert not slice_(members, over=0.05, scarce=0.5).fault


def test_overlapping_groups_are_said_once_and_faults_come_first():
    large, inner, other = rows(10, 0, 1, 2, 3), rows(10, 0, 1, 2), rows(10, 7, 8)
    seen = predictions([0] * 10, rows(10, 4, 5, 6, 9))
    kept = distinct_slices([slice_(inner), slice_(large), slice_(other, over=0.0)], seen)
    assert [each.members.sum() for each in kept] == [4, 2]


def test_benjamini_hochberg_as_in_the_paper():
    # of 5 at 5 %: limits 0.01, 0.02, 0.03, 0.04, 0.05; the third holds though the second is above its own
    assert discoveries(np.array([0.5, 0.029, 0.001, 0.2, 0.025])).tolist() == [False, True, True, False, True]
    assert discoveries(np.array([])).tolist() == []

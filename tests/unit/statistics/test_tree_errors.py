"""Errors in a tree of four classes: pets (cat, dog), things (car, bus); and the levels of a deeper one."""

import numpy as np
import pytest

from workbench.data.hierarchy import read_hierarchy
from workbench.statistics.tree_errors import distance_by_chance, error_distance, group_accuracy

NAMES = ("cat", "dog", "car", "bus")
TREE = read_hierarchy({"pets": ["cat", "dog"], "things": ["car", "bus"]}, NAMES)


def test_within_a_group_an_error_is_one_level_away_and_in_another_two():
    labels, predicted = np.array([0, 0, 0, 2, 2]), np.array([0, 1, 2, 3, 3])
    far = error_distance(TREE, labels, predicted)
    assert far.value == pytest.approx((1 + 2 + 1 + 1) / 4)
    assert far.interval is None  # of four errors
    assert distance_by_chance(TREE, labels, predicted) == pytest.approx(5 / 3)  # 1, 2 and 2 levels to the others
    assert group_accuracy(TREE, labels, predicted).value == 4 / 5


def test_from_twenty_errors_on_there_is_an_interval_like_that_of_drawing_them_again():
    labels = np.zeros(40, np.int64)
    predicted = np.array([1] * 30 + [2] * 10)
    far = error_distance(TREE, labels, predicted)
    chance = np.random.default_rng(1)
    drawn = chance.choice(np.array([1.0] * 30 + [2.0] * 10), (4000, 40)).mean(axis=1)
    assert far.value == 1.25
    assert far.interval == pytest.approx(np.percentile(drawn, (2.5, 97.5)), abs=0.03)
    assert error_distance(TREE, labels[:19], predicted[-19:]).interval is None


def test_of_errors_that_are_all_near_the_interval_still_has_a_width():
    far = error_distance(TREE, np.zeros(30, np.int64), np.ones(30, np.int64))
    assert far.value == far.low == 1.0
    assert far.high == pytest.approx(1 + (1 - 0.025 ** (1 / 30)))


def test_without_errors_there_is_no_distance():
    right = np.array([0, 1, 2])
    assert error_distance(TREE, right, right) is None
    assert np.isnan(distance_by_chance(TREE, right, right))


def test_the_finer_the_groups_the_lower_the_accuracy():
    tree = read_hierarchy({"a": {"b": ["cat", "dog"], "c": ["car"]}, "d": ["bus"]}, NAMES)
    labels, predicted = np.array([0, 0, 0, 0]), np.array([0, 1, 2, 3])
    assert [group_accuracy(tree, labels, predicted, level).value for level in (1, 2, 3)] == [3 / 4, 2 / 4, 1 / 4]

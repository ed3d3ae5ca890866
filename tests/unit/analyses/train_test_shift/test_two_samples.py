import numpy as np
import pandas as pd
import pytest

from analyses.train_test_shift.two_samples import (
    auc_interval,
    matching_rows,
    priors,
    shifts,
    two_sample,
    without_copies,
)


def samples(away, count=300, seed=0):
    chance = np.random.default_rng(seed)
    return chance.normal(size=(count, 3)), chance.normal((away, 0, 0), size=(count, 3))


def labels(count):
    return np.arange(count) % 3, np.arange(count) % 3


def test_equal_samples_cannot_be_told_apart_and_moved_ones_can():
    same = two_sample(*samples(0.0), labels(300))
    assert same.auc.low < 0.52
    assert same.unlike.low < 0.05
    moved_ = two_sample(*samples(3.0), labels(300))
    # two normal distributions 3 apart: AUC Φ(3 / √2) = 0.983
    assert moved_.auc.value == pytest.approx(0.983, abs=0.02)
    assert moved_.unlike.value > 0.5
    assert moved_.auc.value == pytest.approx(moved_.scores.mean(), abs=1e-9)


def test_a_part_that_is_strange_is_counted():
    train, studied = samples(0.0, 500)
    studied[:150] += 9
    found = two_sample(train, studied, labels(500))
    assert found.unlike.value == pytest.approx(0.3 + 0.7 * 0.02, abs=0.03)


def test_few_images_are_never_called_strange_one_by_one():
    assert two_sample(*samples(0.0, 60), labels(60)).unlike.value == 0


def test_the_interval_of_an_auc_is_that_of_hanley_and_mcneil():
    # A = 0.8, n = 20, m = 30: Q1 = 0.8 / 1.2, Q2 = 1.28 / 1.8
    spread = (0.16 + 19 * (2 / 3 - 0.64) + 29 * (1.28 / 1.8 - 0.64)) / 600
    assert auc_interval(0.8, 20, 30) == pytest.approx((0.8 - 1.96 * spread**0.5, 0.8 + 1.96 * spread**0.5))


def test_how_far_a_property_moved():
    train = pd.DataFrame({"brightness": [0.0, 0.2, 0.4, 0.6], "noise": [0.1] * 4, "area": [0.5] * 4})
    studied = pd.DataFrame({"brightness": [0.4, 0.6, 0.8, 1.0], "noise": [0.1] * 4, "area": [0.7] * 4})
    table = shifts(train, studied).set_index("property")
    assert set(table.index) == {"brightness", "area"}  # noise does not vary
    assert table.loc["brightness", "difference"] == pytest.approx(0.4 / 0.05**0.5)
    assert table.loc["brightness", "ks"] == 0.5
    assert table.loc["area", "difference"] == 50
    assert table.index[0] == "area"


def test_classes_are_matched():
    train, studied = np.repeat([0, 1, 2], [50, 10, 5]), np.repeat([0, 1], [20, 40])
    ours = matching_rows(train, studied, 1000, 0)
    assert np.bincount(train[ours[0]]).tolist() == [20, 10]
    assert np.bincount(studied[ours[1]]).tolist() == [20, 10]
    assert len(matching_rows(train, studied, 15, 0)[0]) <= 17


def test_copies_are_left_out():
    train = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 1), np.uint8)
    studied = train[[4, 4, 1]].copy()
    studied[:2] = 9
    theirs, ours = without_copies(train[[0, 1, 0, 2]], studied)
    assert theirs.tolist() == [0, 3]  # 1 is in both, the second 0 is a copy
    assert ours.tolist() == [0]


def test_class_frequencies():
    away, noise, chance = priors(np.repeat([0, 1], [500, 500]), np.repeat([0, 1], [400, 100]), 3)
    assert away == pytest.approx(0.3)
    assert noise < 0.1
    assert chance < 1e-9
    assert priors(np.array([0, 0]), np.array([0]), 2) == (0, 0, 1)

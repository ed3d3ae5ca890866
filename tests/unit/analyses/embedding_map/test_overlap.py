"""Shares of neighbours by class, and their intervals."""

from __future__ import annotations

import numpy as np
import pytest

from analyses.embedding_map.overlap import (
    Neighbourhoods,
    interval_of_mean,
    mean_share,
    overlap_of_pairs,
    shares_of_classes,
)


def test_shares_count_the_nearest_only():
    rows, labels = np.array([[1, 2], [2, 0], [0, 1]]), np.array([0, 0, 2])
    assert shares_of_classes(rows, labels, 1, 3).tolist() == [[1, 0, 0], [0, 0, 1], [1, 0, 0]]
    assert shares_of_classes(rows, labels, 5, 3).tolist() == [[0.5, 0, 0.5], [0.5, 0, 0.5], [1, 0, 0]]


def test_pairs_are_the_larger_overlap_first_and_leave_out_absent_classes():
    shares = np.array([[0.2, 0, 0.8, 0], [0.5, 0, 0.5, 0], [0.1, 0, 0.6, 0.3], [0, 0, 0.5, 0.5]])
    near = Neighbourhoods(rows=np.arange(4), labels=np.array([0, 0, 2, 3]), shares=shares, nearest=10, names="abcd")
    table = overlap_of_pairs(near)
    assert table[["one", "other"]].to_numpy().tolist() == [["a", "c"], ["c", "d"], ["a", "d"]]
    assert table["overlap"].tolist() == pytest.approx([(0.8 + 0.5 + 0.1) / 3, (0.3 + 0.5) / 2, 0])
    assert table["images"].tolist() == [3, 2, 3]


def test_the_interval_of_a_mean_of_shares_covers_it_as_often_as_it_says():
    chance, hits = np.random.default_rng(3), 0
    for _ in range(400):
        mean = chance.binomial(15, 0.2, 60).mean() / 15
        low, high = interval_of_mean(mean, 60)
        hits += low <= 0.2 <= high
    assert hits >= 0.95 * 400  # conservative: shares vary less than zeros and ones


def test_a_mean_is_said_with_its_interval():
    assert str(mean_share(0.5, 100)) == "50.0 % (95 % interval 40.4–59.6 %)"
    assert mean_share(0.5, 100).interval == pytest.approx((0.4038, 0.5962), abs=1e-4)

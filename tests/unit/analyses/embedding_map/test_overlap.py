"""Shares of neighbours by class, and their intervals."""

from __future__ import annotations

import numpy as np
import pytest

from analyses.embedding_map.overlap import (
    Neighbourhoods,
    interval_of_mean,
    mean_share,
    overlap_of_pairs,
    purity_of_classes,
)


def test_shares_count_the_nearest_only():
    near = np.array([[0, 2], [2, 0], [0, 0]])
    hood = Neighbourhoods(rows=np.arange(3), labels=np.array([0, 0, 2]), near=near, names="abc")
    assert hood.shares_of(np.array([0, 0, 0]), 1).tolist() == [1, 0, 1]
    assert hood.shares_of(np.array([0, 0, 0]), 2).tolist() == [0.5, 0.5, 1]
    assert hood.counts(1).tolist() == [[1, 0, 1], [0, 0, 0], [1, 0, 0]]
    assert hood.own_shares()[:2].tolist() == [1, 0]  # a class of two images has one other to offer
    assert np.isnan(hood.own_shares()[2])  # and a class of one has none


def test_pairs_are_the_larger_overlap_first_and_leave_out_absent_classes():
    labels = np.array([0, 0, 0, 2, 2, 2, 3, 3, 3])
    near = np.array([[2, 2], [2, 0], [0, 0], [0, 3], [2, 2], [3, 2], [3, 3], [3, 3], [2, 3]])
    table = overlap_of_pairs(Neighbourhoods(rows=np.arange(9), labels=labels, near=near, names="abcd"))
    assert table[["one", "other"]].to_numpy().tolist() == [["a", "c"], ["c", "d"], ["a", "d"]]
    assert table["overlap"].tolist() == pytest.approx([(3 + 1) / 12, (2 + 1) / 12, 0])
    assert table["images"].tolist() == [6, 6, 6]


def test_classes_apart_do_not_overlap_because_they_are_small():
    """Ten images a class offer nine others: the sixth to fifteenth neighbour of another class shows nothing."""
    labels = np.repeat([0, 1, 2], [10, 10, 4])
    order = np.abs(np.subtract.outer(labels * 100.0 + np.arange(24), labels * 100.0 + np.arange(24)))
    np.fill_diagonal(order, np.inf)
    near = labels[order.argsort(axis=1)[:, :15]]
    hood = Neighbourhoods(rows=np.arange(24), labels=labels, near=near, names="abc")
    assert (near == labels[:, None]).mean(axis=1).tolist() == pytest.approx([9 / 15] * 20 + [3 / 15] * 4)  # is forced
    assert overlap_of_pairs(hood)["overlap"].tolist() == [0, 0, 0]
    assert sorted(overlap_of_pairs(hood)["neighbours"]) == [3, 3, 9]
    assert purity_of_classes(hood)["purity"].tolist() == [1, 1, 1]


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

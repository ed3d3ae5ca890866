"""Coalitions: all of them where they are few, and the right ones often where they are drawn."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.attribution.coalitions import coin_coalitions, shapley_coalitions


def test_three_regions_by_hand():
    shown, weights = shapley_coalitions(3, 6, 0)
    assert shown.tolist() == [[0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1], [1, 0, 1], [0, 1, 1]]
    np.testing.assert_allclose(weights, [0, 0, 1, 1, 1, 1, 1, 1])  # (3 - 1) / (3 x 1 x 2) of every size


@pytest.mark.parametrize(
    ("count", "samples", "rows"), [(1, 10, 2), (2, 10, 4), (9, 510, 512), (9, 509, 511), (49, 11, 13)]
)
def test_all_of_them_where_they_fit_and_else_pairs(count, samples, rows):
    shown, weights = shapley_coalitions(count, samples, 0)
    assert shown.shape == (rows, count)
    assert len(weights) == rows
    assert set(np.unique(shown)) <= {0, 1}
    drawn = shown[2:]
    if 2**count - 2 <= samples:
        assert len({tuple(z) for z in shown}) == 2**count
    else:
        np.testing.assert_array_equal(drawn[: 2 * (samples // 2) : 2] + drawn[1::2], 1)  # z and 1 - z
        assert ((drawn.sum(axis=1) > 0) & (drawn.sum(axis=1) < count)).all()
        assert (weights[2:] == 1).all()


def test_sizes_are_drawn_as_often_as_the_kernel_weighs_them_and_regions_evenly():
    count, samples = 14, 16000
    assert 2**count - 2 > samples
    sizes, pairs = np.zeros(count), np.zeros((count, count))
    for seed in range(20):
        drawn = shapley_coalitions(count, samples, seed)[0][2:]
        sizes += np.bincount(drawn.sum(axis=1).astype(int), minlength=count)
        pairs += drawn.T @ drawn
    total = 20 * samples
    odds = np.array([(count - 1) / (k * (count - k)) for k in range(1, count)])
    odds /= odds.sum()
    error = np.sqrt(2 * odds * (1 - odds) / total)  # a pair counts once
    assert (np.abs(sizes[1:] / total - odds) < 5 * error).all()
    np.testing.assert_allclose(np.diag(pairs) / total, 0.5, atol=1e-9)  # each is in exactly one of a pair
    apart = pairs[~np.eye(count, dtype=bool)] / total
    together = sum(p * k * (k - 1) / (count * (count - 1)) for k, p in enumerate(odds, 1))
    np.testing.assert_allclose(apart, together, atol=5 * np.sqrt(2 * 0.25 / total))


def test_coins_fall_evenly():
    shown = coin_coalitions(10, 20000, 4)
    np.testing.assert_allclose(shown.mean(axis=0), 0.5, atol=5 * np.sqrt(0.25 / 20000))
    np.testing.assert_allclose(np.corrcoef(shown.T)[~np.eye(10, dtype=bool)], 0, atol=5 / np.sqrt(20000))


def test_seeds_decide():
    for draw in (coin_coalitions, lambda *given: shapley_coalitions(*given)[0]):
        assert (draw(20, 50, 1) == draw(20, 50, 1)).all()
        assert (draw(20, 50, 1) != draw(20, 50, 2)).any()


def test_many_regions_are_no_trouble():
    """2^400 is no float."""
    assert shapley_coalitions(400, 1000, 0)[0].shape == (1002, 400)
    assert shapley_coalitions(np.int64(64), 100, 0)[0].shape == (102, 64)

"""Neighbours and close pairs against all distances, summed one by one in float64."""

import numpy as np
import pytest

from workbench.statistics import nearest as module
from workbench.statistics.nearest import close_pairs, nearest


def apart(one, other):
    rows = (((other.astype(np.float64) - each.astype(np.float64)) ** 2).sum(axis=-1) for each in one)
    return np.sqrt(np.stack(list(rows)))


def test_three_points_on_a_line():
    distances, rows = nearest(np.array([[0.0], [10.0]]), np.array([[1.0], [4.0], [9.0]]), 2)
    assert distances.tolist() == [[1.0, 4.0], [1.0, 6.0]]
    assert rows.tolist() == [[0, 1], [2, 1]]


def test_a_row_is_not_its_own_neighbour():
    points = np.array([[0.0, 0.0], [0.0, 0.0], [3.0, 4.0]])
    distances, rows = nearest(points, points, 5, own=np.arange(3))
    assert distances.tolist() == [[0.0, 5.0], [0.0, 5.0], [5.0, 5.0]]
    assert rows[:2].tolist() == [[1, 2], [0, 2]]
    assert nearest(points[:1], points[:1], 1, own=np.zeros(1, int))[0].shape == (1, 0)


@pytest.mark.parametrize(("count", "width", "k"), [(33, 2, 40), (300, 7, 5), (257, 120, 3), (70, 1, 70)])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_many_points_far_from_zero(count, width, k, kind):
    chance = np.random.default_rng(count)
    base, queries = ((chance.normal(size=(n, width)) + 100).astype(kind) for n in (count, 17))
    for asked, itself in ((queries, False), (base, True)):
        whole = apart(asked, base)
        if itself:
            np.fill_diagonal(whole, np.inf)
        distances, rows = nearest(asked, base, k, own=np.arange(count) if itself else None)
        np.testing.assert_allclose(distances, np.sort(whole, axis=1)[:, : min(k, count - itself)], rtol=1e-6)
        np.testing.assert_allclose(np.take_along_axis(whole, rows, axis=1), distances, rtol=1e-6)


def test_of_equal_distances_the_smaller_row_comes_first():
    points = np.array([[2.0], [0.0], [-2.0], [2.0], [0.0]])
    distances, rows = nearest(points[1:2], points, 5)
    assert rows.tolist() == [[1, 4, 0, 2, 3]]
    assert distances.tolist() == [[0, 0, 2, 2, 2]]


def test_rounding_in_float32_does_not_hide_the_nearest():
    """All lie 1,000 away; which one is nearest stands in the seventh digit, and a product of float32 cannot see it."""
    base = np.zeros((200, 2))
    base[:, 0] = 1000 + 1e-6 * np.random.default_rng(1).permutation(200)
    queries = np.zeros((1, 2))
    assert nearest(queries, base, 1)[1].tolist() == [[int(base[:, 0].argmin())]]


def test_parts_of_a_search_add_up(monkeypatch):
    chance = np.random.default_rng(2)
    base, queries = chance.normal(size=(100, 3)), chance.normal(size=(50, 3))
    whole = nearest(queries, base, 4)
    monkeypatch.setattr(module, "VALUES", 60)
    np.testing.assert_array_equal(nearest(queries, base, 4)[1], whole[1])


@pytest.mark.parametrize(("count", "width"), [(5, 3), (300, 2), (700, 200)])
@pytest.mark.parametrize("quantile", [0.01, 0.2])
def test_no_close_pair_is_lost_by_projection(count, width, quantile, monkeypatch):
    monkeypatch.setattr(module, "ROWS", 64)
    points = np.random.default_rng(count).normal(size=(count, width))
    whole = apart(points, points)
    radius = np.quantile(whole[np.triu_indices(count, 1)], quantile)
    expected = np.argwhere(np.triu(whole <= radius, 1))
    pairs, distances = close_pairs(points, radius)
    assert {tuple(pair) for pair in pairs.tolist()} == {tuple(pair) for pair in expected.tolist()}
    np.testing.assert_allclose(distances, np.sort(whole[tuple(expected.T)]), rtol=1e-9)


def test_of_too_many_pairs_the_closest_are_kept(monkeypatch):
    monkeypatch.setattr(module, "ROWS", 8)
    points = np.arange(100.0)[:, None] ** 1.5  # neighbours lie farther apart the farther out they are
    pairs, _ = close_pairs(points, 1e9, most=3)
    assert pairs.tolist() == [[0, 1], [1, 2], [2, 3]]


def test_pixels_are_compared_without_wrapping_around():
    pixels = np.array([[0, 255], [255, 0], [1, 254]], np.uint8)
    pairs, distances = close_pairs(pixels, 2.0)
    assert pairs.tolist() == [[0, 2]]
    assert distances == pytest.approx([2**0.5])

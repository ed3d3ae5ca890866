"""Comparisons two by two, counted again pair by pair."""

import numpy as np
import pytest

from workbench.diagnosis.advice.comparing import agreement, duel, share, shares_won, won


def by_hand(one, other):
    if np.isnan(one) or np.isnan(other):
        return 0.5 if np.isnan(one) and np.isnan(other) else float(np.isnan(other))
    return 0.5 if abs(one - other) <= 1e-6 else float(one > other)


def test_a_comparison_counts_by_its_sign_and_no_number_loses():
    one = np.array([1.0, 2.0, 0.5, np.nan, 1.0, np.nan])
    other = np.array([0.0, 3.0, 0.5 + 1e-9, 0.0, np.nan, np.nan])
    assert won(one, other).tolist() == [1.0, 0.0, 0.5, 0.0, 1.0, 0.5]


def test_shares_are_those_of_all_pairs():
    chance = np.random.default_rng(0)
    values = chance.integers(0, 4, (5, 7)).astype(float)
    values[2, 3] = np.nan
    expected = [
        [np.mean([by_hand(values[k, n], values[j, n]) for j in range(5) if j != k]) for n in range(7)] for k in range(5)
    ]
    np.testing.assert_allclose(shares_won(values), expected)
    np.testing.assert_allclose(shares_won(values).mean(axis=0), 0.5)


def test_a_duel_is_the_mean_over_measures():
    one, other = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 0.0]]), np.array([[0.0, 1.0], [2.0, 1.0], [0.0, 0.0]])
    np.testing.assert_allclose(duel(one, other), [0.5, 1 / 6])


def test_a_share_has_an_interval_in_percent_and_stays_within_its_bounds():
    found = share(np.array([1.0, 1.0, 1.0, 0.5]))
    assert (found.value, found.high, found.unit) == (0.875, 1.0, "%")
    assert found.low == pytest.approx(0.875 - 3.182 * 0.25 / 2, abs=1e-3)


def test_agreement_with_the_truth_is_counted_over_pairs_that_differ_in_it():
    chance = np.random.default_rng(1)
    truth, measure = chance.integers(0, 3, (4, 6)).astype(float), chance.integers(0, 3, (4, 6)).astype(float)
    truth[:, 5] = 1.0  # all alike: there is no better map
    for n in range(6):
        hits = [
            0.5
            if measure[i, n] == measure[j, n]
            else float((measure[i, n] > measure[j, n]) == (truth[i, n] > truth[j, n]))
            for i in range(4)
            for j in range(i)
            if truth[i, n] != truth[j, n]
        ]
        expected = np.mean(hits) if hits else np.nan
        np.testing.assert_allclose(agreement(measure, truth)[n], expected)
    np.testing.assert_allclose(agreement(truth, truth)[:5], 1.0)
    assert np.isnan(agreement(measure, truth)[5])


def test_equal_shares_have_an_interval_too_where_there_are_enough():
    assert share(np.ones(20)).low == pytest.approx(0.025 ** (1 / 20))
    assert share(np.ones(20)).high == 1.0
    assert share(np.ones(4)).interval is None

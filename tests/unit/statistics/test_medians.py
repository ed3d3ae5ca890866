"""Medians and how often their intervals hold the true one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from workbench.core.estimate import Estimate
from workbench.statistics.medians import counted, median


@pytest.mark.parametrize(
    ("count", "rank"), [(6, 1), (8, 1), (9, 2), (10, 2), (11, 2), (12, 3), (20, 6), (30, 10), (50, 18)]
)
def test_ranks_are_those_of_the_sign_test(count, rank):
    """As tables have them: the largest rank j with P(B < j) of at most 2.5 %, B of so many coins."""
    values = np.random.default_rng(count).permutation(np.arange(1.0, count + 1))
    found = median(values)
    assert (found.low, found.high) == (rank, count + 1 - rank)
    assert found.value == (count + 1) / 2
    assert sum(math.comb(count, k) for k in range(rank)) / 2**count <= 0.025
    assert sum(math.comb(count, k) for k in range(rank + 1)) / 2**count > 0.025


def test_no_interval_of_five_values_or_of_equal_ones():
    assert median(np.arange(5)).interval is None
    assert median(np.full(40, 3)).interval is None and median(np.full(40, 3)).value == 3


def test_it_holds_the_true_median_of_counts_at_least_as_often_as_it_says():
    chance = np.random.default_rng(0)
    found = [median(chance.poisson(3.2, 15)) for _ in range(400)]
    held = [each.low <= 3 <= each.high if each.interval else each.value == 3 for each in found]
    assert np.mean(held) > 0.95


def test_medians_of_counts_are_written_with_a_half_at_most():
    assert counted(Estimate(2.5, 1, 4)) == "2.5 (95 % interval 1 to 4)"
    assert counted(Estimate(3.0)) == "3" and counted(Estimate(np.inf)) == "more than all"

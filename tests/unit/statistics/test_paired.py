"""McNemar's exact test and Cohen's κ against sums written out, and scikit-learn's κ as a second witness."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from workbench.statistics.paired import kappa, mcnemar, seeds_and_images


def exact(won, lost):
    """Twice the smaller tail of the binomial distribution, in whole numbers."""
    changed = won + lost
    tail = sum(math.comb(changed, count) for count in range(min(won, lost) + 1))
    return float(min(Fraction(2 * tail, 2**changed), 1))


@pytest.mark.parametrize("won", [0, 1, 5, 12, 40])
@pytest.mark.parametrize("lost", [0, 1, 6, 39])
def test_the_p_value_is_the_sum_of_the_binomial_tails(won, lost):
    assert float(mcnemar(won, lost)) == pytest.approx(exact(won, lost), rel=1e-12)


def test_many_are_tested_at_once_and_large_counts_too():
    assert mcnemar([0, 3, 493], [0, 9, 185]).tolist() == pytest.approx([1.0, exact(3, 9), exact(493, 185)], rel=1e-9)


def test_models_that_differ_by_chance_alone_are_called_different_in_at_most_one_of_twenty():
    chance = np.random.default_rng(0)
    right = chance.random((4000, 2, 300)) < 0.85
    won, lost = (~right[:, 0] & right[:, 1]).sum(axis=1), (right[:, 0] & ~right[:, 1]).sum(axis=1)
    share = (mcnemar(won, lost) < 0.05).mean()
    assert 0.01 < share < 0.05


def test_kappa_and_its_interval():
    # Worked by hand: observed 0.7, expected 0.5.
    found = kappa(np.array([[20, 5], [10, 15]]))
    assert found.value == pytest.approx(0.4)
    chance = np.random.default_rng(1)
    first, second = chance.integers(0, 4, 500), chance.integers(0, 4, 500)
    second[:350] = first[:350]
    counts = np.zeros((4, 4), int)
    np.add.at(counts, (first, second), 1)
    found = kappa(counts)
    assert found.value == pytest.approx(cohen_kappa_score(first, second), rel=1e-12)
    drawn = []
    for _ in range(1500):
        rows = chance.integers(0, 500, 500)
        again = np.zeros((4, 4), int)
        np.add.at(again, (first[rows], second[rows]), 1)
        drawn.append(kappa(again).value)
    low, high = np.percentile(drawn, [2.5, 97.5])
    assert (found.low, found.high) == (pytest.approx(low, abs=0.01), pytest.approx(high, abs=0.01))


def test_kappa_of_raters_that_say_one_thing_is_none_and_of_equal_ones_one_without_interval():
    assert math.isnan(kappa(np.array([[7, 0], [0, 0]])).value)
    same = kappa(np.array([[7, 0], [0, 3]]))
    assert (same.value, same.interval) == (1.0, None)


def test_seeds_and_images_are_student_s_t_and_the_mean_of_the_paired_differences():
    from scipy.stats import ttest_1samp

    chance = np.random.default_rng(0)
    differences = [chance.integers(-1, 2, 200) for _ in range(4)]
    found = seeds_and_images(differences)
    by_seed, by_image = [each.mean() for each in differences], np.mean(differences, axis=0)
    test = ttest_1samp(by_seed, 0)
    error = by_image.std() / math.sqrt(200)
    of_images = math.erfc(abs(by_image.mean()) / error / math.sqrt(2))
    assert found["difference"] == pytest.approx(np.mean(by_seed))
    assert (found["seeds_low"], found["seeds_high"]) == pytest.approx(tuple(test.confidence_interval()))
    assert found["images_high"] - found["images_low"] == pytest.approx(2 * 1.959964 * error, rel=1e-6)
    assert found["chance"] == pytest.approx(max(test.pvalue, of_images), rel=1e-9)
    nothing = seeds_and_images([np.zeros(5), np.zeros(5)])
    assert (nothing["difference"], nothing["chance"]) == (0.0, 1.0)
    assert math.isnan(seeds_and_images(differences[:1])["chance"])  # one seed tells nothing of seeds

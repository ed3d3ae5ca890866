import numpy as np
import pytest

from analyses.robustness.fragility import NEVER, corruption_error, flips, pixel_reference
from workbench.statistics.significance import paired_difference


def test_the_paired_interval_is_bonett_and_price_s():
    # By hand: 20 lost and 5 won of 100: (21 - 6)/102 ± 1.96 sqrt((27/102 - (15/102)²)/102).
    value, low, high = paired_difference(20, 5, 100)
    half = 1.959964 * ((27 / 102 - (15 / 102) ** 2) / 102) ** 0.5
    assert value == 0.15
    assert (low, high) == pytest.approx((15 / 102 - half, 15 / 102 + half), abs=1e-6)


@pytest.mark.parametrize(("lost", "won", "of"), [(0, 0, 1), (1, 0, 1), (3, 3, 3), (0, 7, 7), (0, 0, 1000)])
def test_the_value_lies_within_and_the_ends_are_differences_of_rates(lost, won, of):
    value, low, high = paired_difference(lost, won, of)
    assert -1 <= low <= value <= high <= 1


def test_its_interval_holds_the_truth_as_often_as_it_says():
    chance = np.random.default_rng(0)
    drawn = chance.multinomial(80, [0.12, 0.03, 0.85], 2000)
    found = np.array([paired_difference(lost, won, 80).interval for lost, won, _ in drawn])
    assert 0.93 < ((found[:, 0] <= 0.09) & (found[:, 1] >= 0.09)).mean() < 0.98


def test_corruption_error_by_hand():
    errors = np.array([[0.1, 0.3], [0.2, 0.2]])
    reference = np.array([[0.2, 0.6], [0.0, 0.0]])
    found = corruption_error(errors, reference)
    assert found[0] == pytest.approx(0.5) and np.isnan(found[1])


def test_the_smallest_severity_that_flips_and_the_class_there():
    clean = np.array([0, 1, 2, 2])
    predicted = np.array([[[0, 1, 1, 2], [0, 0, 2, 2], [1, 2, 0, 2]]])  # one family, severities 1, 3, 5
    at, to = flips(predicted, clean, np.array([1, 3, 5]))
    assert at.tolist() == [[5, 3, 1, NEVER]]
    assert to.tolist() == [[1, 0, 1, 2]]


def test_the_reference_learns_where_the_light_is():
    chance = np.random.default_rng(0)
    images = chance.uniform(0, 0.2, (60, 20, 33, 3))
    labels = np.arange(60) % 2
    images[labels == 1, :10] += 0.5
    answer = pixel_reference(images[:40], labels[:40])
    assert (answer(images[40:]) == labels[40:]).all()
    assert pixel_reference(images[:5], np.zeros(5, int)) is None

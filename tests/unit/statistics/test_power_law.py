import numpy as np
import pytest
from scipy import stats

from workbench.statistics.power_law import expected_of_the_last, power_law

SIZES = np.array([300, 600, 1500, 3000, 6000])


def test_a_law_is_found_and_goes_on():
    law = power_law(SIZES, 2.0 * SIZES**-0.3)
    assert (law.exponent, np.exp(law.scale)) == pytest.approx((0.3, 2.0))
    assert law.at(12_000).value == pytest.approx(2.0 * 12_000**-0.3)
    assert power_law(SIZES[:2], np.array([0.5, 0.4])) is None
    assert law.at(1e-9).value == 1.0  # an error is no larger than all


def test_the_interval_is_that_of_a_new_measurement_on_the_line():
    errors = 2.0 * SIZES**-0.3 * np.exp([0.05, -0.04, 0.02, -0.06, 0.03])
    x, y = np.log(SIZES), np.log(errors)
    line = stats.linregress(x, y)
    residual = np.sqrt(((y - line.intercept - line.slope * x) ** 2).sum() / 3)
    new = np.log(24_000)
    reach = 3.182446 * residual * np.sqrt(1 + 1 / 5 + (new - x.mean()) ** 2 / ((x - x.mean()) ** 2).sum())
    middle = line.intercept + line.slope * new
    value, low, high = power_law(SIZES, errors).at(24_000)
    assert (value, low, high) == pytest.approx(tuple(np.exp([middle, middle - reach, middle + reach])))


def test_95_of_100_new_measurements_lie_in_it():
    chance = np.random.default_rng(0)
    inside = 0
    for _ in range(400):
        errors = np.exp(np.log(2.0) - 0.3 * np.log(SIZES) + chance.normal(0, 0.05, 5))
        _, low, high = expected_of_the_last(SIZES, errors)
        inside += low <= errors[-1] <= high
    assert 0.92 < inside / 400 < 0.98


def test_an_error_that_stops_falling_is_not_what_the_smaller_sizes_promise():
    errors = 2.0 * SIZES**-0.3 * np.exp([0.01, -0.01, 0.005, -0.005, 0.0])
    errors[-1] = errors[-2]
    promised = expected_of_the_last(SIZES, errors)
    assert promised.high < errors[-1]
    assert expected_of_the_last(SIZES[:3], errors[:3]) is None

import math

import pytest

from workbench.core.estimate import Estimate, columns


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (Estimate(0.2149), "0.21"),
        (Estimate(-0.2149, -0.4, 0.001), "−0.21 (95 % interval −0.40 to 0.00)"),
        (Estimate(0.127, unit="%"), "12.7 %"),
        (Estimate(0.127, 0.108, 0.149, unit="%"), "12.7 % (95 % interval 10.8–14.9 %)"),
        (Estimate(0.0, 0.0, 0.00012, unit="%"), "0 % (95 % interval 0–0.01 %)"),
        (Estimate(0.991, 0.989, 0.994), "0.991 (95 % interval 0.989 to 0.994)"),  # not "0.99 to 0.99"
        (Estimate(0.99996, 0.99994, 1.0), "1.0000 (95 % interval 0.9999 to 1.0000)"),
        (Estimate(0.9999999, 0.9999998, 1.0), "1.0000 (95 % interval 1.0000 to 1.0000)"),  # four decimals at most
        (Estimate(0.25, 0.25, 0.25), "0.25 (95 % interval 0.25 to 0.25)"),
        (Estimate(0.4321, 0.43206, 0.43213, unit="%"), "43.210 % (95 % interval 43.206–43.213 %)"),
        (Estimate(-0.4996, -0.4999, -0.4993), "−0.500 (95 % interval −0.500 to −0.499)"),
    ],
)
def test_it_prints_itself_with_its_interval_a_share_in_percent(estimate, text):
    assert str(estimate) == text


def test_half_an_interval_is_none():
    assert Estimate(1.0, 0.5).interval is None
    assert Estimate(1.0, 0.5, math.inf).interval is None
    assert Estimate(1.0, 0.5, 2.0).interval == (0.5, 2.0)


def test_not_a_number_equals_itself_since_answers_are_read_back():
    assert Estimate(1.0) == Estimate(1.0, float("nan"), float("nan"))
    assert hash(Estimate(1.0)) == hash(Estimate(1.0, float("nan")))
    assert Estimate(1.0) != Estimate(1.0, 0.5, 2.0)
    assert Estimate(1.0) != Estimate(1.0, unit="%")
    assert Estimate(1.0) != 1.0


def test_it_goes_into_the_columns_of_a_table_and_comes_back():
    estimate = Estimate(0.5, 0.25, 0.75, unit="%")
    row = columns("share", estimate)
    assert row == {"share": 0.5, "share_low": 0.25, "share_high": 0.75}
    assert Estimate.of(row, "share", "%") == estimate

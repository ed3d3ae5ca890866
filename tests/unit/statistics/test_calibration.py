import numpy as np
import pytest

from workbench.core.predictions import Predictions
from workbench.statistics.calibration import (
    COLDEST,
    HOTTEST,
    bin_of,
    brier,
    calibration_error,
    reliability,
    scores,
    selective,
    temperature,
    threshold_interval,
)
from workbench.statistics.rates import odds_ratio

CONFIDENCE = np.array([0.3, 0.4, 0.5, 0.6, 0.8, 0.9])
CORRECT = np.array([False, True, False, True, True, True])


def predictions(probabilities, labels):
    return Predictions(np.log(np.array(probabilities)).astype(np.float32), np.array(labels))


def drawn(count, classes, seed, spread=2.0):
    """Predictions whose labels are drawn from their own probabilities: calibrated by construction."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, spread, (count, classes))
    said = Predictions(logits.astype(np.float32), np.zeros(count, np.int64))
    labels = (random.random((count, 1)) > said.probabilities.cumsum(axis=1)).sum(axis=1).clip(max=classes - 1)
    return Predictions(said.logits, labels)


def test_bins_of_equal_width_are_open_below_and_closed_above():
    assert bin_of(np.array([0.0, 0.1, 0.25, 0.26, 0.5, 1.0]), bins=4).tolist() == [0, 0, 0, 1, 1, 3]


def test_bins_of_equal_mass_keep_equal_values_together():
    assert bin_of(np.array([0.9, 0.1, 0.5, 0.4]), bins=2, equal="mass").tolist() == [1, 0, 1, 0]
    assert bin_of(np.array([1.0, 0.2, 1.0, 1.0, 1.0, 0.1]), bins=3, equal="mass").tolist() == [1, 0, 1, 1, 1, 0]


def test_a_diagram_by_hand():
    found = reliability(CONFIDENCE, CORRECT, bins=2)
    assert found.images.tolist() == [3, 3]
    assert found.confidence.tolist() == pytest.approx([0.4, 2.3 / 3])
    assert found.accuracy.tolist() == pytest.approx([1 / 3, 1])
    assert (found.low[0], found.high[0]) == pytest.approx((0.0615, 0.7923), abs=1e-4)  # Wilson, 1 of 3
    assert np.isnan(reliability(CONFIDENCE, CORRECT, bins=20).accuracy[0])


def test_the_calibration_error_weighs_bins_by_their_images():
    assert calibration_error(CONFIDENCE, CORRECT, bins=2) == pytest.approx((3 * (0.4 - 1 / 3) + 3 * (1 - 2.3 / 3)) / 6)


def test_brier_sums_over_the_classes():
    assert brier(predictions([[0.7, 0.2, 0.1]], [0]))[0] == pytest.approx(0.3**2 + 0.2**2 + 0.1**2)


def test_calibrated_predictions_are_not_surely_off_however_few_they_are():
    found = [scores(drawn(60, 4, seed), resamples=200)["ece"] for seed in range(40)]
    assert sum(estimate.low > 0.03 for estimate in found) <= 1
    assert np.mean([estimate.value for estimate in found]) > 0.06  # though the value is never near 0 with so few


def test_the_intervals_hold_the_truth():
    truth = scores(drawn(200_000, 3, 99), resamples=50)["nll"].value
    inside = [
        low <= truth <= high for _, low, high in (scores(drawn(300, 3, s), resamples=200)["nll"] for s in range(60))
    ]
    assert np.mean(inside) > 0.85


def test_the_same_seed_gives_the_same_intervals_and_order_does_not_matter():
    said = drawn(100, 3, 1)
    turned = Predictions(said.logits[::-1].copy(), said.labels[::-1].copy())
    one, again, other = scores(said), scores(said), scores(turned)
    assert one == again
    assert other["ece"].value == pytest.approx(one["ece"].value)


@pytest.mark.parametrize("planted", [0.4, 1.0, 2.5, 5.0])
def test_a_planted_temperature_is_found(planted):
    said = drawn(60_000, 5, 3)
    found = temperature(Predictions(planted * said.logits, said.labels))
    assert found == pytest.approx(planted, rel=0.02)
    unscaled = temperature(said)
    assert found == pytest.approx(planted * unscaled, rel=1e-4)  # exactly that many times what it was


def test_a_temperature_that_the_images_do_not_tell_lies_at_an_end():
    assert temperature(predictions([[0.6, 0.4], [0.3, 0.7]], [0, 1])) == COLDEST  # no error
    assert temperature(predictions([[0.6, 0.4], [0.3, 0.7]], [1, 0])) == HOTTEST  # no hit


def test_scaling_changes_no_answer_even_where_two_logits_are_neighbours():
    logits = np.array([[1.0, np.nextafter(np.float32(1), np.float32(2))]], np.float32)
    said = Predictions(logits, np.array([1]))
    assert said.divided(77.7).predicted.tolist() == said.predicted.tolist() == [1]


def test_the_curve_answers_the_surest_first():
    curve = selective(CONFIDENCE, CORRECT)
    assert curve.threshold.tolist() == [0.9, 0.8, 0.6, 0.5, 0.4, 0.3]
    assert curve.risk.tolist() == pytest.approx([0, 0, 0, 1 / 4, 1 / 5, 2 / 6])
    assert curve.area == pytest.approx((1 / 4 + 1 / 5 + 1 / 3) / 6)
    assert curve.within(0.2) == 4  # the largest coverage, though a smaller one is worse
    assert curve.within(0.19) == 2
    assert selective(CONFIDENCE, ~CORRECT).within(0.1) is None


def test_equal_confidences_are_answered_together():
    curve = selective(np.array([0.9, 0.9, 0.5]), np.array([True, False, True]))
    assert (curve.accepted.tolist(), curve.wrong.tolist()) == ([2, 3], [1, 1])


def test_the_threshold_s_interval_holds_the_threshold():
    said = drawn(3000, 4, 5, spread=4.0)
    curve = selective(said.confidence, said.correct)
    place = curve.within(0.05)
    (low, high), (fewest, most) = threshold_interval(said.confidence, said.correct, 0.05)
    assert low < curve.threshold[place] < high
    assert fewest < curve.coverage[place] < most
    nothing = threshold_interval(np.array([0.9, 0.8] * 3), np.zeros(6, bool), 0.01)
    assert nothing == ((1.0, 1.0), (0.0, 0.0))


@pytest.mark.parametrize("count", [1, 4, 12])
def test_one_image_and_equal_ones_have_no_interval(count):
    """One wrong image had a calibration error of "50.5 % (50.5–50.5 %)"."""
    said = Predictions(np.tile(np.array([[0.0, 1.0]], np.float32), (count, 1)), np.zeros(count, np.int64))
    found = scores(said)
    assert found["ece"].value == pytest.approx(float(said.confidence[0]))
    assert all(each.interval is None for each in found.values())
    assert np.isnan(threshold_interval(said.confidence, said.correct, 0.01)).all()


def test_odds_by_hand():
    ratio, low, high = odds_ratio(9, 10, 4, 10)  # (9.5/1.5) / (4.5/6.5)
    assert ratio == pytest.approx(9.5 * 6.5 / (1.5 * 4.5))
    spread = np.exp(1.959964 * np.sqrt(1 / 9.5 + 1 / 1.5 + 1 / 4.5 + 1 / 6.5))
    assert (low, high) == pytest.approx((ratio / spread, ratio * spread))
    assert odds_ratio(0, 10, 0, 10).value == 1

import numpy as np
import pytest

from analyses.calibration import Calibration, CalibrationParams
from workbench.core.predictions import Predictions

LABELS = [0, 0, 0, 1, 1, 1, 2, 2]
# Ants at rows 1 and 2 are taken for bees, row 2 more surely; row 5 is a bee taken for a cat.
PROBABILITIES = [
    [0.8, 0.1, 0.1],
    [0.2, 0.7, 0.1],
    [0.05, 0.9, 0.05],
    [0.1, 0.8, 0.1],
    [0.1, 0.6, 0.3],
    [0.1, 0.3, 0.6],
    [0.1, 0.1, 0.8],
    [0.1, 0.1, 0.8],
]


def compute(session, **options):
    return Calibration().compute(session, CalibrationParams(resamples=50, **options))


@pytest.fixture
def result(stand_in):
    return compute(stand_in(LABELS, probabilities=PROBABILITIES))


def planted(stand_in, count, times, seed=0, classes=5, spread=3.0):
    """A session whose model is calibrated but for its logits being multiplied."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, spread, (count, classes)).astype(np.float32)
    chances = Predictions(logits, np.zeros(count, np.int64)).probabilities.cumsum(axis=1)
    labels = (random.random((count, 1)) > chances).sum(axis=1).clip(max=classes - 1)
    session = stand_in(labels, names=tuple("abcdefgh")[:classes])
    session.predictions = Predictions(times * logits, labels)
    return session


def test_measures_by_hand(result):
    table = result.tables["measures"].set_index("measure")
    # Bins by fifteenths: 0.6 twice (one right), 0.7 (wrong), 0.8 four times (right), 0.9 (wrong).
    assert table["value"]["ece"] == pytest.approx((2 * 0.1 + 0.7 + 4 * 0.2 + 0.9) / 8)
    brier = [0.06, 1.14, 1.715, 0.06, 0.26, 0.86, 0.06, 0.06]
    assert table["value"]["brier"] == pytest.approx(sum(brier) / 8)
    assert table["value"]["nll"] == pytest.approx(-np.log([0.8, 0.2, 0.05, 0.8, 0.6, 0.3, 0.8, 0.8]).mean())
    assert (table["low"] <= table["value"]).all()
    assert (table["value"] <= table["high"]).all()


def test_a_class_is_the_answer_and_a_pair_is_the_two_largest_scores(result):
    bee = result.tables["classes"].iloc[1]  # rows 1, 2, 3, 4
    assert (bee["images"], bee["accuracy"], bee["confidence"]) == (4, 0.5, pytest.approx(0.75))
    assert (bee["gap_low"], bee["gap_high"]) == pytest.approx((0.75 - 0.85, 0.75 - 0.15), abs=1e-3)  # Wilson, 2 of 4
    pair = result.tables["pairs"].iloc[0]
    assert pair[["one", "other"]].tolist() == ["ant", "bee"]


def test_errors_are_listed_surest_first(result):
    assert result.tables["errors"]["row"].tolist() == [2, 1, 5]
    assert result.arrays["images"][:, 0, 0, 0].tolist() == [2, 1, 5]
    assert "the most confident predicts bee for ant with 90.0 %" in result.findings[-1].claim


def test_the_threshold_for_a_wanted_error_rate(stand_in):
    found = compute(stand_in(LABELS, probabilities=PROBABILITIES), error_rate=0.25).findings
    (threshold,) = [each for each in found if each.claim.startswith("For an error rate of at most 25.0 %")]
    assert threshold.effect.value == pytest.approx(0.8, abs=1e-6)  # 1 of 5; with 0.7 it is 2 of 6
    assert "62.5 % of the images" in threshold.claim
    assert "1 of 5 wrong, " in threshold.claim
    assert threshold.evidence == (2,)


def test_no_threshold_helps_where_the_surest_answer_is_wrong(result):
    assert any(each.claim.startswith("No threshold gives an error rate of at most 1.0 %") for each in result.findings)


@pytest.mark.parametrize("times", [3.0, 4.0, 5.0])
def test_multiplied_logits_are_a_fault_and_the_advice_undoes_it(stand_in, times):
    main, mended, *_ = compute(planted(stand_in, 1500, times, seed=int(times))).findings
    assert (main.kind, main.severity) == ("miscalibration", "serious")
    assert main.claim.startswith("The model is over-confident: its confidence implies")
    assert mended.effect.value == pytest.approx(times, rel=0.15)
    assert main.cost.low < main.cost.value < main.cost.high


@pytest.mark.parametrize("times", [0.7, 1.0, 1.3])
@pytest.mark.parametrize("count", [40, 300, 3000])
def test_an_ordinary_model_is_at_most_a_little_off(stand_in, times, count):
    for seed in range(3):
        main = compute(planted(stand_in, count, times, seed)).findings[0]
        assert main.severity in ("info", "mild"), main.claim


def test_few_images_are_no_surety(stand_in):
    assert compute(planted(stand_in, 12, 5.0)).findings[0].severity != "serious"


def test_confidence_that_is_far_too_low_is_a_fault_too(stand_in):
    main = compute(planted(stand_in, 800, 0.05)).findings[0]
    assert main.severity == "serious"
    assert main.claim.startswith("The model is under-confident")


def test_the_training_images_say_nothing_about_the_confidence_on_new_ones(stand_in):
    session = planted(stand_in, 1500, 5.0)
    session.train = session.dataset
    assert compute(session).findings[0].severity == "mild"


def test_calibration_leaves_every_answer_as_it_is(stand_in):
    session = planted(stand_in, 1500, 4.0)
    table = compute(session).tables["errors"]
    assert sorted(table["row"]) == np.flatnonzero(~session.predictions.correct).tolist()
    measures = compute(session).tables["measures"].set_index("measure")
    assert measures["calibrated"]["nll"] < measures["value"]["nll"]
    assert measures["calibrated"]["ece"] < 0.5 * measures["value"]["ece"]


def test_a_class_that_is_always_wrong_does_not_make_the_whole_over_confident(stand_in):
    session = planted(stand_in, 3000, 1.0, seed=5, classes=8, spread=6.0)
    said = session.predictions
    session.predictions = Predictions(said.logits, np.where(said.labels == 1, 3, said.labels))
    main = compute(session).findings[0]
    assert (main.severity, main.claim[:28]) == ("mild", "The model is over-confident:")
    assert main.effect.value > 0.08


def test_few_errors_that_the_confidence_denies_are_told_at_high_accuracy_too(stand_in):
    sharp, sound = (planted(stand_in, 600, times, spread=22.0) for times in (5.0, 1.0))
    assert 0.96 < sharp.predictions.correct.mean() < 0.99
    found = compute(sharp).findings[0]
    assert (found.kind, found.severity) == ("miscalibration", "mild") and "over-confident" in found.claim
    assert compute(sound).findings[0].severity == "info"

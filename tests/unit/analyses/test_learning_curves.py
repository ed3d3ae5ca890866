import pandas as pd
import pytest

from analyses.learning_curves import LearningCurves, LearningCurvesParams


def history(**columns):
    return pd.DataFrame({"epoch": range(1, len(next(iter(columns.values()))) + 1), **columns})


OVERFITTED = history(
    loss=[0.6, 0.4, 0.2, 0.1],
    accuracy=[0.7, 0.8, 0.9, 0.95],
    val_loss=[0.5, 0.4, 0.3, 0.36],
    val_accuracy=[0.75, 0.8, 0.85, 0.84],
    learning_rate=[1e-3] * 4,
)


def test_overfitting_is_told_by_the_gap_and_the_best_epoch(stand_in):
    fit, lowest, trend = (
        LearningCurves().compute(stand_in([0], history=OVERFITTED), LearningCurvesParams(patience=1)).findings
    )
    assert fit.severity == "serious"
    assert fit.effect.value == pytest.approx(0.11)
    assert "(+11.0 points)" in fit.claim
    assert "20.0 % above its lowest" in fit.claim
    assert fit.advice.startswith("Stop at epoch 3,")
    assert lowest.claim == "The validation loss is lowest after epoch 3 of 4: 0.300 nats."
    assert trend.claim == "Training has converged: the last epoch changed the lowest validation loss by 0 %."


def test_a_rising_validation_loss_alone_is_overfitting(stand_in):
    level = OVERFITTED.assign(accuracy=[0.7, 0.8, 0.85, 0.85])
    assert (
        LearningCurves().compute(stand_in([0], history=level), LearningCurvesParams()).findings[0].severity == "serious"
    )


def test_a_gap_alone_is_mild_and_early_stopping_is_not_its_cure(stand_in):
    gap = OVERFITTED.assign(val_loss=[0.5, 0.4, 0.3, 0.303], accuracy=[0.7, 0.8, 0.85, 0.9])
    fit = LearningCurves().compute(stand_in([0], history=gap), LearningCurvesParams()).findings[0]
    assert (fit.severity, fit.effect.value) == ("mild", pytest.approx(0.06))
    assert "1.0 % above its lowest" in fit.claim
    assert fit.advice.startswith("Stopping earlier would not help")


def test_still_improving(stand_in):
    going = OVERFITTED.assign(val_loss=[0.5, 0.4, 0.3, 0.27], accuracy=[0.7, 0.8, 0.82, 0.83])
    fit, _, trend = LearningCurves().compute(stand_in([0], history=going), LearningCurvesParams(patience=1)).findings
    assert fit.severity == "info"
    assert "(-1.0 points)" in fit.claim
    assert trend.claim == "Still improving: the last epoch lowered the validation loss by 10.0 %, to 0.270 nats."
    assert trend.effect.value == pytest.approx(0.1)


def test_without_validation_it_says_so(stand_in):
    alone = history(loss=[0.5, 0.4, 0.3, 0.2], accuracy=[0.7, 0.8, 0.85, 0.9])
    result = LearningCurves().compute(stand_in([0], history=alone), LearningCurvesParams())
    assert (
        result.findings[0].claim == "No validation values were recorded, so overfitting cannot be measured in this run."
    )
    assert "lowered the training loss by 60.0 %" in result.findings[1].claim
    assert LearningCurves().draw(result) is not None


def test_one_epoch_gives_no_trend(stand_in):
    trend = LearningCurves().compute(stand_in([0], history=OVERFITTED[:1]), LearningCurvesParams()).findings[-1]
    assert trend.claim == "1 epoch of training: too few to judge a trend over 3 epochs."


@pytest.mark.parametrize("empty", [None, OVERFITTED[:0]])
def test_a_model_without_history_is_told_what_is_missing(stand_in, empty):
    assert "train it with `workbench train`" in LearningCurves().missing(stand_in([0], history=empty))
    assert LearningCurves().missing(stand_in([0], history=OVERFITTED)) is None

"""What a model's word about labels is worth: by hand, and for models that know nothing."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from workbench.statistics.knowledge import Knowledge, ranks


def told(labels, predicted, confidence=None, classes=None):
    labels, predicted = np.asarray(labels), np.asarray(predicted)
    sure = np.linspace(0.9, 0.6, len(labels)) if confidence is None else np.asarray(confidence, float)
    return Knowledge(labels=labels, predicted=predicted, confidence=sure, classes=classes or int(labels.max()) + 1)


def test_ranks_count_within_each_predicted_class_from_the_surest():
    # Class 0 has confidences .9 .5 .7, class 1 has .6.
    assert ranks(np.array([0, 0, 1, 0]), np.array([0.9, 0.5, 0.6, 0.7])).tolist() == pytest.approx(
        [0.5 / 3, 2.5 / 3, 0.5, 1.5 / 3]
    )


def test_equal_confidences_share_their_rank():
    assert ranks(np.array([1, 1, 1, 1]), np.array([0.4, 0.4, 0.9, 0.4])).tolist() == [0.625, 0.625, 0.125, 0.625]


def test_the_order_of_errors_is_the_area_under_the_curve_and_half_where_all_is_equal():
    chance = np.random.default_rng(0)
    right, sure = chance.random(300) < 0.7, chance.random(300).round(1)
    found = told(np.zeros(300, int), (~right).astype(int), sure, 2).order
    assert found.value == pytest.approx(roc_auc_score(right, sure))
    assert found.low < found.value < found.high
    assert told([0] * 40, [0] * 20 + [1] * 20, np.full(40, 0.5), 2).order.value == 0.5


@pytest.mark.parametrize("classes", [2, 3, 10, 60, 120])
def test_a_model_that_is_not_surely_better_than_chance_says_nothing(classes):
    chance = np.random.default_rng(classes)
    labels = chance.integers(0, classes, 400)
    for predicted in (np.zeros(400, int), chance.integers(0, classes, 400), (labels + 1) % classes):
        said = told(labels, predicted, chance.random(400), classes).silence
        assert said == "the predictions are not surely better than chance"
    assert told(labels, labels, chance.random(400), classes).silence == ""


def test_a_frequent_class_makes_no_knowledge():
    """All are said to be the class that nine tenths have: 90 % right, and nothing known."""
    labels = np.repeat([0, 1], [360, 40])
    assert told(labels, np.zeros(400, int)).silence == "the predictions are not surely better than chance"


def test_a_few_labels_are_too_few():
    assert told([0, 1], [0, 1]).silence == "2 labels are too few"
    assert told([0], [0]).silence == "1 label is too few"


def test_a_model_that_is_as_often_wrong_where_it_is_sure_knows_everything_or_nothing():
    chance = np.random.default_rng(2)
    labels = chance.integers(0, 2, 2000)
    for wrong, said in ((0.1, False), (0.2, False), (0.35, True)):
        predicted = np.where(chance.random(2000) < wrong, 1 - labels, labels)
        assert bool(told(labels, predicted, chance.random(2000)).silence) is said


def test_a_class_that_is_hardly_recognised_is_not_known_nor_one_that_is_mostly_predicted_in_error():
    labels = np.repeat([0, 1, 2], 100)
    predicted = labels.copy()
    predicted[:80] = 1  # a starved class, whose images are said to be of another
    assert told(labels, predicted, np.tile(np.linspace(0.9, 0.5, 100), 3)).knows.tolist() == [False, False, True]

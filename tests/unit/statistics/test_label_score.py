"""Scores by hand, and against the plain probability of the label where wrong labels are planted."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from workbench.core.estimate import Estimate
from workbench.statistics.confidences import confidences
from workbench.statistics.label_score import how_many, label_score, noise_odds, refitted
from workbench.statistics.noise_curve import NoiseCurve

EVIDENT = NoiseCurve(evident=True, rate=Estimate(0.1, 0.05, 0.15), lean=0.0, wrong=np.zeros(8))
HIDDEN = NoiseCurve(evident=False, rate=Estimate(0.0, 0.0, 0.3), lean=0.0, wrong=np.zeros(8))


def made(seed, confused, classes=5, count=4000, share=0.15):
    """Probabilities of a network that learned of wrong labels: `confused` says which class a wrong label is of."""
    chance = np.random.default_rng(seed)
    truth = chance.integers(0, classes, count)
    logits = 3.5 * np.eye(classes)[truth] + chance.normal(0, 1.2, (count, classes))
    said = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    wrong = chance.random(count) < share
    labels = np.where(wrong, confused(truth, chance), truth)
    return said, labels, labels != truth


def test_of_two_labels_as_unlikely_the_one_is_worse_whose_image_is_surely_something_else():
    said = np.array([[0.2, 0.8, 0.0, 0.0], [0.2, 0.27, 0.27, 0.26]] + [[0.7, 0.1, 0.1, 0.1]] * 8)
    score = label_score(said, np.zeros(10, np.int64), EVIDENT)
    assert score[0] < score[1] < score[2]
    hidden = label_score(said, np.zeros(10, np.int64), HIDDEN)
    assert hidden == pytest.approx(said[:, 0])  # one class alone: nothing to fit anew


def test_a_label_that_is_often_given_in_error_is_more_suspicious():
    """Class 1 is labelled 0, never anything else: 0 on an image that may be 1 is worse than 2 on one that may be 3."""
    said, labels, wrong = made(1, lambda truth, chance: np.where(truth == 1, 0, truth), share=0.5)
    odds = noise_odds(said, labels)
    assert np.unravel_index(odds.argmax(), odds.shape) == (1, 0)
    assert np.diag(odds).tolist() == [1.0] * 5
    own = said[np.arange(len(labels)), labels]
    assert roc_auc_score(wrong, -label_score(said, labels, EVIDENT)) > roc_auc_score(wrong, -own) + 0.002


@pytest.mark.parametrize("curve", [EVIDENT, HIDDEN])
def test_scattered_wrong_labels_come_first(curve):
    said, labels, wrong = made(2, lambda truth, chance: (truth + chance.integers(1, 5, len(truth))) % 5)
    own = said[np.arange(len(labels)), labels]
    score = label_score(said, labels, curve)
    assert roc_auc_score(wrong, -score) > roc_auc_score(wrong, -own) - 0.003
    assert 0 <= score.min() <= score.max() <= 1


def test_what_is_fitted_anew_undoes_a_twist_of_the_probabilities():
    """Probabilities that name the next class say all that is needed, of few images."""
    said, labels, _ = made(3, lambda truth, chance: truth, count=1500)
    again = refitted(np.roll(said, 1, axis=1), labels)
    assert (again.argmax(axis=1) == labels).mean() > 0.8
    assert refitted(np.tile(said, (9, 1)), np.tile(labels, 9)) is None
    assert refitted(said[:20], np.arange(20) % 5) is None  # four of each, for five folds


def test_it_counts_only_where_it_is_right_more_often():
    said, labels, _ = made(3, lambda truth, chance: truth, count=1500)
    rows = np.arange(1500)
    assert label_score(said, labels, HIDDEN) == pytest.approx(said[rows, labels])
    twisted = 0.6 * said + 0.4 * np.roll(said, 1, axis=1) * np.array([1, 1, 1, 2, 0])
    twisted /= twisted.sum(axis=1, keepdims=True)
    assert label_score(twisted, labels, HIDDEN).mean() > twisted[rows, labels].mean() + 0.02


def test_how_many_by_hand():
    said = np.array([[0.9, 0.1], [0.6, 0.4], [0.8, 0.2], [0.3, 0.7]])
    labels, differs = np.array([1, 1, 0, 1]), np.array([True, True, False, False])
    assert how_many(confidences(said, labels), differs, HIDDEN) == 1  # (.8 + .2) of 4
    none = NoiseCurve(evident=True, rate=Estimate(0.0, 0.0, 0.0), lean=1.0, wrong=np.zeros(4))
    every = NoiseCurve(evident=True, rate=Estimate(0.5, 0.5, 0.5), lean=1.0, wrong=np.zeros(4))
    assert [how_many(confidences(said, labels), differs, each) for each in (none, every)] == [1, 2]

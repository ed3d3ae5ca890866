"""Who agrees that a label is wrong, by hand; and what a turned model takes for another class is not seconded."""

from types import SimpleNamespace

import numpy as np
import pytest

from tests.failing import failing
from workbench.session import second_look
from workbench.session.second_look import Look, second_looks, supported


def look(rows, said, knows, silence=""):
    return Look(np.array(rows), np.array(said), SimpleNamespace(knows=np.array(knows), silence=silence))


def test_the_mean_of_those_that_know_both_classes_decides():
    rows, labels, predicted = np.array([3, 5]), np.array([0, 0]), np.array([1, 2])
    first = look([3, 5, 8], [[0.1, 0.8, 0.1], [0.6, 0.2, 0.2], [1, 0, 0]], [True] * 3)
    assert supported((first,), rows, labels, predicted).tolist() == [True, False]
    second = look([3, 5], [[0.99, 0.0, 0.01], [0.05, 0.05, 0.9]], [True] * 3)
    assert supported((first, second), rows, labels, predicted).tolist() == [False, True]
    knows_little = look([3, 5], [[0.99, 0.0, 0.01], [0.05, 0.05, 0.9]], [True, False, True])
    assert supported((first, knows_little), rows, labels, predicted).tolist() == [True, True]
    mute = look([3, 5], [[0.99, 0.0, 0.01], [0.9, 0.05, 0.05]], [True] * 3, "too few")
    assert supported((mute,), rows, labels, predicted).tolist() == [True, True]  # nobody contradicts


@pytest.mark.parametrize(("seed", "sample"), [(1, 1000), (2, 1000), (1, 400)])
def test_wrong_labels_are_seconded_and_the_errors_of_a_turned_model_are_not(seed, sample, monkeypatch):
    """Also where probes are fitted to a sample, and those beside it are asked about."""
    monkeypatch.setattr(second_look, "VALUES", 5 * sample)
    monkeypatch.setattr(second_look, "BOTH", 6000 if sample == 1000 else 400)
    made, rows = failing("sound", 5, seed, wrong=0.1, count=1000)
    labels, predicted = made.dataset.labels, made.predictions.predicted
    looks = second_looks(made, rows)
    assert len(looks) == 2
    assert supported(looks, rows, labels[rows], predicted[rows]).mean() > 0.95
    turned, _ = failing("half turned", 5, seed, count=1000)
    labels, predicted = turned.dataset.labels, turned.predictions.predicted
    errors = np.flatnonzero(labels != predicted)
    by_pixels = second_looks(turned, errors)[1:]
    assert supported(by_pixels, errors, labels[errors], predicted[errors]).mean() < 0.2


def test_what_a_look_says_of_others_comes_from_who_knows_them():
    first = look([2, 5], [[0.1, 0.9], [0.8, 0.2]], [True] * 2)
    asked = []

    def others(rows):
        asked.append(rows.tolist())
        return np.stack([rows / 10, 1 - rows / 10], axis=1)

    both = Look(first.rows, first.probabilities, first.quality, others)
    assert both.says(np.array([5, 3, 2, 9])).tolist() == [[0.8, 0.2], [0.3, 0.7], [0.1, 0.9], [0.9, pytest.approx(0.1)]]
    assert asked == [[3, 9]]

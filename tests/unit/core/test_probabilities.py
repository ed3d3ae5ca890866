"""Probabilities of the rows that are asked for are those of all of them, and all are never made unasked."""

import numpy as np
import pytest
from scipy.special import softmax

from workbench.core import probabilities
from workbench.core.predictions import Predictions
from workbench.core.probabilities import Probabilities, portions, some_rows


@pytest.fixture
def logits(monkeypatch):
    monkeypatch.setattr(probabilities, "AT_ONCE", 40)  # ten rows of four
    return np.random.default_rng(0).normal(0, 3, (37, 4)).astype(np.float32)


def test_portions_are_all_rows_once():
    assert [(each.start, each.stop) for each in portions(7, probabilities.AT_ONCE // 3)] == [(0, 3), (3, 6), (6, 7)]
    assert [each.stop for each in portions(2, 10 * probabilities.AT_ONCE)] == [1, 2]
    assert not [*portions(0, 5)]


@pytest.mark.parametrize(
    "at",
    [
        3,
        -1,
        slice(5, 20, 3),
        np.array([4, 1, 36]),
        np.arange(37) % 2 == 0,
        (2, 3),
        (slice(None), 1),
        (np.arange(37), np.arange(37) % 4),
        (np.array([[3], [7]]), np.array([[0, 2]])),
        (np.arange(37) % 9 == 0, np.array([0, 1, 2, 3, 0])),
        (slice(0, 2), slice(None, None, -1)),
        ([0, 1], [2, 3]),
        ([4, 2], np.array([0, 1])),
        (np.array([4, 2]), slice(1, 3)),
        [3, 1],
    ],
    ids=str,
)
def test_it_is_indexed_like_an_array(logits, at):
    whole = softmax(logits.astype(np.float64), axis=1)
    assert np.asarray(Probabilities(logits)[at]) == pytest.approx(np.asarray(whole[at]), rel=1e-12)


def test_it_is_divided_by_a_temperature_first(logits):
    by = np.linspace(0.5, 3, 37)
    whole = softmax(logits.astype(np.float64) / by[:, None], axis=1)
    assert np.asarray(Probabilities(logits, by)) == pytest.approx(whole, rel=1e-12)
    assert Probabilities(logits, by)[5] == pytest.approx(whole[5], rel=1e-12)


def test_what_is_done_with_all_of_it_is_done_as_with_an_array(logits):
    said = Probabilities(logits)
    whole = softmax(logits.astype(np.float64), axis=1)
    assert said.max(axis=1) == pytest.approx(whole.max(axis=1))
    assert (1 - said) == pytest.approx(1 - whole)
    assert np.sort(said, axis=1) == pytest.approx(np.sort(whole, axis=1))
    assert len(said) == 37
    assert isinstance(said[3, 2], float)  # a number, as of an array
    for at in ((slice(None), None), (..., 0), (0, 1, 2)):
        with pytest.raises(IndexError, match="rows and columns"):
            _ = said[at]
    with pytest.raises(AttributeError):
        _ = said.nothing_of_the_kind


def test_columns_of_predictions_are_those_of_all_probabilities_at_once(logits):
    labels = np.random.default_rng(1).integers(0, 4, 37)
    said, rows = Predictions(logits, labels), np.arange(37)
    whole = softmax(logits.astype(np.float64), axis=1)
    others = np.where(np.eye(4, dtype=bool)[labels], -np.inf, logits.astype(np.float64))
    assert said.confidence == pytest.approx(whole.max(axis=1), rel=1e-12)
    assert said.loss == pytest.approx(-np.log(whole[rows, labels]), rel=1e-9)
    assert said.margin == pytest.approx(logits[rows, labels].astype(np.float64) - others.max(axis=1), rel=1e-12)
    halved = said.divided(2.0).divided(0.25)
    assert halved.confidence == pytest.approx(softmax(2 * logits.astype(np.float64), axis=1).max(axis=1), rel=1e-12)


def test_not_all_of_a_large_table_is_made_for_a_few_rows():
    class Watched(np.ndarray):
        most = 0

        def __getitem__(self, at):
            found = super().__getitem__(at)
            Watched.most = max(Watched.most, np.size(found))
            return np.asarray(found)

    logits = np.zeros((5000, 2000), np.float32).view(Watched)
    said = Probabilities(logits)
    assert said[np.arange(5000), np.zeros(5000, np.int64)] == pytest.approx(1 / 2000)
    assert 0 < Watched.most <= probabilities.AT_ONCE


def test_one_number_is_fitted_to_all_of_few_and_to_some_of_many():
    assert some_rows(50, 10).tolist() == list(range(50))
    some = some_rows(10_000, 10, 5000)
    assert len(some) == 500
    assert len(np.unique(some)) == 500
    assert (np.diff(some) > 0).all()
    assert some_rows(10_000, 10, 5000).tolist() == some.tolist()

import numpy as np
import pytest

from workbench.core.predictions import Predictions
from workbench.statistics.top_five import label_rank, top_five


def test_a_rank_counts_the_classes_before_the_label_and_of_equal_scores_the_smaller_one():
    logits = np.array([[3, 1, 2], [1, 1, 1], [1, 1, 1], [0, 5, 5]], np.float32)
    said = Predictions(logits, np.array([1, 0, 2, 2]))
    assert label_rank(said).tolist() == [2, 0, 2, 1]
    assert ((label_rank(said) == 0) == said.correct).all()


def test_of_more_images_than_are_compared_at_once_each_has_its_rank(monkeypatch):
    logits = np.random.default_rng(0).normal(size=(11, 30)).astype(np.float32)
    labels = np.arange(11) * 2
    expected = [(np.argsort(-row).tolist()).index(label) for row, label in zip(logits, labels, strict=True)]
    monkeypatch.setattr("workbench.statistics.top_five.AT_ONCE", 4)
    assert label_rank(Predictions(logits, labels)).tolist() == expected


def test_the_share_of_labels_among_the_five_has_its_wilson_interval():
    logits = np.tile(np.arange(20, 0, -1, dtype=np.float32), (4, 1))  # class 0 first, class 19 last
    share = top_five(Predictions(logits, np.array([0, 4, 5, 19])))
    assert share.value == 0.5
    assert share.interval == pytest.approx((0.1500, 0.8500), abs=1e-4)


def test_of_few_classes_and_of_no_images_there_is_none():
    assert top_five(Predictions(np.zeros((3, 19), np.float32), np.array([0, 1, 2]))) is None
    assert top_five(Predictions(np.zeros((0, 30), np.float32), np.zeros(0, np.int64))) is None

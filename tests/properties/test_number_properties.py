"""Statistics and predictions for any numbers."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from workbench.core.dataset import Dataset
from workbench.core.predictions import Predictions
from workbench.statistics.confusion import confusion_counts, f1, precision, recall
from workbench.statistics.rates import wilson

finite = st.floats(-1e4, 1e4, width=32)


@st.composite
def predictions(draw):
    count, classes = draw(st.integers(1, 8)), draw(st.integers(2, 6))
    logits = draw(arrays(np.float32, (count, classes), elements=finite))
    return Predictions(logits, draw(arrays(np.int64, count, elements=st.integers(0, classes - 1))))


@given(predictions())
def test_what_is_derived_from_logits_fits_together(made):
    rows = np.arange(len(made))
    np.testing.assert_allclose(made.probabilities.sum(axis=1), 1)
    assert (made.confidence == made.probabilities[rows, made.predicted]).all()
    assert (made.loss >= 0).all()
    np.testing.assert_allclose(np.exp(-made.loss), made.probabilities[rows, made.labels], atol=1e-300)
    assert (made.margin[made.correct] >= 0).all()
    assert (made.margin[~made.correct] <= 0).all()
    ranks = (made.logits > made.logits[rows, made.labels][:, None]).sum(axis=1)
    np.testing.assert_array_equal(made.margin < 0, ranks > 0)


@given(predictions(), finite)
def test_a_constant_added_to_all_logits_of_an_image_changes_nothing(made, shift):
    moved = Predictions(made.logits.astype(np.float64) + shift, made.labels)
    np.testing.assert_allclose(moved.probabilities, made.probabilities, atol=1e-9)
    np.testing.assert_allclose(moved.margin, made.margin, atol=1e-6)
    np.testing.assert_allclose(moved.loss, made.loss, atol=1e-6)


@given(predictions())
def test_counts_add_up_and_rates_are_rates(made):
    counts = confusion_counts(made.labels, made.predicted, made.logits.shape[1])
    assert counts.sum() == len(made)
    assert counts.diagonal().sum() == made.correct.sum()
    np.testing.assert_array_equal(counts.sum(axis=1), np.bincount(made.labels, minlength=len(counts)))
    for rate in (recall(counts), precision(counts), f1(counts)):
        known = rate[~np.isnan(rate)]
        assert ((known >= 0) & (known <= 1)).all()
    both = ~np.isnan(recall(counts)) & ~np.isnan(precision(counts))
    low, high = np.sort([recall(counts)[both], precision(counts)[both]], axis=0)
    assert ((f1(counts)[both] >= low - 1e-12) & (f1(counts)[both] <= high + 1e-12)).all()


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.floats(0.01, 0.999))
def test_an_interval_holds_the_rate_and_mirrors_with_it(hits, misses, confidence):
    trials = hits + misses
    low, high = wilson(hits, trials, confidence=confidence)
    assert 0 <= low <= high <= 1
    if trials:
        assert low - 1e-12 <= hits / trials <= high + 1e-12
    mirrored_low, mirrored_high = wilson(misses, trials, confidence=confidence)
    np.testing.assert_allclose([1 - mirrored_high, 1 - mirrored_low], [low, high], atol=1e-12)
    wider = wilson(hits, trials, confidence=confidence / 2 + 0.5)
    assert wider[0] <= low + 1e-12
    assert wider[1] >= high - 1e-12


@given(st.data())
def test_a_subset_of_a_subset_is_a_subset(data):
    count = data.draw(st.integers(1, 9))
    images = np.arange(count * 4, dtype=np.uint8).reshape(count, 2, 2, 1)
    made = Dataset(
        images, np.arange(count) % 2, class_names=("a", "b"), indices=np.arange(count) + 100, name="made/test"
    )
    rows = data.draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=12))
    again = data.draw(st.lists(st.integers(0, len(rows) - 1), min_size=1, max_size=5))
    twice, once = made.subset(rows).subset(again), made.subset([rows[row] for row in again])
    np.testing.assert_array_equal(twice.images, once.images)
    np.testing.assert_array_equal(twice.indices, once.indices)
    assert twice.fingerprint == once.fingerprint
    assert (twice.fingerprint == made.fingerprint) == (twice.indices.tolist() == made.indices.tolist())

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from workbench.core.finding import Severity
from workbench.statistics.confusion import confusion_counts, f1, precision, recall
from workbench.statistics.rates import capped, difference, wilson

LABELS = np.array([0, 0, 0, 1, 1, 3])
PREDICTED = np.array([0, 0, 1, 1, 0, 1])
# Class 2 is in neither, class 3 is never predicted.
COUNTS = np.array([[2, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0]])


@pytest.mark.parametrize(
    ("images", "severities"),
    [
        (0, ["info", "info", "info", "info"]),
        (4, ["info", "info", "info", "info"]),
        (5, ["info", "mild", "mild", "mild"]),
        (19, ["info", "mild", "mild", "mild"]),
        (20, ["info", "mild", "serious", "critical"]),
    ],
)
def test_few_images_cap_what_is_said_of_them(images, severities):
    assert [capped(each, images) for each in Severity] == severities


def test_counts_have_true_classes_in_rows():
    np.testing.assert_array_equal(confusion_counts(LABELS, PREDICTED, 4), COUNTS)
    assert confusion_counts(LABELS[:0], PREDICTED[:0], 2).tolist() == [[0, 0], [0, 0]]


def test_recall_precision_and_f1_by_hand_and_nan_where_they_have_no_meaning():
    np.testing.assert_allclose(recall(COUNTS), [2 / 3, 1 / 2, np.nan, 0])
    np.testing.assert_allclose(precision(COUNTS), [2 / 3, 1 / 3, np.nan, np.nan])
    np.testing.assert_allclose(f1(COUNTS), [4 / 6, 2 / 5, np.nan, 0])


def test_f1_is_the_harmonic_mean():
    counts = np.array([[5, 3], [1, 7]])
    mean = 2 / (1 / recall(counts) + 1 / precision(counts))
    np.testing.assert_allclose(f1(counts), mean)


@pytest.mark.parametrize("confidence", [0.95, 0.5, 0.99])
@pytest.mark.parametrize(("hits", "trials"), [(0, 10), (10, 10), (3, 10), (1, 1), (905, 1000), (1, 60_000)])
def test_wilson_is_scipy_s(hits, trials, confidence):
    expected = binomtest(hits, trials).proportion_ci(confidence, method="wilson")
    low, high = wilson(hits, trials, confidence=confidence)
    np.testing.assert_allclose([low, high], [expected.low, expected.high], rtol=1e-9, atol=1e-12)


def test_wilson_takes_arrays_and_knows_nothing_of_no_trials():
    low, high = wilson([[1, 4], [0, 0]], [[4], [0]])
    assert low.shape == high.shape == (2, 2)
    assert (low[1].tolist(), high[1].tolist()) == ([0, 0], [1, 1])
    np.testing.assert_allclose([low[0], high[0]], [[0.045587, 0.510109], [0.699358, 1]], atol=1e-6)


def test_two_rates_are_compared_as_in_newcombes_paper():
    """His first example, 56 of 70 against 48 of 80; and Fisher's lady tasting tea."""
    found = difference(56, 70, 48, 80)
    np.testing.assert_allclose([*found[0]], (0.2, 0.0524, 0.3339), atol=5e-5)
    assert difference(3, 4, 1, 4)[1] == pytest.approx(34 / 70)

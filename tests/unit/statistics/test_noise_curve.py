"""The share of wrong labels read off a curve: made with known rates, and cases in which nothing may be said."""

import numpy as np
import pytest

from workbench.statistics.confidences import confidences
from workbench.statistics.noise_curve import noise_curve


def curve(share, *, count=20_000, classes=10, seed=0, sure=True):
    """Labels that differ with probability `share(u)` at rank u, by a model whose doubt grows with u."""
    chance = np.random.default_rng(seed)
    u = chance.permutation((np.arange(count) + 0.5) / count)
    doubt = 0.9 * u**2 * (1 - 1 / classes) * (1 if sure else 0.01)
    truth = chance.integers(0, classes, count)
    said = np.repeat(doubt[:, None] / (classes - 1), classes, axis=1)
    said[np.arange(count), truth] = 1 - doubt
    differs = chance.random(count) < share(u)
    labels = np.where(differs, (truth + chance.integers(1, classes, count)) % classes, truth)
    return noise_curve(confidences(said, labels), labels, differs)


@pytest.mark.parametrize("rate", [0.03, 0.1, 0.3])
def test_what_stays_however_sure_the_model_is_is_noise(rate):
    found = curve(lambda u: rate + (1 - rate) * 0.4 * u**4)
    assert found.evident
    assert found.rate.value == pytest.approx(rate, abs=0.02)
    assert found.rate.low <= rate <= found.rate.high


def test_errors_that_fade_where_the_model_is_sure_are_its_own():
    found = curve(lambda u: 0.6 * u**4)  # 12 % in all
    assert not found.evident
    assert found.rate.value <= 0.003
    assert found.rate.low == 0
    assert 0.12 < found.rate.high < 0.14


def test_a_model_whose_errors_rise_at_once_is_no_judge():
    assert not curve(lambda u: 0.5 * u**0.3).evident


def test_a_model_that_is_much_surer_than_right_is_no_judge():
    assert curve(lambda u: 0.1 + 0.4 * u**4).evident
    assert not curve(lambda u: 0.1 + 0.4 * u**4, sure=False).evident


def test_few_steps_of_confidence_are_no_order():
    said = np.repeat([[0.9, 0.1], [0.1, 0.9], [0.6, 0.4]], 400, axis=0)
    labels = np.repeat([0, 1, 0], 400)
    labels[::10] = 1 - labels[::10]
    differs = said.argmax(axis=1) != labels
    found = noise_curve(confidences(said, labels), labels, differs)
    assert (found.evident, found.rate.low) == (False, 0.0)
    assert found.rate.high > differs.mean()


def test_all_equal_confidences_say_nothing():
    said = np.full((200, 4), 0.25)
    labels = np.arange(200) % 4
    found = noise_curve(confidences(said, labels), labels, labels != 0)
    assert (found.evident, found.rate.low, found.rate.value) == (False, 0.0, 0.0)
    assert found.rate.high >= 0.75


def test_doubt_does_not_saturate():
    logits = np.array([[60.0, 0.0, 0.0], [50.0, 0.0, 0.0]])
    said = np.exp(logits - 60)
    assert (1 - said.max(axis=1) / said.sum(axis=1) == 0).all()
    first, second = confidences(said / said.sum(axis=1, keepdims=True), np.zeros(2, np.int64)).doubt
    assert 0 < first < second

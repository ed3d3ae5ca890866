"""Flipped labels are told from honest errors, whatever the temperature of the model."""

import numpy as np
import pytest

from analyses.triage.wrong_labels import wrong_labels


def world(seed, classes=8, count=3000):
    """Labels drawn from the model's own probabilities: every error is honest."""
    chance = np.random.default_rng(seed)
    logits = 4.5 * np.eye(classes)[chance.integers(0, classes, count)] + chance.normal(size=(count, classes))
    powers = np.exp(logits)
    chances = (powers / powers.sum(axis=1, keepdims=True)).cumsum(axis=1)
    return logits, (chance.random((count, 1)) > chances).sum(axis=1).clip(max=classes - 1), chance


@pytest.mark.parametrize("scale", [0.3, 1.0, 5.0])
def test_honest_errors_stay_honest(scale):
    logits, labels, _ = world(1)
    found = wrong_labels(scale * logits, labels)
    wrong = logits.argmax(axis=1) != labels
    assert wrong.sum() > 150
    assert ((found.scattered > 0.3) & wrong).mean() < 0.005
    assert ((found.paired > 0.7) & wrong).mean() < 0.01


@pytest.mark.parametrize("scale", [0.3, 1.0, 5.0])
@pytest.mark.parametrize("seed", [2, 3])
def test_a_tenth_of_scattered_labels_is_found_and_counted(scale, seed):
    logits, labels, chance = world(seed)
    flipped = chance.choice(len(labels), 300, replace=False)
    labels[flipped] = (labels[flipped] + chance.integers(1, 8, 300)) % 8
    found = wrong_labels(scale * logits, labels)
    assert found.rate == pytest.approx(0.1, abs=0.025)
    said = found.scattered > 0.3
    assert said[flipped].mean() > 0.7
    stated = found.scattered[said].mean()
    assert np.isin(np.flatnonzero(said), flipped).mean() == pytest.approx(stated, abs=0.07)  # as sure as it says


def test_labels_of_one_pair_are_found_by_the_rate_of_the_pair():
    logits, labels, chance = world(4)
    flipped = chance.choice(np.flatnonzero(labels == 2), 80, replace=False)
    labels[flipped] = 5
    said = wrong_labels(logits, labels).paired > 0.7
    assert said[flipped].mean() > 0.7
    assert np.isin(np.flatnonzero(said), flipped).mean() > 0.8


def test_the_temperature_is_taken_out():
    logits, labels, _ = world(5)
    one, other = wrong_labels(logits, labels), wrong_labels(7 * logits, labels)
    np.testing.assert_allclose(one.probabilities, other.probabilities, atol=2e-3)


def test_a_model_that_knows_nothing_blames_no_label():
    labels = np.random.default_rng(6).integers(0, 5, 200)
    found = wrong_labels(np.zeros((200, 5)), labels)
    assert (found.scattered <= 0.5).all()


def test_two_classes():
    chance = np.random.default_rng(7)
    true = chance.integers(0, 2, 600)
    logits = 6.0 * np.eye(2)[true] + chance.normal(size=(600, 2))
    labels = np.where(chance.random(600) < 0.08, 1 - true, true)
    found = wrong_labels(logits, labels)
    assert found.rate == pytest.approx(0.08, abs=0.03)
    assert (found.scattered[labels != true] > 0.5).mean() > 0.9
    assert not found.sure  # a weak model's errors look the same to itself


@pytest.mark.parametrize(("classes", "sure"), [(3, False), (4, False), (5, True), (10, True)])
def test_of_few_classes_it_cannot_be_seen_which_labels_are_unlikely(classes, sure):
    logits, labels, _ = world(8, classes=classes)
    assert wrong_labels(logits, labels).sure == sure

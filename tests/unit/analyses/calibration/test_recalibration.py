from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import softmax

from analyses.calibration.recalibration import across_halves, recalibrate
from workbench.core.predictions import Predictions
from workbench.statistics.calibration import temperature


def drawn(count, planted=1.0, seed=0):
    """Calibrated predictions of three classes, their logits then multiplied."""
    random = np.random.default_rng(seed)
    said = Predictions(random.normal(0, 2, (count, 3)).astype(np.float32), np.zeros(count, np.int64))
    labels = (random.random((count, 1)) > said.probabilities.cumsum(axis=1)).sum(axis=1).clip(max=2)
    return Predictions((planted * said.logits).astype(np.float32), labels)


def test_each_half_is_divided_by_the_temperature_of_the_other():
    said = drawn(40, planted=3.0)
    found, order = across_halves(said, seed=7), np.random.default_rng(7).permutation(40)
    first, second = order[:20], order[20:]
    of_second = temperature(Predictions(said.logits[second], said.labels[second]))
    tempered = softmax(said.logits[first].astype(np.float64) / of_second, axis=1)
    np.testing.assert_allclose(found.predictions.probabilities[first], tempered)
    assert (found.halves, found.images) == (True, 40)
    assert found.temperature == pytest.approx(temperature(said))


def test_no_answer_changes_and_the_planted_temperature_is_found():
    said = drawn(20_000, planted=4.0)
    found = across_halves(said)
    assert (found.predictions.predicted == said.predicted).all()
    assert found.temperature == pytest.approx(4.0, rel=0.05)


def test_where_the_images_do_not_tell_it_nothing_is_changed():
    few, right = drawn(10), Predictions(np.array([[3.0, 0, 0]] * 60, np.float32), np.zeros(60, np.int64))
    for said in (few, right):
        found = across_halves(said)
        assert found.temperature is None
        assert found.predictions is said


def test_the_validation_images_of_a_run_are_preferred():
    studied, kept, fitted = drawn(200, seed=1), drawn(500, planted=2.0, seed=2), drawn(1500, seed=3)
    whole = Predictions(np.concatenate([fitted.logits, kept.logits]), np.concatenate([fitted.labels, kept.labels]))

    class Training(SimpleNamespace):
        def subset(self, rows):
            return SimpleNamespace(predictions=Predictions(whole.logits[rows], whole.labels[rows]))

    class Train(SimpleNamespace):
        def __len__(self):
            return 2000

    manifest = SimpleNamespace(
        settings={"validation_split": 0.25}, dataset_fingerprints={"train": "t"}, corrections=None
    )
    session = SimpleNamespace(
        predictions=studied, train=Train(fingerprint="t"), training=Training(), run=SimpleNamespace(manifest=manifest)
    )
    found = recalibrate(session)
    assert (found.halves, found.images) == (False, 500)
    assert found.temperature == pytest.approx(temperature(kept))
    tempered = softmax(studied.logits.astype(np.float64) / found.temperature, axis=1)
    np.testing.assert_allclose(np.asarray(found.predictions.probabilities), tempered)

"""A last layer that is fitted anew: what it wins where the model's own does not fit its features."""

from types import SimpleNamespace

import numpy as np

from workbench.core.dataset import Dataset
from workbench.core.predictions import Predictions
from workbench.session.refit import refit


def part(count, seed, name, *, right=1.0):
    """Embeddings whose largest value is the class; predictions that are right in a share of the images."""
    chance = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    embeddings = (4 * np.eye(3)[labels] + chance.normal(size=(count, 3))).astype(np.float32)
    said = np.where(chance.random(count) < right, labels, (labels + 1) % 3)
    images = chance.integers(0, 256, (count, 2, 2, 1), np.uint8)
    data = Dataset(images, labels, class_names=("a", "b", "c"), indices=np.arange(count), name=name)
    predictions = Predictions(np.eye(3, dtype=np.float32)[said], labels)
    return SimpleNamespace(dataset=data, predictions=predictions, embeddings=embeddings, run=None)


def asked(right):
    training, studied = part(300, 0, "made/train"), part(200, 1, "made/test", right=right)
    studied.training, studied.train, studied.only_predictions = training, training.dataset, False
    return refit(studied)


def test_what_scores_do_not_use_is_won_back():
    gain = asked(0.6).gain
    assert gain.low > 0.2 and gain.value > 0.3


def test_of_a_model_that_uses_its_features_nothing_is_won():
    assert asked(0.98).gain.low < 0.02


def test_without_training_images_nothing_is_fitted():
    studied = part(50, 1, "made/test")
    studied.training, studied.train, studied.only_predictions = None, None, False
    assert refit(studied) is None

"""SmoothGrad against section 3 of arXiv:1706.03825 in float64, with the documented noise."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from workbench.attribution.methods import explainer
from workbench.models.probe import Probe


def replica(case, number, score, samples, noise, seed):
    """Mean of the signed gradient at x + e, e ~ N(0, sigma^2), sigma = noise (max x - min x); added over channels."""
    image = case.images[number].astype(np.float64)
    draws = np.asarray(keras.random.normal((1, samples, *image.shape), seed=seed), np.float64)[0]
    sigma = noise * (image.max() - image.min())
    total = np.zeros_like(image)
    for draw in draws:
        point = image + sigma * draw
        total += case.network.gradients(point, case.cotangent(number, point, score))[1]["image"]
    return (total / samples).sum(axis=2)


@pytest.mark.parametrize(
    ("score", "samples", "noise", "seed"), [("logit", 9, 0.15, 0), ("probability", 4, 0.5, 3), ("contrast", 2, 0.1, 11)]
)
def test_every_model(case, agree, score, samples, noise, seed):
    expected = np.stack([replica(case, n, score, samples, noise, seed) for n in range(len(case.images))])
    values = case.attribute("smooth-grad", score, samples=samples, noise=noise, seed=seed)
    agree(values, expected, 1e-4, "smooth-grad")


def test_gradients_are_averaged_with_their_signs():
    """A model that is even about mid-grey: signed gradients cancel, absolute ones (tf-keras-vis) do not."""
    image = keras.Input((4, 4, 1))
    away = keras.layers.Flatten()(image) - 0.5
    model = keras.Model(image, keras.layers.Dense(2, kernel_initializer="ones")(keras.ops.square(away)))
    grey = np.full((1, 4, 4, 1), 0.5, np.float32)
    grey[0, 0, 0], grey[0, 3, 3] = 0, 1  # a span of one
    method = explainer("smooth-grad")(samples=500, noise=0.2)
    map_ = method.attribute(Probe(model), grey, np.zeros(1, np.int64)).values[0]
    inner = map_[1:3, 1:3]
    assert np.abs(inner).max() < 0.1  # 2 sigma / sqrt(500), five times over; the absolute mean would be 0.32
    np.testing.assert_allclose([map_[0, 0], map_[3, 3]], [-1, 1], atol=0.1)

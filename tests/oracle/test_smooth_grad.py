"""SmoothGrad against section 3 of arXiv:1706.03825 in float64, with the documented noise."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

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


def point_gradients(case, number, score, draws, noise):
    """The gradient at x + e of each of some draws e, added over channels, (S, H, W)."""
    image = case.images[number].astype(np.float64)
    points = image + noise * (image.max() - image.min()) * np.asarray(draws, np.float64)
    slopes = [case.network.gradients(point, case.cotangent(number, point, score))[1]["image"] for point in points]
    return np.stack(slopes).sum(axis=3)


def standard_error(each):
    """Of the mean of (S, H, W), as a share of what its length is without it."""
    error = (each.var(axis=0, ddof=1) / len(each)).sum()
    return (error / max((each.mean(axis=0) ** 2).sum() - error, error)) ** 0.5


@pytest.mark.parametrize(("score", "samples", "seed"), [("logit", 12, 0), ("probability", 5, 3), ("contrast", 2, 11)])
def test_every_model_with_antithetic_noise(case, agree, score, samples, seed):
    """The mean over pairs x + e, x - e; an odd number of copies is one more, and there are two pairs at least."""
    pairs = max(2, (samples + 1) // 2)
    expected, errors = [], []
    for number, image in enumerate(case.images):
        draws = np.asarray(keras.random.normal((1, pairs, *image.shape), seed=seed))[0]
        there, back = (point_gradients(case, number, score, sign * draws, 0.15) for sign in (1, -1))
        expected.append((there + back).mean(axis=0) / 2)
        errors.append(standard_error((there + back) / 2))
    given = case.attribution("smooth-grad", score, samples=samples, seed=seed, draws="antithetic")
    agree(given.values, np.stack(expected), 1e-4, "smooth-grad, antithetic")
    np.testing.assert_allclose(given.details["standard error"], errors, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(("score", "tolerance", "seed"), [("logit", 0.15, 0), ("contrast", 0.08, 4)])
def test_every_model_with_as_many_copies_as_the_standard_error_takes(case, agree, score, tolerance, seed):
    """Eight pairs a round until the standard error is within the tolerance, or there would be over 500 copies."""
    expected, errors, samples = [], [], []
    for number, image in enumerate(case.images):
        pairs = np.zeros((0, *image.shape[:2]))
        while len(pairs) == 0 or (standard_error(pairs) > tolerance and 2 * len(pairs) + 16 <= 500):
            draws = tf.random.stateless_normal((8, *image.shape), [seed, len(pairs) // 8]).numpy()
            there, back = (point_gradients(case, number, score, sign * draws, 0.15) for sign in (1, -1))
            pairs = np.concatenate([pairs, (there + back) / 2])
        expected.append(pairs.mean(axis=0))
        errors.append(standard_error(pairs))
        samples.append(2 * len(pairs))
    given = case.attribution("smooth-grad", score, draws="adaptive", tolerance=tolerance, seed=seed)
    assert given.details["samples"].tolist() == samples
    agree(given.values, np.stack(expected), 1e-4, "smooth-grad, adaptive")
    np.testing.assert_allclose(given.details["standard error"], errors, rtol=1e-3, atol=1e-6)


def test_the_standard_error_of_independent_noise_is_that_of_the_mean(case):
    given = case.attribution("smooth-grad", samples=9, seed=2)
    draws = np.asarray(keras.random.normal((1, 9, *case.images.shape[1:]), seed=2))[0]
    expected = [standard_error(point_gradients(case, n, "logit", draws, 0.15)) for n in range(len(case.images))]
    np.testing.assert_allclose(given.details["standard error"], expected, rtol=1e-3)


def test_what_is_odd_in_the_noise_cancels():
    """f = sum x^2 has gradient 2 x: any pair gives it exactly, and one round is enough."""
    image = keras.Input((4, 4, 1))
    model = keras.Model(image, keras.layers.Dense(2, kernel_initializer="ones")(keras.layers.Flatten()(image**2)))
    pixels = np.linspace(0, 1, 16, dtype=np.float32).reshape(1, 4, 4, 1)
    for draws in ("antithetic", "adaptive"):
        method = explainer("smooth-grad")(draws=draws, samples=4, noise=1)
        given = method.attribute(Probe(model), pixels, np.zeros(1, np.int64))
        np.testing.assert_allclose(given.values[0], 2 * pixels[0, ..., 0], atol=1e-5)
        assert given.details["standard error"][0] < 1e-5
    assert given.details["samples"].tolist() == [16]


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

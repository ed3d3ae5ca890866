"""SquareGrad against section 4.1 of arXiv:1806.10758 in float64, with the documented noise.

There is no second witness: libraries draw noise of their own.

=====================  =============================================  =======================================
what                   elsewhere                                      here
=====================  =============================================  =======================================
captum, NoiseTunnel    channels kept; standard deviation in pixels'   squares added over channels; deviation is
                       own units, new noise at each call              a share of the image's range, seeded
tf-keras-vis           has none                                       -
=====================  =============================================  =======================================
"""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from workbench.attribution.methods import explainer
from workbench.models.probe import Probe


def replica(case, number, score, samples, noise, seed):
    """1/n sum_i (ds/dx at x + e_i)^2, e ~ N(0, sigma^2), sigma = noise (max x - min x); added over channels."""
    image = case.images[number].astype(np.float64)
    draws = np.asarray(keras.random.normal((1, samples, *image.shape), seed=seed), np.float64)[0]
    sigma = noise * (image.max() - image.min())
    total = np.zeros_like(image)
    for draw in draws:
        point = image + sigma * draw
        total += case.network.gradients(point, case.cotangent(number, point, score))[1]["image"] ** 2
    return (total / samples).sum(axis=2)


@pytest.mark.parametrize(
    ("score", "samples", "noise", "seed"), [("logit", 7, 0.15, 0), ("probability", 4, 0.5, 3), ("contrast", 2, 0.1, 11)]
)
def test_every_model(case, agree, score, samples, noise, seed):
    expected = np.stack([replica(case, n, score, samples, noise, seed) for n in range(len(case.images))])
    agree(case.attribute("square-grad", score, samples=samples, noise=noise, seed=seed), expected, 1e-4, "square-grad")


@pytest.mark.parametrize("draws", ["antithetic", "adaptive"])
def test_every_model_with_pairs_of_opposite_noise(case, agree, draws):
    """The same mean over x + e and x - e."""
    expected, given = [], case.attribution("square-grad", "logit", samples=16, draws=draws, tolerance=1, seed=5)
    for number, image in enumerate(case.images):
        noise = (
            np.asarray(keras.random.normal((1, 8, *image.shape), seed=5))[0]
            if draws == "antithetic"
            else tf.random.stateless_normal((8, *image.shape), [5, 0]).numpy()
        )
        total = np.zeros(image.shape)
        for draw in [*noise, *-noise]:
            point = image + 0.15 * (image.max() - image.min()) * draw.astype(np.float64)
            total += case.network.gradients(point, case.cotangent(number, point, "logit"))[1]["image"] ** 2
        expected.append(total.sum(axis=2) / 16)
    assert draws == "antithetic" or given.details["samples"].tolist() == [16] * len(case.images)
    agree(given.values, np.stack(expected), 1e-4, "square-grad, pairs")


def test_of_squares_the_expectation_is_known():
    """f = sum a x^2 / 2 has gradient a x: E (a (x + e))^2 = a^2 (x^2 + sigma^2), and its variance is a^2 sigma^2."""
    image = keras.Input((4, 4, 1))
    model = keras.Model(image, keras.layers.Dense(2)(keras.layers.Flatten()(keras.ops.square(image))))
    strength = np.linspace(1, 2, 16)
    model.set_weights([np.stack([strength / 2, 0 * strength], axis=1), np.zeros(2)])
    pixels = np.linspace(0, 1, 16).reshape(1, 4, 4, 1).astype(np.float32)  # a range of one
    probe, target, draws = Probe(model), np.zeros(1, np.int64), {"samples": 500, "noise": 0.4, "seed": 5}
    squares = explainer("square-grad")(**draws).attribute(probe, pixels, target).values[0]
    variances = explainer("var-grad")(**draws).attribute(probe, pixels, target).values[0]
    strength = strength.reshape(4, 4)
    # Four standard errors of a mean of 500 are 0.18 standard deviations; a variance's relative error is sqrt(2 / 500).
    spread = strength**2 * np.sqrt(4 * (0.4 * pixels[0, ..., 0]) ** 2 + 2 * 0.4**4)
    assert (np.abs(squares - strength**2 * (pixels[0, ..., 0] ** 2 + 0.4**2)) < 0.18 * spread).all()
    np.testing.assert_allclose(variances, strength**2 * 0.4**2, rtol=0.26)

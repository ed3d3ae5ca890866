"""VarGrad against section 4.1 of arXiv:1806.10758 in float64, and its identity with SquareGrad and SmoothGrad."""

from __future__ import annotations

import keras
import numpy as np
import pytest


def slopes(case, number, score, samples, noise, seed):
    """The gradients g_i at x + e_i, e ~ N(0, sigma^2), sigma = noise (max x - min x); (H, W, C) each."""
    image = case.images[number].astype(np.float64)
    draws = np.asarray(keras.random.normal((1, samples, *image.shape), seed=seed), np.float64)[0]
    points = [image + noise * (image.max() - image.min()) * draw for draw in draws]
    return [case.network.gradients(point, case.cotangent(number, point, score))[1]["image"] for point in points]


def replica(case, number, score, samples, noise, seed):
    """1/(n - 1) sum_i (g_i - mean g)^2; added over channels."""
    found = slopes(case, number, score, samples, noise, seed)
    mean = sum(found) / samples
    return sum(((slope - mean) ** 2).sum(axis=2) for slope in found) / (samples - 1)


@pytest.mark.parametrize(
    ("score", "samples", "noise", "seed"), [("logit", 7, 0.15, 0), ("probability", 4, 0.5, 3), ("contrast", 2, 0.4, 11)]
)
def test_every_model(case, agree, score, samples, noise, seed):
    expected = np.stack([replica(case, n, score, samples, noise, seed) for n in range(len(case.images))])
    agree(case.attribute("var-grad", score, samples=samples, noise=noise, seed=seed), expected, 1e-4, "var-grad")


def test_the_mean_square_is_the_variance_and_the_squared_mean(case, agree):
    """SquareGrad = (n - 1)/n VarGrad + SmoothGrad^2 of each channel; of one channel SmoothGrad's map is the mean."""
    draws = {"samples": 5, "noise": 0.3, "seed": 2}
    square, variance, smooth = (case.attribute(f"{kind}-grad", **draws) for kind in ("square", "var", "smooth"))
    means = np.stack([sum(slopes(case, n, "logit", *draws.values())) / 5 for n in range(len(case.images))])
    agree(square, 4 / 5 * variance + (means**2).sum(axis=3), 1e-5, "var-grad, identity")
    agree(smooth, means.sum(axis=3), 1e-5, "var-grad, identity")
    assert variance.max() > 1e-3 * square.max()


def test_no_noise_no_variance(case):
    assert case.attribute("var-grad", samples=3, noise=0.0).max() < 1e-10
    smooth, steady = case.attribute("smooth-grad", samples=3, noise=0.0), case.probe.gradient(case.images, case.target)
    np.testing.assert_allclose(smooth, steady.sum(axis=-1), rtol=0, atol=1e-6 * np.abs(smooth).max())

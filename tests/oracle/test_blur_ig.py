"""Blur IG against section 3 of arXiv:2004.03383 in float64: integrated gradients along ever less blurred copies."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.oracle.halving import halved
from workbench.attribution.methods import explainer
from workbench.attribution.methods.blur_ig import blur_matrices
from workbench.data.blur import blur_matrix
from workbench.models.probe import Probe


def blurred(image, sigma):
    """Each pixel the mean of all, weighted by exp(-d^2 / 2 sigma^2)."""
    if sigma == 0:
        return image
    height, width = image.shape[:2]
    soft = np.zeros_like(image)
    for i, j in np.ndindex(height, width):
        weights = np.array(
            [[np.exp(-((i - y) ** 2 + (j - x) ** 2) / (2 * sigma**2)) for x in range(width)] for y in range(height)]
        )
        soft[i, j] = (weights[..., None] * image).sum(axis=(0, 1)) / weights.sum()
    return soft


def replica(case, number, score, steps, blur):
    """Sum over the path of the mean slope at both ends of a step times the step; and the gap."""
    image = case.images[number].astype(np.float64)
    widest = blur * min(image.shape[:2])
    path = [blurred(image, widest * (k / steps) ** 2) for k in range(steps, -1, -1)]
    slopes = [case.network.gradients(p, case.cotangent(number, p, score))[1]["image"] for p in path]
    values = np.zeros(image.shape[:2])
    for k in range(steps):
        values += ((slopes[k] + slopes[k + 1]) / 2 * (path[k + 1] - path[k])).sum(axis=2)
    return values, values.sum() - (case.value(image, number, score) - case.value(path[0], number, score))


@pytest.mark.parametrize(("score", "steps", "blur"), [("logit", 6, 0.5), ("probability", 3, 0.2), ("contrast", 2, 1.5)])
def test_every_model(case, agree, score, steps, blur):
    found = [replica(case, number, score, steps, blur) for number in range(len(case.images))]
    expected, gaps = (np.stack(each) for each in zip(*found, strict=True))
    given = case.attribution("blur-ig", score, steps=steps, blur=blur)
    agree(given.values, expected, 1e-4, "blur-ig")
    within = 2e-6 * max(1, np.abs(expected).sum(axis=(1, 2)).max())
    np.testing.assert_allclose(given.details["completeness gap"], gaps, rtol=0, atol=within)
    assert np.abs(gaps).max() > 10 * within  # a rule of few steps does leave one


@pytest.mark.parametrize(("score", "tolerance"), [("logit", 0.05), ("probability", 0.02), ("contrast", 0.1)])
def test_every_model_with_steps_that_follow_from_the_tolerance(case, agree, score, tolerance):
    """At α the blur is (1 - α)² of the widest: map, estimated error, steps and gap."""
    expected, errors, steps, gaps = [], [], [], []
    for number, image in enumerate(case.images.astype(np.float64)):
        widest = 0.5 * min(image.shape[:2])
        gain = case.value(image, number, score) - case.value(blurred(image, widest), number, score)
        values, square, count = halved(
            lambda along, image=image, widest=widest: blurred(image, widest * (1 - along) ** 2),
            lambda at, n=number: case.network.gradients(at, case.cotangent(n, at, score))[1]["image"],
            gain,
            tolerance,
        )
        expected.append(values)
        errors.append(square**0.5 / np.linalg.norm(values))
        steps.append(count)
        gaps.append(values.sum() - gain)
    given = case.attribution("blur-ig", score, tolerance=tolerance)
    agree(given.values, np.stack(expected), 1e-4, "blur-ig, auto")
    assert given.details["steps"].tolist() == steps
    np.testing.assert_allclose(given.details["relative error"], errors, rtol=1e-3, atol=1e-6)
    within = 2e-6 * max(1, np.abs(expected).sum(axis=(1, 2)).max())
    np.testing.assert_allclose(given.details["completeness gap"], gaps, rtol=0, atol=within)


@pytest.mark.parametrize("score", ["logit", "probability", "contrast"])
def test_it_adds_up_to_what_the_score_gains(case, score):
    """Completeness, up to the trapezoid rule: a twentieth of the largest gain at 400 steps."""
    given = case.attribution("blur-ig", score, steps=400)
    gains = [
        case.value(image, n, score) - case.value(blurred(image, 0.5 * min(image.shape[:2])), n, score)
        for n, image in enumerate(case.images.astype(np.float64))
    ]
    within = 0.05 * np.abs(gains).max()
    np.testing.assert_allclose(given.values.sum(axis=(1, 2)), gains, rtol=0, atol=within)
    assert np.abs(given.details["completeness gap"]).max() < within


def test_of_a_linear_model_it_is_the_weight_times_what_the_pixel_differs_from_its_blurred_copy():
    model = keras.Sequential([keras.Input((9, 7, 2)), keras.layers.Flatten(), keras.layers.Dense(3)])
    chance = np.random.default_rng(2)
    model.set_weights([chance.normal(0, 1, each.shape) for each in model.get_weights()])
    images, target = chance.random((2, 9, 7, 2), np.float32), np.array([2, 0])
    weights = model.get_weights()[0].astype(np.float64)[:, target].T.reshape(images.shape)
    away = np.stack([image - blurred(image, 0.3 * 7) for image in images.astype(np.float64)])
    for steps in (2, None):
        given = explainer("blur-ig")(steps=steps, blur=0.3).attribute(Probe(model), images, target)
        np.testing.assert_allclose(given.values, (weights * away).sum(axis=-1), atol=1e-5)
        np.testing.assert_allclose(given.details["completeness gap"], 0, atol=1e-5)
    assert given.details["steps"].tolist() == [8, 8]  # nothing is lost between blurs, however far apart


def test_a_flat_image_has_nothing_that_a_blur_could_take():
    model = keras.Sequential([keras.Input((9, 7, 1)), keras.layers.Flatten(), keras.layers.Dense(3)])
    flat = np.full((1, 9, 7, 1), 0.6, np.float32)
    for steps in (4, None):
        given = explainer("blur-ig")(steps=steps).attribute(Probe(model), flat, np.array([1]))
        np.testing.assert_allclose(given.values, 0, atol=1e-6)


@pytest.mark.parametrize("side", [1, 7, 28])
def test_many_blurs_are_each_the_one_of_its_deviation(side):
    sigmas = np.array([0, 0.005, 0.03, 0.2, 1, 3.7, 14])
    found = blur_matrices(side, tf.constant(sigmas))
    np.testing.assert_allclose(found, [blur_matrix(side, sigma) for sigma in sigmas], atol=1e-12)

"""Blur IG against section 3 of arXiv:2004.03383 in float64: integrated gradients along ever less blurred copies."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.oracle.halving import halved
from workbench.attribution import growing_sharp
from workbench.attribution.growing_sharp import BLURRED, GrowingSharp, blur_matrices, gathered
from workbench.attribution.methods import explainer
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


@pytest.fixture
def counted(monkeypatch):
    """Bytes of each stack of blurs that is made, in float64, and rows of each part of a way that is integrated."""
    blurs, parts = [], []

    def noted(into, count, value):
        with tf.control_dependencies([tf.numpy_function(lambda rows: into.append(int(rows)), [count], [])]):
            return tf.identity(value)

    def blurred(side, sigma):
        return noted(blurs, tf.size(sigma) * side**2 * 8, blur_matrices(side, sigma))

    def integrated(path, slopes):
        return gathered(noted(parts, tf.size(path[..., 0, 0, 0]), path), slopes)

    monkeypatch.setattr(growing_sharp, "blur_matrices", blurred)
    monkeypatch.setattr(growing_sharp, "gathered", integrated)
    return blurs, parts


@pytest.mark.parametrize("ways", [1, 3])
def test_of_many_places_few_are_blurred_at_once(counted, monkeypatch, ways):
    """As many as is said: 32 MB of a side's blurs and, of 224 × 224, 83 copies, not 501 and 201 MB."""
    blurs, parts = counted
    assert 8 * BLURRED == 32 * 2**20
    assert GrowingSharp(tf.zeros((1, 224, 224, 3)), 0.5).together == 83
    assert GrowingSharp(tf.zeros((1, 4000, 9, 3)), 0.5).together == 1
    chance = np.random.default_rng(4)
    images = tf.constant(chance.random((3, 9, 7, 2)))
    numbers, along = tf.constant([2, 0, 1][:ways]), tf.constant(np.sort(chance.random((ways, 48))))
    slopes = tf.constant(chance.normal(size=(ways, 48, 9, 7, 2)))
    whole = GrowingSharp(images, 0.4)
    path = whole.points(tf.repeat(numbers, 48), tf.reshape(along, (-1,)))
    expected = gathered(tf.reshape(path, slopes.shape), slopes)
    assert max(blurs) == ways * 48 * 81 * 8  # room for all
    blurs.clear()
    monkeypatch.setattr(growing_sharp, "BLURRED", 10 * 81)
    found = GrowingSharp(images, 0.4).trapezoid(numbers, along, slopes)
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)
    assert max(blurs) <= 10 * 81 * 8
    assert max(parts) <= 10
    assert len(parts) == {1: 6, 3: 24}[ways]  # of 47 steps, nine or two at a time


def test_a_map_is_the_same_with_few_places_blurred_at_once(counted, monkeypatch):
    """Rows of a call, too, are blurred in parts, and inside of a compiled function."""
    blurs, parts = counted
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((9, 7, 1)), keras.layers.Flatten()])
    for units, kind in ((16, "relu"), (16, "relu"), (3, None)):
        model.add(keras.layers.Dense(units, activation=kind))
    images, target = np.random.default_rng(3).random((2, 9, 7, 1), np.float32), np.array([2, 0])
    found = []
    for room in (BLURRED, 20 * 81):
        monkeypatch.setattr(growing_sharp, "BLURRED", room)
        blurs.clear()
        parts.clear()
        found.append(explainer("blur-ig")(tolerance=0.005).attribute(Probe(model), images, target))
        assert max(parts) > 30 or room < BLURRED
    assert max(blurs) <= 20 * 81 * 8
    assert 0 < max(parts) <= 20
    np.testing.assert_allclose(found[1].values, found[0].values, rtol=1e-4, atol=1e-6)
    for name, values in found[0].details.items():
        np.testing.assert_allclose(found[1].details[name], values, rtol=1e-3, atol=1e-5)

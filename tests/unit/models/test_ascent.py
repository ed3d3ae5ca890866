"""Gradient ascent in Fourier coefficients: the image that a planted unit likes, diversity, and moves."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from workbench.models.ascent import SHIFT, Wanted, _decoded, _moved, _moves, _scale, climb, responses
from workbench.models.probe import Probe


@pytest.fixture(scope="module")
def probe() -> Probe:
    """Class 0 likes a bright left half, class 1 a bright upper half; colours are equal."""
    image = keras.Input((12, 12, 3))
    maps = layers.AveragePooling2D(6, name="quarters")(image)
    maps = layers.Conv2D(3, 1, activation="relu", name="look")(maps)
    model = keras.Model(image, layers.Dense(2, name="scores")(layers.Flatten()(maps)))
    model.get_layer("look").set_weights([np.eye(3)[None, None], np.zeros(3)])
    left, upper = (
        np.array(each, np.float32).reshape(4, 1).repeat(3, 1).ravel() for each in ([1, -1, 1, -1], [1, 1, -1, -1])
    )
    model.get_layer("scores").set_weights([np.stack([left, upper], axis=1), np.zeros(2)])
    return Probe(model, given="unit")


@pytest.mark.parametrize("moves", [0, 1])
def test_it_finds_what_a_class_was_planted_to_like(probe, moves):
    wanted = Wanted(what="class", layer="look", units=(0, 1))
    left, upper = climb(probe, wanted, steps=80, moves=moves)
    assert left[:, :5].mean() > 0.8 and left[:, 7:].mean() < 0.2
    assert upper[:5].mean() > 0.8 and upper[7:].mean() < 0.2
    told = responses(probe, np.stack([left, upper]), wanted)
    np.testing.assert_allclose(told, probe.logits(np.stack([left, upper])), atol=1e-4)
    assert np.diag(told).min() > 0.8 * 6  # of 6 at most


def test_a_channel_and_a_neuron_are_read_off_their_layer(probe):
    images = np.random.default_rng(0).random((3, 12, 12, 3)).astype(np.float32)
    maps = probe.feature_maps(images, "look")
    for what, expected in (("channel", maps.mean(axis=(1, 2))), ("neuron", maps[:, 1, 1])):
        found = responses(probe, images, Wanted(what=what, layer="look", units=(2, 0)))
        np.testing.assert_allclose(found, expected[:, [2, 0]], atol=1e-6)
    (image,) = climb(probe, Wanted(what="neuron", layer="look", units=(1,)), steps=60, moves=0)
    assert image[6:, 6:, 1].mean() > 0.9


def test_images_of_one_unit_are_kept_apart(probe):
    def alike(diversity):
        wanted = Wanted(what="channel", layer="look", units=(0, 0), diversity=diversity)
        one, other = probe.feature_maps(climb(probe, wanted, steps=60, moves=0), "look").reshape(2, 4, 3)
        grams = [each.T @ each for each in (one, other)]
        return (grams[0] * grams[1]).sum() / np.linalg.norm(grams[0]) / np.linalg.norm(grams[1])

    assert alike(5.0) < alike(0.0) - 0.02


def test_it_is_the_same_every_time_and_the_model_too(probe):
    before = [each.copy() for each in probe.model.get_weights()]
    wanted = Wanted(what="class", layer="look", units=(0, 1, 1))
    first, again, other = (climb(probe, wanted, steps=3, seed=seed) for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()
    assert first.dtype == np.float32 and 0 <= first.min() <= first.max() <= 1
    assert all((old == new).all() for old, new in zip(before, probe.model.get_weights(), strict=True))


@pytest.mark.parametrize("side", [8, 9])
def test_images_are_sigmoids_of_the_inverse_transform(side):
    given = np.random.default_rng(0).normal(size=(2, 2, 1, 6, side // 2 + 1))
    scale = _scale(6, side)
    frequency = np.hypot(np.fft.fftfreq(6)[:, None], np.arange(side // 2 + 1)[None] / side)
    np.testing.assert_allclose(scale, np.sqrt(6 * side) / np.maximum(frequency, 1 / max(6, side)))
    pixels = np.fft.irfft2((given[:, 0] + 1j * given[:, 1]) * scale, (6, side))
    expected = 1 / (1 + np.exp(-np.moveaxis(pixels, 1, -1)))
    np.testing.assert_allclose(np.asarray(_decoded(given, scale, side)), expected, atol=1e-7)


def test_moves_stay_small_and_the_middle_stays():
    still = _moves(np.random.default_rng(0), 3, 10, 14, reach=0)
    image = np.random.default_rng(1).random((3, 10, 14, 2)).astype(np.float32)
    np.testing.assert_array_equal(np.asarray(_moved(image, still)), image)
    moves = _moves(np.random.default_rng(0), 500, 11, 15, reach=1)
    middle = np.array([7.0, 5.0, 1.0])
    moved = moves[:, :6].reshape(-1, 2, 3) @ middle - middle[:2]
    assert (np.abs(moved) <= np.array([15, 11]) * SHIFT + 1e-9).all()
    size = np.sqrt(np.abs(np.linalg.det(moves[:, :6].reshape(-1, 2, 3)[:, :, :2])))
    assert 0.9 < size.min() < 0.95 and 1.05 < size.max() < 1.12

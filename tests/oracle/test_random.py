"""The control: exactly the numbers that whole-number arithmetic gives, uniform, and of nothing but the image."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from scipy import stats

from workbench.attribution.methods import explainer
from workbench.models.probe import Probe

SHAPE = (12, 11, 3)


@pytest.fixture(scope="module")
def probe():
    return Probe(keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(3)]))


def images(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *SHAPE), np.uint8)


def drawn(probe, given, seed=0, target=0, **score):
    return explainer("random")(seed=seed).attribute(probe, given, np.full(len(given), target), **score).values


def test_it_is_universal_hashing_in_python_s_own_whole_numbers(probe):
    """h(k) = (a k + b) mod p, p = 2^31 - 1, for a key k that is itself a hash of the image; its upper 24 bits."""
    prime, chance = 2**31 - 1, np.random.default_rng(7)
    weights = chance.integers(0, prime, SHAPE)
    slopes, shifts = chance.integers(0, prime, (2, *SHAPE[:2]))
    given = images(3)
    for image, values in zip(given, drawn(probe, given, seed=7), strict=True):
        key = sum(int(pixel) * int(weight) for pixel, weight in zip(image.flat, weights.flat, strict=True)) % prime
        for place in np.ndindex(*SHAPE[:2]):
            expected = (int(slopes[place]) * key + int(shifts[place])) % prime // 2**7 / 2**24
            assert values[place] == expected


def test_the_numbers_are_uniform_and_an_image_s_own(probe):
    given = images(60)
    given[1] = given[0]
    given[1, 3, 3, 1] ^= 1  # one pixel, by one step
    values = drawn(probe, given)
    assert values.min() >= 0 and values.max() < 1
    assert stats.kstest(values.ravel(), "uniform").pvalue > 0.001
    between = np.corrcoef(values.reshape(60, -1))
    np.fill_diagonal(between, 0)
    assert np.abs(between).max() < 5 / np.sqrt(SHAPE[0] * SHAPE[1])
    rows = values[:, :, 1:] - 0.5, values[:, :, :-1] - 0.5
    assert abs((rows[0] * rows[1]).mean() * 12) < 5 / np.sqrt(rows[0].size)  # neighbours know nothing of each other


def test_class_score_batch_and_precision_play_no_role(probe):
    given = images(5)
    values = drawn(probe, given)
    np.testing.assert_array_equal(drawn(probe, given, target=2, score="probability"), values)
    np.testing.assert_array_equal(drawn(probe, given[[4, 1]]), values[[4, 1]])
    np.testing.assert_array_equal(drawn(probe, (given / 255).astype(np.float32)), values)
    keras.config.set_dtype_policy("float64")
    try:
        exact = Probe(
            keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(3)]), floats="float64"
        )
    finally:
        keras.config.set_dtype_policy("float32")
    np.testing.assert_array_equal(drawn(exact, given), values)
    assert np.abs(drawn(probe, given, seed=1) - values).mean() == pytest.approx(1 / 3, abs=0.05)

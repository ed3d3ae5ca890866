"""What becomes of the scores with other shares of factors, and without a vector: on heads whose answer is known."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from workbench.concepts.erasing import logits_without
from workbench.concepts.factors import factorise
from workbench.concepts.mixtures import Mixtures
from workbench.concepts.vectors import cells_of
from workbench.models.probe import Probe


@pytest.fixture(scope="module")
def probe():
    """A network whose logits are linear in the feature maps of its convolution."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((10, 8, 1)),
            layers.Conv2D(6, 3, activation="relu", name="maps"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3),
        ]
    )
    return Probe(model, given="unit")


@pytest.fixture(scope="module")
def mixed(probe):
    images = np.random.default_rng(0).random((6, 10, 8, 1)).astype(np.float32)
    maps = probe.feature_maps(images, "maps")
    factors = factorise(maps, 3)
    places = factors.coefficients(maps)
    return Mixtures(probe=probe, layer="maps", factors=factors, images=images, coefficients=places)


def test_with_all_of_the_factors_and_the_rest_it_is_the_image(probe, mixed):
    found = mixed.scores(np.ones((2, 3)), rest=True)
    np.testing.assert_allclose(found, np.repeat(probe.logits(mixed.images)[:, None], 2, axis=1), atol=1e-5)


def test_scores_are_those_of_the_mixed_maps(probe, mixed):
    kernel, bias = (np.asarray(each, np.float64) for each in probe.model.layers[-1].get_weights())
    shares = np.random.default_rng(1).random((5, 3))
    maps = probe.feature_maps(mixed.images, "maps").astype(np.float64)
    for rest in (False, True):
        expected = np.zeros((6, 5, 3))
        for n in range(6):
            for s in range(5):
                alone = (mixed.coefficients[n] * shares[s]) @ mixed.factors.basis
                gone = (mixed.coefficients[n] * (1 - shares[s])) @ mixed.factors.basis
                changed = np.maximum(maps[n] - gone, 0) if rest else alone
                expected[n, s] = changed.mean(axis=(0, 1)) @ kernel + bias
        np.testing.assert_allclose(mixed.scores(shares, rest=rest), expected, atol=1e-4)


def test_indices_of_a_sum_are_the_shares_of_its_variance(probe, mixed):
    """The logit is Σ m_r c_r with uniform m_r, whose variance is Σ c_r² / 12: no factor acts with another."""
    kernel = np.asarray(probe.model.layers[-1].get_weights()[0], np.float64)
    parts = mixed.coefficients.mean(axis=(1, 2)) * (mixed.factors.basis @ kernel[:, 1])
    expected = parts**2 / (parts**2).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(mixed.total_indices(1, designs=512), expected, atol=0.05)


def test_what_changes_nothing_has_no_index(mixed):
    still = Mixtures(
        probe=mixed.probe,
        layer="maps",
        factors=mixed.factors,
        images=mixed.images,
        coefficients=np.zeros_like(mixed.coefficients),
    )
    assert not still.total_indices(0).any()


def test_without_a_vector_all_images_have_one_coordinate_and_nothing_else_changes(probe, mixed):
    maps = probe.feature_maps(mixed.images, "maps")
    cells = cells_of(maps)
    vector = np.random.default_rng(2).normal(size=cells.shape[1:])
    vector /= np.linalg.norm(vector)
    kernel, bias = (np.asarray(each, np.float64) for each in probe.model.layers[-1].get_weights())
    from workbench.concepts.vectors import spread

    moves = 0.7 - (cells * vector).sum(axis=(1, 2, 3))
    changed = maps + moves[:, None, None, None] * spread(vector, maps.shape[1:3])
    np.testing.assert_allclose((cells_of(changed) * vector).sum(axis=(1, 2, 3)), 0.7, atol=1e-5)
    expected = changed.mean(axis=(1, 2)) @ kernel + bias
    np.testing.assert_allclose(logits_without(probe, mixed.images, "maps", vector, 0.7), expected, atol=1e-4)

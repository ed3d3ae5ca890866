"""Eigen-CAM against section III of arXiv:2008.00299 in float64."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from workbench.attribution.methods import explainer
from workbench.models.probe import Probe


def replica(maps):
    """O = U S V^T with one map a column, not centred; L = O v_1, turned so that its sum is positive."""
    rows = np.array([maps[i, j] for i, j in np.ndindex(*maps.shape[:2])], np.float64)
    _, _, right = np.linalg.svd(rows)
    pattern = rows @ right[0]
    return (pattern * (1 if pattern.sum() >= 0 else -1)).reshape(maps.shape[:2])


def test_every_spatial_layer_of_every_model(case, agree):
    for layer in case.probe.spatial_layers:
        expected = [replica(case.network.forward(image)[layer]) for image in case.images]
        values = case.attribute("eigen-cam", layer=layer)
        agree(values, np.stack(expected), 1e-4, "eigen-cam")
        assert (values.sum(axis=(1, 2)) > 0).all()


def test_of_what_a_relu_gives_nothing_is_negative(case):
    """The first singular vector of a matrix without negative values has none (Perron and Frobenius)."""
    values = case.attribute("eigen-cam")
    assert values.min() >= -1e-5 * values.max()


def test_the_class_and_the_score_play_no_role(case, agree):
    assert not explainer("eigen-cam").of_class
    values = case.attribute("eigen-cam")
    agree(case.attribute("eigen-cam", "contrast"), values, 1e-5, "eigen-cam, another score")
    for c in range(case.probe.classes):
        other = explainer("eigen-cam")().attribute(case.probe, case.images, np.full(3, c))
        agree(other.values, values, 1e-5, "eigen-cam, another class")


def small(order, activation):
    """A layer of more maps than places, its filters in any order."""
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((4, 5, 3)), layers.Conv2D(12, 3, activation=activation), layers.Flatten(), layers.Dense(2)]
    )
    chance = np.random.default_rng(0)
    filters, bias, kernel = (chance.normal(size=shape) for shape in [(3, 3, 3, 12), (12,), (2 * 3 * 12, 2)])
    model.set_weights([filters[..., order], bias[order], kernel, np.zeros(2)])
    return Probe(model)


@pytest.mark.parametrize("activation", ["relu", None])
def test_more_maps_than_places_and_their_order_is_nothing(agree, activation):
    images = np.random.default_rng(1).random((4, 4, 5, 3), np.float32)
    probe = small(np.arange(12), activation)
    assert probe.layers[probe.default_layer].shape == (2, 3, 12)
    values = explainer("eigen-cam")().attribute(probe, images, np.zeros(4, int)).values
    expected = np.stack([replica(maps) for maps in probe.feature_maps(images, probe.default_layer)])
    agree(values, expected, 1e-4, "eigen-cam, more maps than places")
    turned = small(np.random.default_rng(2).permutation(12), activation)
    agree(
        explainer("eigen-cam")().attribute(turned, images, np.zeros(4, int)).values,
        values,
        1e-4,
        "eigen-cam, maps in another order",
    )


def test_order_is_nothing_with_more_places_than_maps_either(case, agree):
    """The replica on permuted columns, so that this holds for the other of the two ways it is computed."""
    maps = case.probe.feature_maps(case.images, case.probe.default_layer)
    order = np.random.default_rng(3).permutation(maps.shape[-1])
    expected = np.stack([replica(each[..., order]) for each in maps])
    agree(case.attribute("eigen-cam"), expected, 1e-4, "eigen-cam, maps in another order")


def test_a_layer_that_is_silent_has_an_empty_map():
    probe = small(np.arange(12), "relu")
    weights = probe.model.get_weights()
    probe.model.set_weights([weights[0], np.full(12, -1e3), *weights[2:]])
    values = explainer("eigen-cam")().attribute(probe, np.ones((1, 4, 5, 3), np.float32), np.zeros(1, int)).values
    assert (values == 0).all()

"""XGrad-CAM against the weights of arXiv:2008.02312 in float64."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from workbench.attribution.methods import explainer
from workbench.models.probe import Probe

ROUNDING = 1e-6  # a map whose sum is this small a share of its values has no weight


def replica(network, image, cotangent, layer):
    """w_k = sum_ij A_ijk / (sum_ab A_abk) ds/dA_ijk; L_ij = max(0, sum_k w_k A_ijk). Also L before the maximum."""
    outputs, gradients = network.gradients(image, cotangent)
    maps, slopes = outputs[layer], gradients[layer]
    cam = np.zeros(maps.shape[:2])
    for k in range(maps.shape[2]):
        total = maps[:, :, k].sum()
        if abs(total) <= ROUNDING * np.abs(maps[:, :, k]).sum():
            continue
        weight = sum(maps[i, j, k] / total * slopes[i, j, k] for i, j in np.ndindex(*cam.shape))
        cam += weight * maps[:, :, k]
    return np.maximum(cam, 0), cam


@pytest.mark.parametrize("score", ["logit", "probability", "contrast"])
def test_every_spatial_layer_of_every_model(case, agree, score):
    for layer in case.probe.spatial_layers if score == "logit" else [case.probe.default_layer]:
        pairs = zip(case.images, case.cotangents(score), strict=True)
        expected = [replica(case.network, *each, layer)[0] for each in pairs]
        agree(case.attribute("x-grad-cam", score, layer=layer), np.stack(expected), 1e-4, "x-grad-cam")


def test_before_the_relu_the_replica_adds_up_to_hires_cam(case):
    """sum_ij L = sum_k w_k S_k = sum_ijk G A, the paper's conservation."""
    for layer in case.probe.spatial_layers:
        totals = case.attribute("hires-cam", layer=layer).sum(axis=(1, 2))
        pairs = zip(case.images, case.cotangents("logit"), strict=True)
        found = [replica(case.network, *each, layer)[1].sum() for each in pairs]
        np.testing.assert_allclose(found, totals, rtol=1e-4, atol=1e-5 * np.abs(totals).max())


def model_of(kernel, bias=0.0):
    """Five filters with ReLU, the third of which never fires, under one dense layer."""
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((8, 6, 1)), layers.Conv2D(5, 3, activation="relu"), layers.Flatten(), layers.Dense(3)]
    )
    filters = np.random.default_rng(0).normal(size=(3, 3, 1, 5))
    model.set_weights([filters, np.array([0, 0, -100, 0, 0]), kernel, np.full(3, bias)])
    return Probe(model)


def test_where_nothing_is_cut_the_map_itself_adds_up_and_a_silent_filter_does_no_harm():
    kernel = np.abs(np.random.default_rng(1).normal(size=(6 * 4 * 5, 3)))
    probe, images = model_of(kernel, bias=0.7), np.random.default_rng(2).random((4, 8, 6, 1), np.float32)
    assert not probe.feature_maps(images, probe.default_layer)[..., 2].any()
    for c in range(3):
        values = explainer("x-grad-cam")().attribute(probe, images, np.full(4, c)).values
        np.testing.assert_allclose(values.sum(axis=(1, 2)), probe.logits(images)[:, c] - 0.7, rtol=1e-5)


def test_a_map_that_sums_to_rounding_has_no_weight():
    """A filter that answers 0.3 on the left half and -0.3 on the right: the fraction would be endless."""
    layers = keras.layers
    model = keras.Sequential([keras.Input((4, 6, 1)), layers.Conv2D(2, 1), layers.Flatten(), layers.Dense(2)])
    kernel = np.random.default_rng(3).random((48, 2))
    model.set_weights([np.ones((1, 1, 1, 2)), np.array([-0.4, 0.5]), kernel, np.zeros(2)])
    probe, image = Probe(model), np.full((1, 4, 6, 1), 0.1, np.float32)
    image[:, :, :3] = 0.7
    total = probe.feature_maps(image, probe.default_layer)[..., 0].sum()
    assert 0 < abs(total) < 1e-5
    maps = image[0, :, :, 0] + 0.5  # of the second filter, the only one that counts
    weight = (maps * kernel[:, 0].reshape(4, 6, 2)[..., 1]).sum() / maps.sum()
    values = explainer("x-grad-cam")().attribute(probe, image, np.zeros(1, int)).values
    np.testing.assert_allclose(values[0], weight * maps, rtol=1e-5)

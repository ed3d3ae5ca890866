"""Ablation-CAM against section 3 of Desai and Ramaswamy 2020 in float64."""

from __future__ import annotations

import numpy as np
import pytest


def replica(case, number, score, layer):
    """w_k = s - s with A_k := 0; L_ij = max(0, sum_k w_k A_ijk)."""
    image = case.images[number]
    maps = case.network.forward(image)[layer]
    whole = case.value(image, number, score)
    cam = np.zeros(maps.shape[:2])
    for k in range(maps.shape[2]):
        without = maps.copy()
        without[:, :, k] = 0
        cam += (whole - case.value(image, number, score, {layer: without})) * maps[:, :, k]
    return np.maximum(cam, 0)


@pytest.mark.parametrize("score", ["logit", "probability", "contrast"])
def test_every_spatial_layer_of_every_model(case, agree, score):
    for layer in case.probe.spatial_layers if score == "logit" else [case.probe.default_layer]:
        expected = np.stack([replica(case, n, score, layer) for n in range(3)])
        agree(case.attribute("ablation-cam", score, layer=layer), expected, 1e-4, "ablation-cam")


def test_the_replica_is_the_printed_map_times_a_positive_score(case):
    """w_k = (s - s_k) / s as printed. Of a negative score, what the paper shows is what speaks against the class."""
    for number, image in enumerate(case.images):
        maps, whole = case.network.forward(image)[case.probe.default_layer], case.value(image, number, "probability")
        printed = np.zeros(maps.shape[:2])
        for k in range(maps.shape[2]):
            without = maps * (np.arange(maps.shape[2]) != k)
            changed = {case.probe.default_layer: without}
            printed += (whole - case.value(image, number, "probability", changed)) / whole * maps[:, :, k]
        ours = case.attribute("ablation-cam", "probability")[number]
        np.testing.assert_allclose(ours / whole, np.maximum(printed, 0), atol=1e-4 * np.abs(printed).max())


def test_under_a_linear_head_a_drop_is_what_the_gradient_says(case):
    """s - s_k = sum_ij G_ijk A_ijk; in the residual model a ReLU and a hidden layer lie between."""
    layer = case.probe.default_layer
    maps, slopes = case.probe.feature_maps_and_gradients(case.images, case.target, layer)
    weights = (maps * slopes).sum(axis=(1, 2), keepdims=True)
    expected = np.maximum((weights * maps).sum(axis=-1), 0)
    same = np.allclose(case.attribute("ablation-cam"), expected, rtol=1e-3, atol=1e-4 * expected.max())
    assert same == (case.name != "residual")

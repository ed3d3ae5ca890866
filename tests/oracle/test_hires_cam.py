"""HiResCAM against its definition in arXiv:2011.08891 in float64."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.attribution.methods import explainer


def replica(network, image, cotangent, layer):
    """L_ij = sum_k ds/dA_ijk A_ijk."""
    outputs, gradients = network.gradients(image, cotangent)
    maps, slopes = outputs[layer], gradients[layer]
    cam = np.zeros(maps.shape[:2])
    for i, j, k in np.ndindex(*maps.shape):
        cam[i, j] += slopes[i, j, k] * maps[i, j, k]
    return cam


@pytest.mark.parametrize("score", ["logit", "probability", "contrast"])
def test_every_spatial_layer_of_every_model(case, agree, score):
    for layer in case.probe.spatial_layers if score == "logit" else [case.probe.default_layer]:
        pairs = zip(case.images, case.cotangents(score), strict=True)
        expected = np.stack([replica(case.network, *each, layer) for each in pairs])
        agree(case.attribute("hires-cam", score, layer=layer), expected, 1e-4, "hires-cam")
        assert (expected < 0).any()  # what speaks against the class is kept


def test_under_one_dense_layer_the_map_adds_up_to_the_logit_less_its_bias(case):
    """Conv, flatten, dense; or conv, average pooling, dense. In the residual model a hidden layer lies between."""
    bias = case.network.weights["scores"][1]
    logits = np.stack([case.network.scores(image) for image in case.images])
    total = case.attribute("hires-cam").sum(axis=(1, 2))
    parts = logits[np.arange(3), case.target] - bias[case.target]
    assert np.allclose(total, parts, rtol=1e-5, atol=1e-6) == (case.name != "residual")


def test_where_the_gradient_is_the_same_at_all_places_its_positive_part_is_grad_cam(case):
    """Average pooling makes it so; flattening does not."""
    layer = case.probe.default_layer
    maps, grad_cam = case.attribute("hires-cam", layer=layer), case.attribute("grad-cam", layer=layer)
    same = np.allclose(np.maximum(maps, 0), grad_cam, atol=1e-5 * np.abs(maps).max())
    assert same == (case.name in ("gap", "colour"))


def test_the_map_of_a_contrast_is_the_difference_of_two(case, agree):
    against = explainer("hires-cam")().attribute(case.probe, case.images, case.against).values
    difference = case.attribute("hires-cam") - against
    agree(case.attribute("hires-cam", "contrast"), difference, 1e-5, "hires-cam, difference of two")

"""Grad-CAM against equations 1 and 2 of arXiv:1610.02391 in float64, and against tf-keras-vis."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tests.oracle.keras_vis import witness_maps
from workbench.attribution.methods import explainer
from workbench.models.probe import Probe


def replica(network, image, cotangent, layer):
    """a_k = 1/Z sum_ij ds/dA_ijk; L_ij = max(0, sum_k a_k A_ijk)."""
    outputs, gradients = network.gradients(image, cotangent)
    maps, slopes = outputs[layer], gradients[layer]
    height, width, count = maps.shape
    cam = np.zeros((height, width))
    for k in range(count):
        weight = sum(slopes[i, j, k] for i in range(height) for j in range(width)) / (height * width)
        cam += weight * maps[:, :, k]
    return np.maximum(cam, 0)


@pytest.mark.parametrize("score", ["logit", "probability", "contrast"])
def test_every_spatial_layer_of_every_model(case, agree, score):
    layers = case.probe.spatial_layers
    assert len(layers) == {"flat": 1, "gap": 2, "residual": 5, "colour": 5}[case.name]
    for layer in layers:
        pairs = zip(case.images, case.cotangents(score), strict=True)
        expected = [replica(case.network, *each, layer) for each in pairs]
        agree(case.attribute("grad-cam", score, layer=layer), np.stack(expected), 1e-4, "grad-cam")


def test_over_all_classes_the_paper_s_weights_are_found_and_some_maps_are_empty(case):
    """A map without positive evidence is exactly zero, and is not rescaled into something."""
    layer = case.probe.default_layer
    classes = case.probe.classes
    images = np.repeat(case.images[:1], classes, axis=0)
    values = explainer("grad-cam")(layer=layer).attribute(case.probe, images, np.arange(classes)).values
    for c in range(classes):
        expected = replica(case.network, case.images[0], np.eye(classes)[c], layer)
        np.testing.assert_allclose(values[c], expected, atol=1e-5 * max(expected.max(), 1e-3))


def test_under_average_pooling_and_one_dense_layer_the_map_adds_up_to_the_logit():
    """sum_ij sum_k a_k A_ijk = f_c - b_c; with a kernel without negative weights nothing is cut by the ReLU."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 6, 1)),
            layers.Conv2D(6, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3),
        ]
    )
    kernel, bias = np.abs(np.random.default_rng(0).normal(size=(6, 3))), np.array([0.5, -2.0, 1.0])
    model.layers[-1].set_weights([kernel, bias])
    probe, images = Probe(model), np.random.default_rng(1).random((4, 8, 6, 1), np.float32)
    for c in range(3):
        maps = explainer("grad-cam")().attribute(probe, images, np.full(4, c)).values
        np.testing.assert_allclose(maps.sum(axis=(1, 2)), probe.logits(images)[:, c] - bias[c], rtol=1e-5)


@pytest.mark.filterwarnings("ignore:Please import `zoom`:DeprecationWarning", "ignore:The structure of `inputs`")
def test_second_witness_tf_keras_vis(case, agree):
    """Raw maps of tf-keras-vis 0.8.7 (`expand_cam=False, normalize_cam=False`) are ours.

    Expected differences, and why they are no errors of ours:

    =====================  =============================================  =======================================
    what                   tf-keras-vis                                   here
    =====================  =============================================  =======================================
    upsampling             scipy zoom, corners aligned                    bilinear, half-pixel centres
    scaling                each map to [0, 1] by default                  never
    softmax                left in, unless `ReplaceToLinear` is given     left out on our own walk
    =====================  =============================================  =======================================
    """
    from tf_keras_vis.gradcam import Gradcam

    layer = case.probe.default_layer
    agree(case.attribute("grad-cam", layer=layer), witness_maps(Gradcam, case, layer), 1e-5, "grad-cam, tf-keras-vis")

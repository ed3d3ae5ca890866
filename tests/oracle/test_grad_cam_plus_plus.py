"""Grad-CAM++ against equations 7, 10 and 19 of arXiv:1710.11063 in float64, and against tf-keras-vis."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tests.oracle.keras_vis import witness_maps
from workbench.attribution.methods import explainer
from workbench.models.probe import Probe


def alphas(slopes, total, height):
    """alpha = Y'' / (2 Y'' + S Y''') for Y = exp(s), whose derivatives are exp(s) times powers of the gradient."""
    second, third = np.exp(height) * slopes**2, np.exp(height) * slopes**3
    return np.where(slopes == 0, 0, second / np.where(slopes == 0, 1, 2 * second + total * third))


def replica(network, image, cotangent, layer, height):
    """w_k = sum_ij alpha_ijk max(0, Y'_ijk), and L_ij = max(0, sum_k w_k A_ijk), less the factor exp(s).

    The sum S of a map counts as zero where it is negative: the equations are meant for what a ReLU gives.
    """
    outputs, gradients = network.gradients(image, cotangent)
    maps, slopes = outputs[layer], gradients[layer]
    cam = np.zeros(maps.shape[:2])
    for k in range(maps.shape[2]):
        printed = alphas(slopes[:, :, k], max(maps[:, :, k].sum(), 0), height)
        first = np.exp(height) * slopes[:, :, k]
        weight = sum(printed[i, j] * max(0, first[i, j]) for i, j in np.ndindex(*cam.shape))
        cam += weight * maps[:, :, k]
    return np.maximum(cam, 0) / np.exp(height)


@pytest.mark.parametrize("score", ["logit", "probability", "contrast"])
def test_every_spatial_layer_of_every_model(case, agree, score):
    for layer in case.probe.spatial_layers if score == "logit" else [case.probe.default_layer]:
        expected = [
            replica(case.network, image, cotangent, layer, case.value(image, n, score))
            for n, (image, cotangent) in enumerate(zip(case.images, case.cotangents(score), strict=True))
        ]
        agree(case.attribute("grad-cam-plus-plus", score, layer=layer), np.stack(expected), 1e-4, "grad-cam-plus-plus")


def small(bias=0.0, activation="relu"):
    """Conv, flatten, dense; the same weights each time."""
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((8, 6, 1)), layers.Conv2D(6, 3, activation=activation), layers.Flatten(), layers.Dense(3)]
    )
    chance = np.random.default_rng(0)
    weights = [chance.normal(size=shape) for shape in [(3, 3, 1, 6), (6,), (6 * 4 * 6, 3)]]
    model.set_weights([*weights, np.full(3, bias)])
    return Probe(model), np.random.default_rng(1).random((3, 8, 6, 1), np.float32)


def test_a_constant_added_to_the_score_changes_nothing_though_its_exponential_is_no_float32():
    (probe, images), (raised, _) = small(), small(bias=500.0)
    target = np.array([0, 1, 2])
    values, expected = (
        explainer("grad-cam-plus-plus")().attribute(each, images, target).values for each in (raised, probe)
    )
    assert (raised.logits(images) > 400).all()
    assert (expected > 0).any()
    np.testing.assert_allclose(values, expected, rtol=1e-6)


def test_where_a_map_sums_below_zero_alpha_is_a_half():
    """As a layer without ReLU can give. The printed fraction would be negative there, or endless."""
    probe, images = small(activation=None)
    maps, slopes = probe.feature_maps_and_gradients(images, np.zeros(3, int), probe.default_layer)
    rises, total = np.maximum(slopes, 0), maps.sum(axis=(1, 2), keepdims=True)
    assert (2 + total * rises < 0).any() and (total > 0).any()
    weights = np.where(total < 0, rises / 2, rises / (2 + np.abs(total) * rises)).sum(axis=(1, 2), keepdims=True)
    expected = np.maximum((weights * maps).sum(axis=-1), 0)
    values = explainer("grad-cam-plus-plus")().attribute(probe, images, np.zeros(3, int)).values
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-5 * expected.max())
    assert values.any()


@pytest.mark.filterwarnings("ignore:Please import `zoom`:DeprecationWarning", "ignore:The structure of `inputs`")
def test_second_witness_tf_keras_vis(case, agree):
    """tf-keras-vis 0.8.7 states another formula; made from our pieces it is theirs.

    Expected differences, and why they are no errors of ours:

    =====================  =============================================  =======================================
    what                   tf-keras-vis                                   here
    =====================  =============================================  =======================================
    alpha                  divided by its sum over the places             as printed: not divided
    exp(score)             left in: the map overflows beyond scores of 88  left out, a factor of the whole map
    scaling, upsampling    as in the table of Grad-CAM                    as there
    =====================  =============================================  =======================================
    """
    from tf_keras_vis.gradcam_plus_plus import GradcamPlusPlus

    layer = case.probe.default_layer
    expected = []
    for n, (image, cotangent) in enumerate(zip(case.images, case.cotangents("logit"), strict=True)):
        outputs, gradients = case.network.gradients(image, cotangent)
        maps, slopes, height = outputs[layer], gradients[layer], case.value(image, n, "logit")
        printed = alphas(slopes, maps.sum(axis=(0, 1)), height)
        divided = printed / np.where(printed.sum(axis=(0, 1)) == 0, 1, printed.sum(axis=(0, 1)))
        weights = (divided * np.exp(height) * np.maximum(slopes, 0)).sum(axis=(0, 1))
        expected.append(np.maximum((weights * maps).sum(axis=-1), 0))
    theirs = witness_maps(GradcamPlusPlus, case, layer)
    agree(theirs, np.stack(expected), 1e-4, "grad-cam-plus-plus, tf-keras-vis")

"""LayerCAM against section III of Jiang et al. 2021 in float64, and against tf-keras-vis."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tests.oracle.bilinear import bilinear
from tests.oracle.keras_vis import witness_maps
from workbench.attribution.methods import explainer
from workbench.core.errors import WorkbenchError
from workbench.core.params import make
from workbench.models.probe import Probe


def replica(network, image, cotangent, layer):
    """w_ijk = max(0, ds/dA_ijk); M_ij = max(0, sum_k w_ijk A_ijk)."""
    outputs, gradients = network.gradients(image, cotangent)
    maps, slopes = outputs[layer], gradients[layer]
    cam = np.zeros(maps.shape[:2])
    for i, j, k in np.ndindex(*maps.shape):
        cam[i, j] += max(0, slopes[i, j, k]) * maps[i, j, k]
    return np.maximum(cam, 0)


def fuse(cams):
    """Max over the layers of tanh(2 M / max M), each as large as the largest."""
    size = tuple(max(cam.shape[axis] for cam in cams) for axis in (0, 1))
    return np.max([bilinear(np.tanh(2 * cam / cam.max()) if cam.any() else cam, size) for cam in cams], axis=0)


@pytest.mark.parametrize("score", ["logit", "probability", "contrast"])
def test_every_spatial_layer_of_every_model(case, agree, score):
    for layer in case.probe.spatial_layers if score == "logit" else [case.probe.default_layer]:
        pairs = zip(case.images, case.cotangents(score), strict=True)
        expected = [replica(case.network, *each, layer) for each in pairs]
        agree(case.attribute("layer-cam", score, layer=layer), np.stack(expected), 1e-4, "layer-cam")


@pytest.mark.parametrize("score", ["logit", "contrast"])
def test_several_layers_are_joined(case, agree, score):
    """The default layer with the first one, and with all there are; a layer named twice counts once."""
    layers, default = case.probe.spatial_layers, case.probe.default_layer
    for further in ([layers[0]], [*layers, layers[0], default]):
        expected = [
            fuse([replica(case.network, *each, layer) for layer in dict.fromkeys([default, *further])])
            for each in zip(case.images, case.cotangents(score), strict=True)
        ]
        values = case.attribute("layer-cam", score, fuse=tuple(further))
        agree(values, np.stack(expected), 1e-4, "layer-cam, joined")
        assert values.max() <= np.tanh(2) + 1e-6


def test_where_no_gradient_is_negative_it_is_hires_cam():
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((8, 6, 1)), layers.Conv2D(5, 3, activation="relu", name="conv"), layers.Flatten(), layers.Dense(3)]
    )
    filters, kernel = (np.random.default_rng(0).normal(size=shape) for shape in [(3, 3, 1, 5), (6 * 4 * 5, 3)])
    model.set_weights([filters, np.zeros(5), np.abs(kernel), np.zeros(3)])
    probe, images = Probe(model), np.random.default_rng(1).random((3, 8, 6, 1), np.float32)
    maps, expected = (
        explainer(name)().attribute(probe, images, np.arange(3)).values for name in ("layer-cam", "hires-cam")
    )
    np.testing.assert_allclose(maps, expected, rtol=1e-5)
    # A layer of which no output speaks for the class stays empty when it is joined, and is no NaN.
    model.set_weights([filters, np.zeros(5), -np.abs(kernel), np.zeros(3)])
    assert not make(explainer("layer-cam"), {"fuse": "conv"}).attribute(Probe(model), images, np.arange(3)).values.any()


def test_layers_to_join_may_be_given_as_text_and_a_wrong_one_is_said(case):
    layers = case.probe.spatial_layers
    same = make(explainer("layer-cam"), {"fuse": ", ".join(layers)})
    assert same == explainer("layer-cam")(fuse=tuple(layers))
    for wrong, sentence in [
        ("scoresx", "There is no layer 'scoresx'"),
        ("scores", f"must be one of {', '.join(layers)}. Got 'scores'"),
    ]:
        with pytest.raises(WorkbenchError, match=sentence):
            case.attribute("layer-cam", fuse=f"{layers[0]},{wrong}")


@pytest.mark.filterwarnings("ignore:Please import `zoom`:DeprecationWarning", "ignore:The structure of `inputs`")
def test_second_witness_tf_keras_vis(case, agree):
    """Raw maps of tf-keras-vis 0.8.7 are ours; it joins no layers. What else differs is in the table of Grad-CAM."""
    from tf_keras_vis.layercam import Layercam

    for layer in (case.probe.default_layer, case.probe.spatial_layers[0]):
        values = case.attribute("layer-cam", layer=layer)
        agree(values, witness_maps(Layercam, case, layer), 1e-5, "layer-cam, tf-keras-vis")

"""DeconvNet against figure 1 of arXiv:1412.6806, its backward pass as a gradient, in float64, and against captum."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from workbench.attribution.methods import explainer
from workbench.models.probe import Probe


@pytest.mark.parametrize("score", ["logit", "probability", "contrast"])
def test_every_model(case, agree, score):
    """At each ReLU R = 1[R+ > 0] R+; max-pooling hands back to where the largest value was; added over channels."""
    pairs = zip(case.images, case.cotangents(score), strict=True)
    expected = np.stack([case.network.gradients(*each, rule="deconvolved")[1]["image"].sum(axis=2) for each in pairs])
    agree(case.attribute("deconvnet", score), expected, 1e-4, "deconvnet")


def test_where_every_unit_is_open_and_nothing_arrives_negative_all_three_are_the_gradient():
    model = keras.Sequential(
        [
            keras.Input((8, 7, 3)),
            layers.Conv2D(5, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(4, 2, activation="relu"),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )
    chance = np.random.default_rng(0)
    model.set_weights([chance.random(weights.shape) for weights in model.get_weights()])
    probe, images, target = Probe(model), chance.random((3, 8, 7, 3), np.float32), np.array([0, 1, 2])
    gradient = probe.gradient(images, target).sum(axis=-1)
    for name in ("deconvnet", "guided-backprop"):
        values = explainer(name)().attribute(probe, images, target).values
        np.testing.assert_allclose(values, gradient, rtol=1e-5)


def test_without_pooling_the_image_plays_no_role(case):
    """What its `use` says: of the units that were open only pooling remembers anything."""
    pooled = any("Pooling2D" in kind and "Global" not in kind for kind in (i.kind for i in case.probe.layers.values()))
    method = explainer("deconvnet")()
    one, *others = method.attribute(case.probe, case.images, np.zeros(len(case.images), int)).values
    moved = max(np.abs(other - one).max() for other in others) / np.abs(one).max()
    assert moved > 0.01 if pooled else moved < 1e-6
    assert pooled == (case.name in ("residual", "colour"))


@pytest.mark.filterwarnings("ignore:Setting backward hooks on ReLU activations")
def test_second_witness_captum(case, agree):
    """Deconvolution of captum keeps the channels; its sum over them is ours."""
    torch = pytest.importorskip("torch", reason="torch is not installed: pip install -e '.[witness]'")
    attr = pytest.importorskip("captum.attr", reason="captum is not installed: pip install -e '.[witness]'")
    from tests.oracle.torch_port import describe, port, to_numpy, to_torch

    witness = attr.Deconvolution(port(describe(case.model), case.network.joins))
    images = to_torch(case.images).requires_grad_()
    maps = to_numpy(witness.attribute(images, target=torch.from_numpy(case.target))).sum(axis=-1)
    agree(case.attribute("deconvnet"), maps, 1e-5, "deconvnet, captum")

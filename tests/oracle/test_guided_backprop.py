"""Guided backpropagation against figure 1 of arXiv:1412.6806 in float64, and against captum."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from workbench.attribution.methods import explainer
from workbench.models.probe import Probe


@pytest.mark.parametrize("score", ["logit", "probability", "contrast"])
def test_every_model(case, agree, score):
    """At each ReLU R = 1[z > 0] 1[R+ > 0] R+; added over channels."""
    pairs = zip(case.images, case.cotangents(score), strict=True)
    expected = np.stack([case.network.gradients(*each, rule="guided")[1]["image"].sum(axis=2) for each in pairs])
    agree(case.attribute("guided-backprop", score), expected, 1e-4, "guided-backprop")


def test_it_is_neither_the_gradient_nor_the_deconvnet(case):
    guided, deconvnet = case.attribute("guided-backprop"), case.attribute("deconvnet")
    gradient = case.probe.gradient(case.images, case.target).sum(axis=-1)
    assert np.abs(guided - gradient).max() > 0.1 * np.abs(gradient).max()
    assert np.abs(guided - deconvnet).max() > 0.01 * np.abs(deconvnet).max()


def one_layer(kernel, activation):
    """A ReLU layer between a kernel of our own and class scores of any sign; (4, 4, 1) images."""
    model = keras.Sequential([keras.Input((4, 4, 1)), layers.Flatten(), layers.Dense(12), activation, layers.Dense(3)])
    chance = np.random.default_rng(3)
    last = chance.normal(size=(12, 3))
    model.set_weights([kernel, chance.normal(size=12), last, np.zeros(3)])
    return model, last


def explained(model, images, target, method="guided-backprop"):
    return explainer(method)().attribute(Probe(model), images, target).values.reshape(len(images), -1)


def test_behind_one_relu_and_a_kernel_without_negative_weights_nothing_is_negative():
    kernel, images = (
        np.abs(np.random.default_rng(1).normal(size=(16, 12))),
        np.random.default_rng(2).random((3, 4, 4, 1)),
    )
    model, _ = one_layer(kernel, layers.ReLU())
    target = np.array([0, 1, 2])
    assert explained(model, images, target).min() >= 0
    assert explained(model, images, target).max() > 0
    assert Probe(model).gradient(images, target).min() < 0


@pytest.mark.parametrize(
    ("activation", "was_open"),
    [
        (layers.ReLU(), lambda z: z > 0),
        (layers.ReLU(max_value=6), lambda z: (z > 0) & (z < 6)),
        (layers.LeakyReLU(negative_slope=0.3), lambda z: z > 0),
        (layers.Activation("relu"), lambda z: z > 0),
    ],
    ids=["relu", "relu6", "leaky", "activation"],
)
def test_rectifiers_of_other_makes_by_hand(activation, was_open):
    """What is below zero, or above the limit of a limited one, was shut; what arrives negative is not handed back."""
    kernel = 3 * np.random.default_rng(5).normal(size=(16, 12))
    model, last = one_layer(kernel, activation)
    images, target = np.random.default_rng(2).random((3, 4, 4, 1), np.float32), np.array([0, 1, 2])
    before = images.reshape(3, -1) @ kernel + model.get_weights()[1]
    assert (before > 6).any() and (before < 0).any()
    arriving = last[:, target].T
    expected = (arriving * was_open(before) * (arriving > 0)) @ kernel.T
    np.testing.assert_allclose(explained(model, images, target), expected, rtol=0, atol=1e-5 * np.abs(expected).max())
    expected = (arriving * (arriving > 0)) @ kernel.T
    got = explained(model, images, target, "deconvnet")
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("name", ["guided-backprop", "deconvnet", "guided-grad-cam"])
def test_a_model_without_relu_says_so(name):
    model = keras.Sequential(
        [keras.Input((6, 6, 1)), layers.Conv2D(3, 3, activation="gelu"), layers.Flatten(), layers.Dense(2)]
    )
    said = f"{explainer(name).title} changes the backward pass of ReLUs. This model has none."
    assert explainer(name).missing(Probe(model)) == said


@pytest.mark.filterwarnings("ignore:Setting backward hooks on ReLU activations")
def test_second_witness_captum(case, agree):
    """GuidedBackprop of captum keeps the channels; its sum over them is ours."""
    torch = pytest.importorskip("torch", reason="torch is not installed: pip install -e '.[witness]'")
    attr = pytest.importorskip("captum.attr", reason="captum is not installed: pip install -e '.[witness]'")
    from tests.oracle.torch_port import describe, port, to_numpy, to_torch

    witness = attr.GuidedBackprop(port(describe(case.model), case.network.joins))
    images = to_torch(case.images).requires_grad_()
    maps = to_numpy(witness.attribute(images, target=torch.from_numpy(case.target))).sum(axis=-1)
    agree(case.attribute("guided-backprop"), maps, 1e-5, "guided-backprop, captum")

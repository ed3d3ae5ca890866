"""Input × gradient against table 1 of arXiv:1711.06104 in float64, and against captum."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from workbench.attribution.methods import explainer
from workbench.models.probe import Probe


def replica(network, image, cotangent):
    """M_ij = sum_c x_ijc ds/dx_ijc."""
    slopes = network.gradients(image, cotangent)[1]["image"]
    values = np.zeros(image.shape[:2])
    for i, j, channel in np.ndindex(image.shape):
        values[i, j] += float(image[i, j, channel]) * slopes[i, j, channel]
    return values


@pytest.mark.parametrize("score", ["logit", "probability", "contrast"])
def test_every_model(case, agree, score):
    expected = [replica(case.network, *each) for each in zip(case.images, case.cotangents(score), strict=True)]
    agree(case.attribute("input-x-gradient", score), np.stack(expected), 1e-4, "input-x-gradient")


def test_without_biases_it_adds_up_to_the_logit():
    """Euler: a ReLU network without biases is homogeneous of degree one, so that x . df/dx = f(x)."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((9, 8, 3)),
            layers.Conv2D(6, 3, activation="relu", use_bias=False),
            layers.MaxPooling2D(),
            layers.Conv2D(5, 2, activation="relu", use_bias=False),
            layers.Flatten(),
            layers.Dense(4, use_bias=False),
        ]
    )
    probe, images = Probe(model), np.random.default_rng(1).random((6, 9, 8, 3), np.float32)
    target = np.array([0, 1, 2, 3, 0, 1])
    maps = explainer("input-x-gradient")().attribute(probe, images, target).values
    logits = probe.logits(images)[np.arange(6), target]
    np.testing.assert_allclose(maps.sum(axis=(1, 2)), logits, rtol=0, atol=1e-5 * np.abs(maps).sum(axis=(1, 2)).max())
    assert np.abs(logits).max() > 0.01 * np.abs(maps).sum(axis=(1, 2)).max()


def test_second_witness_captum(case, agree):
    """InputXGradient of captum keeps the channels; its sum over them is ours."""
    torch = pytest.importorskip("torch", reason="torch is not installed: pip install -e '.[witness]'")
    attr = pytest.importorskip("captum.attr", reason="captum is not installed: pip install -e '.[witness]'")
    from tests.oracle.torch_port import describe, port, to_numpy, to_torch

    witness = attr.InputXGradient(port(describe(case.model), case.network.joins))
    images = to_torch(case.images).requires_grad_()
    maps = to_numpy(witness.attribute(images, target=torch.from_numpy(case.target))).sum(axis=-1)
    agree(case.attribute("input-x-gradient"), maps, 1e-5, "input-x-gradient, captum")

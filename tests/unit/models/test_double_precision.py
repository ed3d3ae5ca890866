"""The float64 copy of a model."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from workbench.attribution.methods import explainer
from workbench.core.errors import WorkbenchError
from workbench.models.double_precision import double_probe, relative_difference
from workbench.models.probe import Probe


def nested():
    keras.utils.set_random_seed(0)
    inner = keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            layers.Rescaling(1 / 127.5, -1),
            layers.Conv2D(4, 3, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.DepthwiseConv2D(3),
            layers.MaxPooling2D(),
        ]
    )
    image = keras.Input((12, 12, 3))
    x = layers.GlobalAveragePooling2D()(inner(image))
    return keras.Model(image, layers.Dense(3, activation="softmax")(x))


def test_its_scores_are_those_of_the_model_but_for_rounding():
    model = nested()
    probe = Probe(model)
    images = np.random.default_rng(0).random((3, 12, 12, 3), np.float32)
    double = double_probe(probe)
    values = double.logits(images)
    assert values.dtype == np.float64
    assert 0 < np.abs(values - probe.logits(images)).max() < 1e-4
    for name in ("grad-cam", "integrated-gradients"):
        given, checked = (explainer(name)().attribute(each, images, np.array([0, 1, 2])) for each in (probe, double))
        assert checked.values.dtype == np.float64
        assert relative_difference(given.values, checked.values) < 1e-4
    assert keras.config.floatx() == "float32"
    assert {weight.dtype for weight in model.weights} == {"float32"}


def test_a_wrong_map_is_off():
    right = np.array([[1.0, -2.0]])
    assert relative_difference(right, right) == 0
    assert relative_difference(np.array([[1.0, -1.0]]), right) == 0.5
    assert relative_difference(np.array([1e-9]), np.zeros(1)) == np.inf
    assert relative_difference(np.zeros(1), np.zeros(1)) == 0


class Own(keras.Model):
    def __init__(self, secret):
        super().__init__()
        self.dense = layers.Dense(secret)

    def call(self, images):
        return self.dense(keras.ops.reshape(images, (-1, 16)))


def test_a_model_that_cannot_be_built_again_is_told_in_a_sentence():
    model = Own(3)
    model(np.zeros((1, 4, 4, 1), np.float32))
    with pytest.raises(
        WorkbenchError, match="A float64 copy of this model cannot be made, so its maps cannot be checked"
    ):
        double_probe(Probe(model, (4, 4, 1)))

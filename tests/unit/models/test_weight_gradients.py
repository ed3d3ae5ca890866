"""Gradients of losses by the weights of models of several kinds, and losses along them."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from tests.own import own
from workbench.models.probe import Probe
from workbench.models.weight_gradients import changes_along, loss_gradient, trained_weights


def one_unit():
    keras.utils.set_random_seed(2)
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(3, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def model_of(name):
    return one_unit() if name == "one unit" else own(name).model


@pytest.mark.parametrize("name", ["one unit", "colour residual", "transformer"])
def test_the_loss_of_an_image_changes_along_its_gradient_by_its_squared_length(name):
    model = model_of(name)
    probe = Probe(model)
    before = [np.array(each.value) for each in model.weights]
    images = np.random.default_rng(0).random((3, *probe.image_shape)).astype(np.float32)
    labels = np.array([0, 1, 1])
    along = loss_gradient(probe, images[0], 0, before)
    found = changes_along(probe, images, labels, before, along)
    length = sum(float((each.astype(np.float64) ** 2).sum()) for each in along)
    assert length > 0 and found[0] == pytest.approx(length, rel=1e-3)

    # And as a small step of the weights says.
    step, places = 1e-3 / np.sqrt(length), trained_weights(probe)

    def losses(sign):
        moved = list(before)
        for place, slope in zip(places, along, strict=True):
            moved[place] = moved[place] + sign * step * slope
        model.set_weights(moved)
        logits = probe.logits(images).astype(np.float64)
        return np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(3), labels]

    differences = (losses(1) - losses(-1)) / (2 * step)
    model.set_weights(before)
    np.testing.assert_allclose(found, differences, rtol=0, atol=0.03 * np.abs(differences).max())


def test_frozen_weights_and_statistics_are_none_of_them():
    model = one_unit()
    model.layers[0].trainable = False
    names = [model.weights[place].path.rpartition("/")[2] for place in trained_weights(Probe(model))]
    assert names == ["gamma", "beta", "kernel", "bias"]

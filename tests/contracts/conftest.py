"""The small classifiers on which every attribution method is tried, and what compares their maps."""

from __future__ import annotations

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers

from workbench.explainers import explainer, explainers
from workbench.params import describe, make
from workbench.probe import Probe

SHAPE, CLASSES = (14, 16, 1), 3


def stack(last="softmax", classes=CLASSES):
    """Fresh layers of the same small classifier."""
    return [
        layers.Conv2D(4, 3, activation="relu", name="conv1"), layers.MaxPooling2D(name="pool"),
        layers.Conv2D(5, 2, activation="relu", name="conv2"), layers.Flatten(), layers.Dense(classes, activation=last),
    ]  # fmt: skip


def chain(tensor, parts):
    for part in parts:
        tensor = part(tensor)
    return tensor


def functional(shape=SHAPE, last="softmax", classes=CLASSES):
    image = keras.Input(shape)
    return keras.Model(image, chain(image, stack(last, classes)))


def seeded(model, seed=6):
    """Give a model weights from our own generator, so that models of one structure are equal."""
    chance = np.random.default_rng(seed)
    spreads = [(1.5 / np.sqrt(np.prod(w.shape[:-1]) + 4), w.shape) for w in model.get_weights()]
    model.set_weights([chance.normal(0, spread, shape) for spread, shape in spreads])
    return model


def quick(name, **params):
    """The method with as few changed copies of an image as it takes, to be quick."""
    few = {
        each.name: max(int(each.low or 0), 4)
        for each in describe(explainer(name))
        if each.kind is int and isinstance(each.default, int) and each.default > 10
    }
    return make(explainer(name), {**few, **params})


def same(values, expected, share=1e-5):
    """Assert that two sets of maps agree to a share of the largest value."""
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, expected, rtol=0, atol=share * np.abs(expected).max())


@pytest.fixture(scope="session")
def kit():
    """The functions above, for tests: pytest's files cannot import each other."""
    return SimpleNamespace(stack=stack, chain=chain, functional=functional, seeded=seeded, quick=quick, same=same)


@pytest.fixture(scope="session")
def images():
    return np.random.default_rng(1).integers(0, 256, (5, *SHAPE), np.uint8)


@pytest.fixture(scope="session")
def target():
    return np.array([0, 2, 1, 0, 2])


@pytest.fixture(scope="session")
def model():
    return seeded(functional())


@pytest.fixture(scope="session")
def probe(model):
    return Probe(model)


@pytest.fixture(scope="session")
def maps(probe, images, target):
    """The maps of each method, by name, computed once; none of them is flat."""
    found = {name: quick(name).attribute(probe, images, target).values for name in sorted(explainers())}
    assert all(values.std() > 0 for values in found.values())
    return found

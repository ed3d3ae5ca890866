"""The small classifiers on which every attribution method is tried, and what compares their maps."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers

from workbench.attribution.methods import explainer
from workbench.core.params import describe, make
from workbench.models import engine
from workbench.models.probe import Probe

SHAPE, CLASSES = (14, 16, 1), 3


def stack(last="softmax", classes=CLASSES):
    """Fresh layers of the same small classifier."""
    return [
        layers.Conv2D(4, 3, activation="relu", name="conv1"),
        layers.MaxPooling2D(name="pool"),
        layers.Conv2D(5, 2, activation="relu", name="conv2"),
        layers.Flatten(),
        layers.Dense(classes, activation=last),
    ]


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


@contextlib.contextmanager
def head(probe, change):
    """Change kernel and bias of the last layer for a while; what is compiled reads weights anew at each call."""
    *rest, kernel, bias = before = probe.model.get_weights()
    probe.model.set_weights([*rest, *change(kernel, bias)])
    try:
        yield
    finally:
        probe.model.set_weights(before)


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


class Made(dict):
    """Attributions by method, each made when it is first asked for; none of them is flat."""

    def __init__(self, attribute):
        super().__init__()
        self.attribute = attribute

    def __missing__(self, name):
        self[name] = self.attribute(name)
        assert self[name].values.std() > 0
        return self[name]


@pytest.fixture(scope="session")
def kit():
    """The functions above, for tests: pytest's files cannot import each other."""
    return SimpleNamespace(
        stack=stack, chain=chain, functional=functional, seeded=seeded, head=head, quick=quick, same=same
    )


@pytest.fixture(scope="module", autouse=True)
def _all_is_kept():
    """Of all methods on one probe nothing is traced twice."""
    before, engine.KEEP = engine.KEEP, 1000
    yield
    engine.KEEP = before


@pytest.fixture(scope="session")
def images():
    return np.random.default_rng(1).integers(0, 256, (5, *SHAPE), np.uint8)


@pytest.fixture(scope="session")
def background():
    """Images of a training part."""
    return np.random.default_rng(2).integers(0, 256, (3, *SHAPE), np.uint8)


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
def made(probe, images, target):
    """The attribution of each method, by name."""
    return Made(lambda name: quick(name).attribute(probe, images, target))

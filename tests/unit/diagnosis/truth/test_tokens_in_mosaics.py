"""The grid pointing game on a transformer that is trained in seconds: what raises a class lies in its cell."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.attribution.methods import explainer
from workbench.diagnosis.truth.maps.mosaic import mosaics
from workbench.diagnosis.truth.maps.networks import build, train
from workbench.diagnosis.truth.maps.peers import peers
from workbench.models.probe import Probe
from workbench.statistics.bootstrap import estimate

CLASSES, SIDE, COUNT = 6, 16, 40


def gratings(count, seed):
    """Stripes of six directions, at any phase, under noise: `(N, 16, 16, 1)` float32 and `(N,)` labels."""
    chance, (i, j) = np.random.default_rng(seed), np.mgrid[:SIDE, :SIDE]
    labels = np.arange(count) % CLASSES
    angle, phase = np.pi * labels / CLASSES, chance.uniform(0, 2 * np.pi, count)
    wave = np.cos(angle)[:, None, None] * i + np.sin(angle)[:, None, None] * j
    images = 0.5 + 0.35 * np.sin(1.6 * wave + phase[:, None, None]) + chance.normal(0, 0.08, wave.shape)
    return np.clip(images, 0, 1).astype(np.float32)[..., None], labels


@pytest.fixture(scope="module")
def world():
    """A network of single gratings, mosaics of four, the classes asked about, and their cells."""
    images, labels = gratings(720, 0)
    model = train("transformer", images, labels, classes=CLASSES, epochs=8, seed=0)
    seen, known = gratings(240, 1)
    right = Probe(model, given="unit").logits(seen).argmax(axis=1) == known
    assert right.mean() > 0.9
    made, target, evidence = mosaics(np.random.default_rng(2), seen[right], known[right], across=2, count=COUNT)
    large = build("transformer", made.shape[1:], CLASSES)
    large.set_weights(model.get_weights())
    return Probe(large, given="unit"), made, target, evidence


def shares(world, name):
    """Share of each map's positive mass that lies in the cell asked about, with its interval."""
    probe, made, target, evidence = world
    maps = explainer(name)().attribute(probe, made, target).at_pixels()
    assert (maps >= 0).all() and maps.any(axis=(1, 2)).all()
    return estimate((maps * evidence).sum(axis=(1, 2)) / maps.sum(axis=(1, 2)), within=(0.0, 1.0))


@pytest.mark.parametrize("name", ["gradient-rollout", "le-grad"])
def test_attention_that_raises_the_class_is_surely_in_its_cell_more_than_the_control(world, name):
    found, control = shares(world, name), shares(world, "random")
    assert control.low < 0.26 and control.high > 0.24
    assert found.low > control.high, (found, control)


def test_a_method_without_a_class_is_not(world):
    """Each class is asked about as often: one map for all of them has a quarter in the cell."""
    assert shares(world, "attention-rollout").low < 0.25 < shares(world, "attention-rollout").high + 0.02


def test_another_library_is_not_asked_for_maps_of_tokens(world):
    assert {name for name, _ in peers(*world[:2])} == {"saliency", "smooth-grad"}

"""Verdicts: random maps are judged random, good ones good, and blind methods blind."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import layers
from scipy.ndimage import gaussian_filter
from scipy.stats import kstest

from workbench.attribution.methods import explainer
from workbench.core.attribution import BELIEVED, BLIND, CHANCE, Attribution, Verdict
from workbench.faithfulness.verdict import CONTROLS, STEPS, controls, judge, percentile
from workbench.models.probe import Probe

SHAPE = (12, 12, 1)


@pytest.fixture(scope="module")
def probe():
    """A small network that is not linear, and is asked once for all that becomes of an image under 51 maps."""
    keras.utils.set_random_seed(1)
    made = Probe(
        keras.Sequential(
            [
                keras.Input(SHAPE),
                layers.Conv2D(6, 3, activation="relu"),
                layers.MaxPooling2D(),
                layers.Flatten(),
                layers.Dense(12, activation="relu"),
                layers.Dense(3),
            ]
        )
    )
    made.max_rows = 2 * (CONTROLS + 1) * (STEPS + 1)
    return made


def attribution(values, target, against=None):
    return Attribution(
        values.astype(np.float32),
        target=target,
        score="logit" if against is None else "contrast",
        signed=True,
        method="grad-cam",
        params={},
        layer=None,
        image_size=SHAPE[:2],
        against=against,
    )


MAPS = {
    "shuffled pixels": lambda chance: chance.permutation(np.linspace(0, 1, 144) ** 3).reshape(12, 12),
    "mostly zero": lambda chance: chance.random((12, 12)) * (chance.random((12, 12)) < 0.3),
    "smooth noise": lambda chance: gaussian_filter(chance.standard_normal((12, 12)), 1.5),
    "a coarse layer": lambda chance: chance.random((3, 3)),
    "a finer layer": lambda chance: chance.random((6, 6)),
}


@pytest.mark.parametrize("kind", MAPS)
def test_over_random_maps_the_percentile_is_uniform(probe, kind):
    """Kolmogorov-Smirnov on 500 images, whose objects and predictions differ."""
    chance = np.random.default_rng(7)
    images = chance.random((500, *SHAPE), np.float32)
    maps = np.stack([MAPS[kind](chance) for _ in range(500)])
    target = probe.logits(images).argmax(axis=1)
    found = judge(probe, images, attribution(maps, target))
    places = np.array([verdict.percentile for verdict in found])
    assert kstest(places / 100, "uniform").pvalue > 0.01
    assert 0.02 < np.mean([verdict.words == BELIEVED for verdict in found]) < 0.1


def test_on_a_linear_model_input_times_gradient_beats_all_controls():
    keras.utils.set_random_seed(2)
    probe = Probe(keras.Sequential([keras.Input(SHAPE), layers.Flatten(), layers.Dense(4)]))
    images = np.random.default_rng(0).random((8, *SHAPE), np.float32)
    target = probe.logits(images).argmax(axis=1)
    found = explainer("input-x-gradient")().attribute(probe, images, target)
    for verdict in judge(probe, images, found):
        assert verdict.percentile > 95
        assert verdict.words == BELIEVED
        assert verdict.controls == 50
    for verdict in judge(probe, images, replace(found, values=-found.values)):
        assert verdict.percentile < 5


def test_a_contrast_is_judged_by_what_moves_the_one_class_against_the_other():
    keras.utils.set_random_seed(2)
    probe = Probe(keras.Sequential([keras.Input(SHAPE), layers.Flatten(), layers.Dense(3)]))
    images = np.random.default_rng(0).random((4, *SHAPE), np.float32)
    kernel = probe.model.get_weights()[0]
    target, against = np.zeros(4, int), np.ones(4, int)
    shares = images[..., 0] * (kernel[:, 0] - kernel[:, 1]).reshape(12, 12)
    assert min(v.percentile for v in judge(probe, images, attribution(shares, target, against))) > 95


def test_one_image_is_judged_as_among_many_and_a_flat_map_is_chance(probe):
    images = np.random.default_rng(3).random((5, *SHAPE), np.float32)
    target = probe.logits(images).argmax(axis=1)
    found = explainer("saliency")().attribute(probe, images, target)
    together = judge(probe, images, found)
    alone = judge(probe, images[2:3], replace(found, values=found.values[2:3], target=target[2:3]))
    assert alone[0].percentile == pytest.approx(together[2].percentile, abs=2)  # one of 50 controls may be as good
    assert alone[0].faithfulness == pytest.approx(together[2].faithfulness, abs=1e-5)
    flat = judge(probe, images[:1], attribution(np.zeros((1, 12, 12)), target[:1]))[0]
    assert (flat.percentile, flat.words, flat.largest) == (50.0, CHANCE, 0.0)
    assert judge(probe, images[:0], attribution(np.zeros((0, 12, 12)), target[:0])) == ()


def test_controls_have_the_map_s_values_and_its_smoothness():
    chance = np.random.default_rng(0)

    def roughness(maps):
        return np.abs(np.diff(maps, axis=-1)).mean()

    smooth = gaussian_filter(chance.standard_normal((28, 28)), 3)
    rough = chance.standard_normal((28, 28))
    for values in (smooth, rough, np.maximum(smooth, 0)):
        drawn = controls(values, 50, 0)
        for each in drawn:
            np.testing.assert_array_equal(np.sort(each, axis=None), np.sort(values, axis=None))
        assert 0.6 < roughness(drawn) / roughness(values) < 1.6
        assert (controls(values, 50, 1) != drawn).any()
        correlations = [np.corrcoef(values.ravel(), each.ravel())[0, 1] for each in drawn]
        assert abs(np.mean(correlations)) < 0.25


def test_a_percentile_counts_ties_half():
    assert percentile(2.0, np.array([1.0, 2.0, 2.0, 3.0])) == 50
    assert percentile(0.5, np.array([0.1, 0.2])) == 100


def test_the_words():
    good = Verdict(faithfulness=0.3, percentile=98.0, controls=50, largest=1.2)
    assert good.words == BELIEVED
    assert good.sentence == "better than chance (beats 98 % of 50)"
    assert replace(good, percentile=94.0).words == CHANCE
    assert replace(good, largest=0.0).words == CHANCE
    blind = replace(good, randomised=0.8, blind=True)
    assert blind.words == BLIND
    assert blind.sentence == "does not depend on the weights (similarity 0.80)"

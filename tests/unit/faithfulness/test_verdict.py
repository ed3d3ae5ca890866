"""Verdicts: maps on the evidence are believed, random ones are not, and blind methods are blind."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import layers
from scipy.ndimage import gaussian_filter
from scipy.stats import kstest

from tests.verdicts import verdict
from workbench.attribution.methods import explainer
from workbench.core.attribution import BELIEVED, BESIDE, BLIND, PARTLY, UNTOLD, Attribution
from workbench.faithfulness.reliability import EDGES, measured, place, reliability
from workbench.faithfulness.verdict import controls, judge, percentile
from workbench.models.probe import Probe

SHAPE = (12, 12, 1)


@pytest.fixture(scope="module")
def probe():
    """A small network that is not linear."""
    keras.utils.set_random_seed(1)
    return Probe(
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
    """Kolmogorov-Smirnov on 300 images, whose predictions differ."""
    chance = np.random.default_rng(7)
    images = chance.random((300, *SHAPE), np.float32)
    maps = np.stack([MAPS[kind](chance) for _ in range(300)])
    target = probe.logits(images).argmax(axis=1)
    found = [verdict for verdict in judge(probe, images, attribution(maps, target)) if not np.isnan(verdict.share)]
    assert len(found) > 250
    places = np.array([verdict.percentile for verdict in found])
    assert kstest(places / 100, "uniform").pvalue > 0.01
    assert 0.01 < np.mean([verdict.beats_chance for verdict in found]) < 0.1
    assert np.mean([verdict.words == BELIEVED for verdict in found]) < 0.03


def corner():
    """A linear model whose first class looks at the left upper quarter alone, its second at the right lower one."""
    probe = Probe(keras.Sequential([keras.Input(SHAPE), layers.Flatten(), layers.Dense(3, use_bias=False)]))
    kernel = np.zeros((12, 12, 3))
    kernel[:6, :6, 0], kernel[6:, 6:, 1] = 1.0, 1.0
    probe.model.set_weights([kernel.reshape(144, 3)])
    images = np.full((3, *SHAPE), 0.1, np.float32)
    images[:, 1:5, 1:5] = images[:, 7:11, 7:11] = 0.9
    return probe, images


def box(down, right):
    values = np.zeros((3, 12, 12))
    values[:, down : down + 4, right : right + 4] = 1.0
    return values


def test_a_map_where_hiding_costs_the_score_is_believed_and_one_beside_it_is_not():
    probe, images = corner()
    own, other = np.zeros(3, int), np.ones(3, int)
    for values, target, word in (
        (box(1, 1), own, BELIEVED),
        (box(7, 7), own, BESIDE),
        (box(7, 7), other, BELIEVED),
        (box(1, 1), other, BESIDE),
    ):
        for found in judge(probe, images, attribution(values, target)):
            assert found.words == word
            assert (found.share > 0.9) == (word == BELIEVED)
            assert found.beats_chance == (word == BELIEVED)
            assert 0.05 < found.share - found.excess < 0.4  # the share of an even map
            assert found.agreement > 0.8 and found.controls == 50


def test_a_contrast_is_judged_by_what_moves_the_one_class_against_the_other():
    probe, images = corner()
    target, against = np.zeros(3, int), np.ones(3, int)
    assert judge(probe, images, attribution(box(1, 1), target, against))[0].words == BELIEVED
    assert judge(probe, images, attribution(box(7, 7), target, against))[0].words == BESIDE
    assert judge(probe, images, attribution(box(7, 7), against, target))[0].words == BELIEVED


def test_one_image_is_judged_as_among_many(probe):
    images = np.random.default_rng(3).random((5, *SHAPE), np.float32)
    target = probe.logits(images).argmax(axis=1)
    found = explainer("saliency")().attribute(probe, images, target)
    together = judge(probe, images, found)
    fresh = Probe(probe.model)  # which has nothing kept
    alone = judge(fresh, images[2:3], replace(found, values=found.values[2:3], target=target[2:3]))
    assert alone[0].percentile == pytest.approx(together[2].percentile, abs=2)  # one of 50 controls may be as good
    assert alone[0].share == pytest.approx(together[2].share, abs=1e-5)
    assert judge(probe, images[:0], attribution(np.zeros((0, 12, 12)), target[:0])) == ()


def test_where_nothing_can_be_told_it_says_why():
    probe, images = corner()
    third = np.full(3, 2)  # a class that looks at nothing
    flat, *_ = judge(probe, images, attribution(np.zeros((3, 12, 12)), np.zeros(3, int)))
    assert (flat.words, flat.untold, flat.largest) == (UNTOLD, "the map is empty", 0.0)
    against, *_ = judge(probe, images, attribution(-box(1, 1), np.zeros(3, int)))
    assert against.untold == "the map has no positive values"
    deaf, *_ = judge(probe, images, attribution(box(1, 1), third))
    assert deaf.untold == "hiding no part of the image lowers the score"
    assert np.isnan([flat.reliability.value, against.excess, deaf.percentile]).all()
    assert None in flat.record.values() and "nan" not in repr(flat.record)


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


def test_the_words_follow_the_measured_numbers():
    assert verdict(0.9).words == BELIEVED
    assert verdict(0.9).sentence == "on the evidence (such maps: 90 % right)"
    assert verdict(0.79).words == verdict(0.21).words == PARTLY
    assert verdict(0.1).words == BESIDE
    assert verdict(untold="the map is empty").sentence == "cannot be told: the map is empty"
    assert not verdict(percentile=94.0).beats_chance
    blind = verdict(0.9, randomised=0.8, blind=True)
    assert blind.words == BLIND
    assert blind.sentence == "does not depend on the weights (similarity 0.80)"


def test_what_an_excess_share_is_worth_is_what_was_measured():
    rows = measured()["ranges"]
    assert [row["excess_from"] for row in rows] == list(EDGES[:-1])
    assert [place(each) for each in (-1.0, 0.049, 0.05, 0.549, 0.55, 1.0)] == [0, 0, 1, 5, 6, 6]
    for row in rows:
        assert row["low"] <= row["share"] <= row["high"] and row["maps"] >= 100
        middle = (row["excess_from"] + row["excess_to"]) / 2
        assert tuple(reliability(middle)) == (row["share"], row["low"], row["high"])
    shares = [row["share"] for row in rows]
    assert shares == sorted(shares)  # more of it on the evidence is never worth less
    assert np.isnan(reliability(float("nan")).value)

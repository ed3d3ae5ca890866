"""Identities of the measures on models and maps where the answer is known beforehand."""

from __future__ import annotations

from math import exp, log
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from keras import layers

from workbench.attribution.methods import explainer
from workbench.core.attribution import Attribution
from workbench.core.errors import WorkbenchError
from workbench.core.params import make
from workbench.faithfulness.curves import order_of
from workbench.faithfulness.imputation import impute
from workbench.faithfulness.masking import mask_images
from workbench.faithfulness.measure import Subject
from workbench.faithfulness.measures import measure
from workbench.faithfulness.scoring import log_odds
from workbench.models.probe import Probe

SHAPE, CLASSES = (6, 5, 3), 3
seeds = st.integers(0, 10_000)
few = settings(max_examples=15, deadline=None)  # each asks a network; deadlines would time the machine


def linear_probe(kernel, bias=None):
    """f = W x + b of a kernel (H, W, C, K)."""
    *shape, classes = kernel.shape
    model = keras.Sequential([keras.Input(shape), layers.Flatten(), layers.Dense(classes)])
    model.set_weights([kernel.reshape(-1, classes), np.zeros(classes) if bias is None else np.array(bias)])
    return Probe(model)


def subject(probe, images, values, target=None, method="occlusion", against=None, **params):
    """`values` as the maps that `method` is said to have made."""
    target = np.zeros(len(images), np.int64) if target is None else np.asarray(target, np.int64)
    made, score = make(explainer(method), params), "logit" if against is None else "contrast"
    values, images = np.asarray(values, np.float32), np.asarray(images, np.float32)
    size = probe.image_shape[:2]
    return Subject(
        probe=probe,
        images=images,
        attribution=Attribution(
            values,
            target=target,
            score=score,
            signed=True,
            method=method,
            params={},
            layer=None,
            image_size=size,
            against=against,
        ),
        method=made,
    )


def measured(name, given_, **params):
    return make(measure(name), params).values(given_)


@pytest.fixture(scope="module")
def kernel():
    return np.random.default_rng(0).normal(size=(*SHAPE, CLASSES)).astype(np.float32)


@pytest.fixture(scope="module")
def linear(kernel):
    return linear_probe(kernel, [0.5, -1, 0])


@pytest.fixture(scope="module")
def any_probe():
    """A small network with ReLU, for images of 5 x 4 pixels."""
    keras.utils.set_random_seed(1)
    return Probe(
        keras.Sequential(
            [
                keras.Input((5, 4, 1)),
                layers.Conv2D(6, 3, activation="relu", bias_initializer="random_normal"),
                layers.Flatten(),
                layers.Dense(2),
            ]
        )
    )


def pictures(count, seed, shape=SHAPE):
    return np.random.default_rng(seed).random((count, *shape), np.float32)


def slopes(kernel, target):
    """(N, H, W, C): the weights of each image's class."""
    return np.moveaxis(kernel[..., target], -1, 0)


@few
@given(seeds, st.sampled_from(["black", "grey", "mean"]), st.booleans())
def test_of_a_linear_model_gradient_and_shares_are_never_unfaithful(linear, kernel, seed, reference, scaled):
    """Infidelity 0 of the gradient under patches and noise, and of weight x difference under patches."""
    x, target = pictures(2, seed), [0, 2]
    gradient = slopes(kernel, target).sum(axis=-1)
    start = np.broadcast_to({"black": 0, "grey": 0.5, "mean": x.mean(axis=(1, 2), keepdims=True)}[reference], x.shape)
    shares = (slopes(kernel, target) * (x - start)).sum(axis=-1)
    params = {"seed": seed, "samples": 20, "scaled": scaled, "reference": reference}
    slope, share = subject(linear, x, gradient, target, "smooth-grad"), subject(linear, x, shares, target)
    for found in (
        measured("infidelity", slope, **params),
        measured("infidelity", slope, disturb="noise", **params),
        measured("infidelity", share, **params),
    ):
        np.testing.assert_allclose(found, 0, atol=1e-9)
    chance = np.random.default_rng(seed).normal(size=gradient.shape)
    assert (measured("infidelity", subject(linear, x, chance, target), **params) > 1e-3).all()


@few
@given(seeds, st.sampled_from([-3.0, 0.01, 50.0]))
def test_scaled_infidelity_knows_no_unit(linear, seed, factor):
    x, values = pictures(2, seed), np.random.default_rng(seed).normal(size=(2, *SHAPE[:2]))
    one, other = (measured("infidelity", subject(linear, x, k * values), samples=20) for k in (1, factor))
    np.testing.assert_allclose(one, other, rtol=1e-4)
    assert (measured("infidelity", subject(linear, x, values), samples=20, scaled=False) > one).all()


@few
@given(seeds, st.sampled_from(["pearson", "spearman"]), st.sampled_from([None, 2, 3]))
def test_of_a_linear_model_shares_correlate_fully(linear, kernel, seed, correlation, cells):
    x, target = pictures(2, seed), [1, 0]
    shares = (slopes(kernel, target) * x).sum(axis=-1)
    params = {"correlation": correlation, "cells": cells, "samples": 30, "seed": seed, "share": 0.3}
    for sign in (1, -1):
        found = measured("mu-fidelity", subject(linear, x, sign * 5 * shares, target), **params)
        np.testing.assert_allclose(found, sign, atol=2e-3 if correlation == "spearman" else 1e-6)


def test_mu_fidelity_of_what_never_changes_is_not_defined(linear, kernel):
    x, some = pictures(2, 0), np.random.default_rng(0).normal(size=(2, *SHAPE[:2]))
    assert np.isnan(measured("mu-fidelity", subject(linear, x, np.full(some.shape, 0.3)))).all()
    assert np.isnan(measured("mu-fidelity", subject(linear, x, np.zeros(some.shape)))).all()
    for slope in (0, 1e-8):  # the smaller one is lost in the rounding of a score of 7
        blind = linear_probe(slope * kernel, [7, 0, 0])
        assert np.isnan(measured("mu-fidelity", subject(blind, x, some))).all()
    nearly = np.where(some > 0, np.float32(0.3), np.nextafter(np.float32(0.3), np.float32(1)))
    assert np.isnan(measured("mu-fidelity", subject(linear, x, nearly))).all()
    assert np.isfinite(measured("mu-fidelity", subject(linear, x, some))).all()


def test_large_images_are_taken_apart_by_cells_and_small_ones_by_pixels():
    kind = measure("mu-fidelity")()
    assert len(np.unique(kind.cell_numbers(28, 31))) == 28 * 31
    sizes = np.bincount(kind.cell_numbers(224, 96).ravel())
    assert len(sizes) == 49
    assert sizes.min() == 32 * 13 and sizes.max() == 32 * 14
    assert len(np.unique(measure("mu-fidelity")(cells=5).cell_numbers(28, 3))) == 5 * 3


@given(st.integers(1, 60), st.integers(0, 59), st.floats(0.1, 100))
def test_gini_and_entropy_of_one_pixel_and_of_a_flat_map(count, at, value):
    """(n - 1) / n and 0; 0 and ln n; and the sign does not matter."""
    assume(at < count)
    one, flat = np.zeros((1, 1, count)), np.full((1, 1, count), -value)
    one[0, 0, at] = value
    probe = SimpleNamespace(image_shape=(1, count, 1), sigmoid=False)  # the model plays no part
    images = np.zeros((1, 1, count, 1))
    for name, of_one, of_flat in (
        ("sparseness", (count - 1) / count, 0),
        ("complexity", 0, log(count)),
        ("effective-complexity", 1, count),
    ):
        assert measured(name, subject(probe, images, one))[0] == pytest.approx(of_one, abs=1e-12)
        assert measured(name, subject(probe, images, flat))[0] == pytest.approx(of_flat, abs=1e-9)


@pytest.mark.parametrize("name", ["sparseness", "complexity", "effective-complexity", "relevance-mass"])
def test_an_empty_map_has_no_shape(linear, name):
    x = pictures(2, 1)
    x[:, [0, -1]] = x[:, :, [0, -1]] = 0
    values = np.ones((2, *SHAPE[:2]))
    values[0] = 0
    found = measured(name, subject(linear, x, values))
    assert np.isnan(found[0]) and np.isfinite(found[1])


def test_relevance_mass_of_a_flat_map_is_the_objects_share_of_the_area(linear):
    x = np.zeros((3, *SHAPE))
    x[0, 1:5, 1:4] = x[1, 2:4, 2:4] = 0.8
    x[2] = np.random.default_rng(0).random(SHAPE)  # no plain background
    found = measured("relevance-mass", subject(linear, x, np.full((3, *SHAPE[:2]), -2)))
    np.testing.assert_allclose(found, [12 / 30, 4 / 30, np.nan])
    with pytest.raises(WorkbenchError, match=r"needs objects on a plain background\. None of these images shows one"):
        measured("relevance-mass", subject(linear, x[2:], np.ones((1, *SHAPE[:2]))))


def test_a_map_that_is_the_image_keeps_it_and_a_flat_one_shows_black():
    """p of class 0 is 3/4, and 1/2 of a black image: a third is lost."""
    weights = np.zeros((2, 2, 1, 2))
    weights[0, 0, 0, 0] = log(3)
    probe = linear_probe(weights)
    image = np.array([[1.0, 0.5], [0.2, 0]]).reshape(1, 2, 2, 1)
    for values, drop in ((image[..., 0], 0), (-image[..., 0], 100 / 3), (np.full((1, 2, 2), 5), 100 / 3)):
        given_ = subject(probe, image, values)
        assert measured("average-drop", given_)[0] == pytest.approx(drop, abs=1e-4)
        assert measured("average-gain", given_)[0] == 0
        assert measured("average-increase", given_)[0] == 0
    away = subject(probe, image, -image[..., 0], target=[1])  # p of class 1 rises from 1/4 to 1/2
    assert measured("average-drop", away)[0] == 0
    assert measured("average-gain", away)[0] == pytest.approx(100 / 3, abs=1e-4)
    assert measured("average-increase", away)[0] == 100


def test_a_map_is_stretched_to_the_whole_range_and_a_flat_one_is_not_divided_by_zero():
    maps = np.array([[[2, 4], [3, 2]], [[-1, -1], [-1, -1]], [[0, 0], [0, 0]]], np.float32)
    shown = mask_images(maps, np.ones((3, 2, 2, 1), np.float32))[..., 0]
    np.testing.assert_array_equal(shown, [[[0, 1], [0.5, 0]], np.zeros((2, 2)), np.zeros((2, 2))])


def test_where_the_model_is_sure_the_gain_is_still_exact():
    """Log-odds rise from 30 to 40: in float32 both probabilities are 1."""
    weights = np.zeros((1, 2, 1, 2))
    weights[0, :, 0, 0] = 40, -10
    probe = linear_probe(weights)
    rising = subject(probe, np.ones((1, 1, 2, 1)), [[[1, 0]]])
    assert measured("average-gain", rising)[0] == pytest.approx(100 * (1 - exp(-10)), rel=1e-6)
    assert measured("average-increase", rising)[0] == 100
    hopeless = subject(linear_probe(400 * weights), np.ones((1, 1, 2, 1)), [[[1, 0]]], target=[1])
    assert measured("average-drop", hopeless)[0] == pytest.approx(100)  # of a probability of exp(-12000)


@few
@given(seeds)
def test_odds_of_a_contrast_are_those_of_two_classes(linear, seed):
    x = pictures(3, seed)
    logits = linear.logits(x)
    target, against = np.array([0, 1, 2]), np.array([2, 0, 0])
    given_ = subject(linear, x, np.zeros((3, *SHAPE[:2])), target, against=against)
    expected = logits[range(3), target] - logits[range(3), against]
    np.testing.assert_allclose(log_odds(given_, x[:, None])[:, 0], expected, rtol=1e-5)
    np.testing.assert_allclose(log_odds(given_, np.stack([x[1:]] * 2, axis=1), 1)[:, 1], expected[1:], rtol=1e-5)


FIRST, LAST = (0.75 / 2 + 3 * 0.5 + 0.5 / 2) / 4, (0.75 / 2 + 3 * 0.75 + 0.5 / 2) / 4


@pytest.mark.parametrize(("values", "area"), [([4, 3, 2, 1], FIRST), ([1, 2, 3, 4], LAST)])
def test_deletion_by_hand(values, area):
    """One of four pixels makes p 3/4, without it p is 1/2."""
    weights = np.zeros((2, 2, 1, 2))
    weights[0, 0, 0, 0] = log(3)
    given_ = subject(linear_probe(weights), np.ones((1, 2, 2, 1)), np.reshape(values, (1, 2, 2)))
    assert measured("deletion", given_, steps=4)[0] == pytest.approx(area, abs=1e-6)


def test_insertion_by_hand():
    """Blurred over two pixels with sigma 2, a white pixel keeps a² of its brightness."""
    weights = np.zeros((2, 2, 1, 2))
    weights[0, 0, 0, 0] = log(3)
    image = np.zeros((1, 2, 2, 1))
    image[0, 0, 0] = 1
    kept = (1 / (1 + exp(-1 / 8))) ** 2
    start = 1 / (1 + 3**-kept)
    given_ = subject(linear_probe(weights), image, [[[9, 1], [2, 3]]])
    found = measured("insertion", given_, steps=4, blur=1)[0]
    assert found == pytest.approx((start / 2 + 3 * 0.75 + 0.75 / 2) / 4, abs=1e-6)


def test_a_saturated_model_loses_nothing_until_the_last_pixel():
    """p = 1 while a pixel is left, 1/2 without: deletion (T - 1/2 + 1/4) / T, insertion into a blur always 1."""
    probe = linear_probe(np.stack([np.full((2, 2, 1), 400.0), np.zeros((2, 2, 1))], axis=-1))
    given_ = subject(probe, np.ones((1, 2, 2, 1)), [[[1, 2], [3, 4]]])
    assert measured("deletion", given_, steps=4)[0] == pytest.approx((4 - 0.5 + 0.25) / 4)
    assert measured("insertion", given_, steps=4)[0] == pytest.approx(1)


def test_only_the_objects_pixels_go():
    """What lies on the background changes nothing within the object, and all of it where everything goes."""
    weights = np.zeros((6, 5, 3, 2))
    weights[0, 0, :, 0] = 10  # a corner of the background
    probe, x = linear_probe(weights), np.zeros((1, *SHAPE))
    x[0, 1:5, 1:4] = 0.8
    given_ = subject(probe, x, np.ones((1, *SHAPE[:2])))
    assert measured("deletion", given_, within="object", reference="white")[0] == pytest.approx(0.5)
    assert measured("deletion", given_, reference="white")[0] > 0.6


@few
@given(seeds)
def test_equal_values_come_in_an_order_that_the_seed_draws(seed):
    flat = np.array([[[1, 1, 1], [2, 2, 0]]], np.float32)
    ranks = order_of(flat, np.ones(flat.shape, bool), seed)[0]
    assert set(ranks[1, :2].tolist()) == {0, 1} and ranks[1, 2] == 5
    found = {order_of(flat, np.ones(flat.shape, bool), other).tobytes() for other in range(40)}
    assert len(found) == 2 * 6


def test_the_measures_follow_that_order(any_probe):
    """Of flat maps the number depends on the seed, of others it does not."""
    x = pictures(1, 3, (5, 4, 1))
    for name in ("deletion", "insertion", "road"):
        extra = {"noise": 0.0} if name == "road" else {}
        for values, moves in ((np.zeros((1, 5, 4)), True), (np.arange(20.0).reshape(1, 5, 4), False)):
            found = [measured(name, subject(any_probe, x, values), seed=seed, **extra)[0] for seed in (0, 1)]
            assert (abs(found[0] - found[1]) > 1e-6) == moves


@few
@given(st.integers(4, 9), st.integers(4, 9), seeds)
def test_a_linear_ramp_is_imputed_exactly_inside(height, width, seed):
    """And a flat image everywhere, also at the border."""
    chance = np.random.default_rng(seed)
    i, j = np.mgrid[:height, :width]
    a, b, c = chance.normal(size=3)
    removed = chance.random((height, width)) < 0.7
    removed[0, 0] = False
    ramp = np.stack([a * i + b * j + c, c - a * j], axis=-1)
    inside = removed.copy()
    inside[[0, -1]] = inside[:, [0, -1]] = False
    np.testing.assert_allclose(impute(ramp, inside), ramp, atol=1e-9)
    np.testing.assert_allclose(impute(np.full(ramp.shape, c), removed), c, atol=1e-9)


def test_imputation_by_hand():
    image = np.arange(9.0).reshape(3, 3, 1)
    corner, none = np.zeros((3, 3), bool), np.zeros((3, 3), bool)
    corner[0, 0] = True
    assert impute(image, corner)[0, 0, 0] == pytest.approx((1 / 6 + 3 / 6 + 4 / 12) / (1 / 6 + 1 / 6 + 1 / 12))
    np.testing.assert_array_equal(impute(image, none), image)
    only_one_left = ~corner
    np.testing.assert_allclose(impute(image + 5, only_one_left), 5)
    line = impute(np.array([0.0, 9, 9, 9, 8]).reshape(1, 5, 1), np.array([[False, True, True, True, False]]))
    np.testing.assert_allclose(line.ravel(), [0, 2, 4, 6, 8], atol=1e-12)


@few
@given(seeds)
def test_what_is_imputed_lies_between_what_is_known(seed):
    chance = np.random.default_rng(seed)
    image, removed = chance.normal(size=(7, 6, 2)), chance.random((7, 6)) < 0.8
    removed[3, 3] = False
    filled = impute(image, removed)
    known = image[~removed]
    assert (filled >= known.min(axis=0) - 1e-9).all() and (filled <= known.max(axis=0) + 1e-9).all()
    np.testing.assert_array_equal(filled[~removed], known)


def test_road_of_a_map_turned_round_is_its_negative(any_probe):
    x, values = pictures(4, 5, (5, 4, 1)), np.random.default_rng(2).normal(size=(4, 5, 4))
    one, other = (measured("road", subject(any_probe, x, sign * values), noise=0) for sign in (1, -1))
    np.testing.assert_allclose(one, -other, atol=1e-6)
    assert np.abs(one).max() > 0.01


@pytest.mark.parametrize("wrong", [(0,), (20, 100), ()])
def test_road_takes_percentages_only(wrong):
    with pytest.raises(WorkbenchError, match="`percentages`"):
        make(measure("road"), {"percentages": wrong})


@few
@given(seeds)
def test_the_gradient_of_a_linear_model_is_not_sensitive(linear, seed):
    x, target = pictures(2, seed), np.array([2, 0])
    for name in ("saliency", "smooth-grad"):
        params = {"samples": 3} if name == "smooth-grad" else {}
        values = make(explainer(name), params).attribute(linear, x, target).values
        found = measured("max-sensitivity", subject(linear, x, values, target, name, **params), samples=3, seed=seed)
        np.testing.assert_allclose(found, 0, atol=1e-5)


def test_a_change_that_changes_the_prediction_does_not_count_and_one_must_be_left():
    """Two equal logits but for a trace: about half of the changes tip them."""
    weights = np.zeros((*SHAPE, 2))
    weights[..., 0] = 1
    probe, x = linear_probe(weights, [-45.0 + 1e-3, 0]), np.full((1, *SHAPE), 0.5)
    values = explainer("input-x-gradient")().attribute(probe, x.astype(np.float32), np.zeros(1, int)).values
    given_ = subject(probe, x, values, method="input-x-gradient")
    found, tipped = [], []
    for seed in range(8):
        kind = make(measure("max-sensitivity"), {"samples": 1, "seed": seed})
        found.append(kind.values(given_)[0])
        tipped.append(kind.changes(SHAPE).sum() < -1e-3)
    assert 0 < sum(tipped) < 8
    np.testing.assert_array_equal(np.isnan(found), tipped)


def test_an_empty_map_has_no_sensitivity(linear):
    zeros = subject(linear, pictures(2, 0), np.zeros((2, *SHAPE[:2])))
    assert np.isnan(measured("max-sensitivity", zeros, samples=2)).all()


def test_of_a_linear_model_the_shares_are_complete(linear, kernel):
    x = pictures(3, 4)
    shares = (slopes(kernel, [0, 0, 0]) * (x - 0.5)).sum(axis=-1)
    np.testing.assert_allclose(measured("completeness-gap", subject(linear, x, shares, reference="grey")), 0, atol=1e-5)
    np.testing.assert_allclose(
        measured("completeness-gap", subject(linear, x, shares + 0.1, reference="grey")), 3, rtol=1e-5
    )
    with pytest.raises(WorkbenchError, match="Saliency has no reference image"):
        measured("completeness-gap", subject(linear, x, shares, method="saliency"))


def test_noise_needs_a_map_that_is_like_a_gradient(linear):
    given_ = subject(linear, pictures(1, 0), np.ones((1, *SHAPE[:2])))
    with pytest.raises(WorkbenchError, match="Occlusion shows contributions: use patches"):
        measured("infidelity", given_, disturb="noise")

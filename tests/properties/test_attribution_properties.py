"""Identities of the attribution methods on models where the answer is known beforehand."""

from __future__ import annotations

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from keras import layers

from workbench.attribution.methods import explainer
from workbench.attribution.patches import sliding_patches
from workbench.core.attribution import Attribution
from workbench.data.blur import blur_images
from workbench.models.probe import Probe

SHAPE, CLASSES = (6, 5, 2), 3
seeds = st.integers(0, 10_000)
targets = st.lists(st.integers(0, CLASSES - 1), min_size=1, max_size=4)
references = st.sampled_from(["black", "grey", "white"])
FILL = {"black": 0.0, "grey": 0.5, "white": 1.0}
few = settings(max_examples=25, deadline=None)  # each asks a network; deadlines would time the machine


@pytest.fixture(scope="module")
def linear():
    """f = W x + b: a probe, and W as (H, W, C, K)."""
    model = keras.Sequential([keras.Input(SHAPE), layers.Flatten(), layers.Dense(CLASSES)])
    chance = np.random.default_rng(0)
    kernel, bias = chance.normal(size=(60, CLASSES)).astype(np.float32), np.array([0.5, -1, 0], np.float32)
    model.set_weights([kernel, bias])
    return Probe(model), kernel.reshape(*SHAPE, CLASSES)


@pytest.fixture(scope="module")
def bent():
    """A small convolutional network with ReLU and softmax."""
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.Conv2D(6, 3, activation="relu", bias_initializer="random_normal"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(CLASSES, activation="softmax", bias_initializer="random_normal"),
        ]
    )
    return Probe(model)


@pytest.fixture(scope="module")
def shifted(bent):
    """The same with 4 added to every logit."""
    model = keras.models.clone_model(bent.model)
    *rest, bias = bent.model.get_weights()
    model.set_weights([*rest, bias + np.float32(4)])
    return Probe(model)


def images(count, seed):
    return np.random.default_rng(seed).random((count, *SHAPE), np.float32)


def weights(kernel, target):
    """(N, H, W, C): the weights of each image's class."""
    return np.moveaxis(kernel[..., target], -1, 0)


@few
@given(targets, seeds)
def test_saliency_of_a_linear_model_is_the_largest_absolute_weight(linear, target, seed):
    probe, kernel = linear
    given_ = explainer("saliency")().attribute(probe, images(len(target), seed), np.array(target))
    np.testing.assert_allclose(given_.values, np.abs(weights(kernel, target)).max(axis=-1), rtol=1e-5)


@few
@given(targets, seeds, st.sampled_from([0, 7, 123]))
def test_smooth_grad_of_a_linear_model_is_its_gradient_whatever_the_noise(linear, target, seed, of_the_noise):
    probe, kernel = linear
    method = explainer("smooth-grad")(samples=3, noise=0.5, seed=of_the_noise)
    given_ = method.attribute(probe, images(len(target), seed), np.array(target))
    np.testing.assert_allclose(given_.values, weights(kernel, target).sum(axis=-1), atol=1e-5)


@few
@given(targets, seeds, st.sampled_from([0, 7, 123]))
def test_of_a_linear_model_the_gradient_s_mean_square_is_its_square_and_its_variance_nothing(
    linear, target, seed, of_the_noise
):
    probe, kernel = linear
    draws, x = {"samples": 3, "noise": 0.5, "seed": of_the_noise}, images(len(target), seed)
    squares = explainer("square-grad")(**draws).attribute(probe, x, np.array(target)).values
    variances = explainer("var-grad")(**draws).attribute(probe, x, np.array(target)).values
    np.testing.assert_allclose(squares, (weights(kernel, target) ** 2).sum(axis=-1), rtol=1e-5)
    assert variances.max() < 1e-10 * squares.max()


@few
@given(targets, seeds)
def test_of_a_linear_model_input_times_gradient_adds_up_to_the_score_less_its_bias(linear, target, seed):
    probe, kernel = linear
    x = images(len(target), seed)
    values = explainer("input-x-gradient")().attribute(probe, x, np.array(target)).values
    np.testing.assert_allclose(values, (weights(kernel, target) * x).sum(axis=-1), atol=1e-5)
    scores = probe.logits(x)[np.arange(len(target)), target] - np.array([0.5, -1, 0])[target]
    np.testing.assert_allclose(values.sum(axis=(1, 2)), scores, atol=1e-4)


@few
@given(targets, seeds, st.sampled_from([0, 5]))
def test_the_control_knows_the_image_and_the_seed_and_nothing_else(linear, bent, target, seed, own):
    x, method = images(len(target), seed), explainer("random")(seed=own)
    values = method.attribute(linear[0], x, np.array(target)).values
    assert values.min() >= 0 and values.max() < 1
    other = method.attribute(bent, x[::-1], np.array(target)).values  # another model, another order, other classes
    np.testing.assert_array_equal(values, other[::-1])
    assert len({map_.tobytes() for map_ in values}) == len(target)
    moved = x.copy()
    moved[0, 2, 3, 1] = (moved[0, 2, 3, 1] + 0.5) % 1
    assert (method.attribute(linear[0], moved, np.array(target)).values[0] != values[0]).mean() > 0.9


@few
@given(targets, seeds)
def test_behind_one_relu_and_a_kernel_without_negative_weights_guided_is_between_nothing_and_the_deconvnet(
    bent, target, seed
):
    x = images(len(target), seed)
    before = bent.model.get_weights()
    bent.model.set_weights([np.abs(before[0]), *before[1:]])
    try:
        guided, deconvnet = (
            explainer(name)().attribute(bent, x, np.array(target)).values for name in ("guided-backprop", "deconvnet")
        )
    finally:
        bent.model.set_weights(before)
    assert guided.min() >= 0
    assert (deconvnet - guided).min() >= -1e-6


@few
@given(targets, seeds, references)
def test_of_a_linear_model_integrated_gradients_and_occlusion_of_one_pixel_are_weight_times_difference(
    linear, target, seed, reference
):
    probe, kernel = linear
    x = images(len(target), seed)
    expected = (weights(kernel, target) * (x - FILL[reference])).sum(axis=-1)
    for method in (
        explainer("integrated-gradients")(steps=2, reference=reference),
        explainer("occlusion")(size=1, stride=1, reference=reference),
    ):
        np.testing.assert_allclose(method.attribute(probe, x, np.array(target)).values, expected, atol=2e-5)


@few
@given(targets, seeds, references, st.sampled_from(["logit", "probability", "contrast"]))
def test_integrated_gradients_add_up_to_the_difference_of_the_scores(bent, target, seed, reference, score):
    x, rows = images(len(target), seed), np.arange(len(target))
    against = (np.array(target) + 1) % CLASSES if score == "contrast" else None
    method = explainer("integrated-gradients")(steps=200, reference=reference)
    values = method.attribute(bent, x, np.array(target), against=against, score=score).values

    def explained(inputs):
        logits = bent.logits(inputs)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        own = (odds / odds.sum(axis=1, keepdims=True) if score == "probability" else logits)[rows, target]
        return own - logits[rows, against] if score == "contrast" else own

    gap = explained(x) - explained(np.full_like(x, FILL[reference]))
    np.testing.assert_allclose(values.sum(axis=(1, 2)), gap, atol=0.01 * np.abs(values).sum(axis=(1, 2)).max())


@few
@given(targets, seeds)
def test_of_a_linear_model_other_paths_end_where_the_straight_one_does(linear, target, seed):
    probe, kernel = linear
    x, worth = images(len(target), seed), weights(kernel, target)
    black = (worth * x).sum(axis=-1)
    for name, how in (("guided-ig", {"steps": 3}), ("gradient-shap", {"samples": 4, "noise": 0, "reference": "black"})):
        given_ = explainer(name)(**how).attribute(probe, x, np.array(target))
        np.testing.assert_allclose(given_.values, black, atol=2e-5)
        np.testing.assert_allclose(given_.details["completeness gap"], 0, atol=1e-4)


@few
@given(targets, seeds, st.sampled_from(["logit", "probability", "contrast"]))
def test_full_gradients_add_up_to_the_score_and_blurred_ones_to_what_it_gains(bent, target, seed, score):
    x, rows = images(len(target), seed), np.arange(len(target))
    against = (np.array(target) + 1) % CLASSES if score == "contrast" else None

    def explained(inputs):
        logits = bent.logits(inputs).astype(np.float64)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        own = (odds / odds.sum(axis=1, keepdims=True) if score == "probability" else logits)[rows, target]
        return own - logits[rows, against] if score == "contrast" else own

    full, blur = (
        explainer(name)().attribute(bent, x, np.array(target), against=against, score=score)
        for name in ("full-grad", "blur-ig")
    )
    total = full.values.sum(axis=(1, 2)) + full.details["biases without a place"]
    np.testing.assert_allclose(total, explained(x), atol=1e-5)
    gain = explained(x) - explained(blur_images(x.astype(np.float64), 0.5 * min(SHAPE[:2])).astype(np.float32))
    kept = blur.values.sum(axis=(1, 2)) - blur.details["completeness gap"]
    np.testing.assert_allclose(kept, gain, atol=1e-5)
    assert np.abs(blur.details["completeness gap"]).max() < 0.05 * np.abs(blur.values).sum(axis=(1, 2)).max()


@few
@given(seeds)
def test_a_pixel_equal_to_its_reference_gets_exactly_nothing(bent, seed):
    x = images(2, seed)
    x[:, 1:3] = 0
    values = explainer("integrated-gradients")(steps=7).attribute(bent, x, np.array([0, 2])).values
    assert not values[:, 1:3].any()
    assert values[:, 3:].any()


@few
@given(targets, seeds)
def test_a_constant_added_to_every_logit_moves_no_map(bent, shifted, target, seed):
    x = images(len(target), seed)
    for name in ("grad-cam", "saliency", "guided-grad-cam", "input-x-gradient"):
        one, other = (explainer(name)().attribute(each, x, np.array(target)).values for each in (bent, shifted))
        np.testing.assert_allclose(one, other, atol=1e-6)


sides = st.integers(1, 40)


@settings(deadline=None)
@given(sides, sides, st.none() | st.integers(1, 60), st.none() | st.integers(1, 60))
def test_every_pixel_is_covered_by_some_patch_and_no_patch_hangs_over(height, width, size, stride):
    assume(not (size and stride and stride > size))  # is refused
    patches = sliding_patches((height, width, 1), size, stride)
    side = size or max(1, min(height, width) // 7, stride or 0)
    for strips, length in ((patches.rows, height), (patches.columns, width)):
        assert strips.shape[1] == length
        assert (strips.sum(axis=0) >= 1).all()
        assert (strips.sum(axis=1) == min(side, length)).all()
        assert len({strip.tobytes() for strip in strips}) == len(strips)
    probe = SimpleNamespace(image_shape=(height, width, 1))
    assert len(patches) == explainer("occlusion")(size=size, stride=stride).copies(probe)


@given(sides, sides, sides, sides, seeds)
def test_upsampling_keeps_the_range_a_constant_and_mirror_images(h, w, height, width, seed):
    values = np.random.default_rng(seed).normal(size=(1, h, w)).astype(np.float32)

    def up(maps):
        return Attribution(
            maps,
            target=np.zeros(1, int),
            score="logit",
            signed=True,
            method="x",
            params={},
            layer=None,
            image_size=(height, width),
        ).at_pixels()

    grown = up(values)
    assert values.min() - 1e-5 <= grown.min() <= grown.max() <= values.max() + 1e-5
    np.testing.assert_allclose(up(np.full_like(values, 2.5)), 2.5, rtol=1e-6)
    np.testing.assert_allclose(up(values[:, ::-1, ::-1]), grown[:, ::-1, ::-1], atol=1e-5)
    np.testing.assert_allclose(up(3 * values), 3 * grown, atol=1e-4)

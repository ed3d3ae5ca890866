"""Identities of layer-wise relevance propagation and of DeepLIFT, over drawn networks of all the layers they know."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from keras import layers, ops

from workbench.attribution.composites import COMPOSITES
from workbench.attribution.methods import explainer
from workbench.models.probe import Probe

SHAPE, CLASSES = (9, 8, 2), 3
seeds = st.integers(0, 10_000)
networks = settings(  # each traces a network: deadlines would time the machine, and shrinking takes minutes
    max_examples=8, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate)
)
EXACT = ("epsilon", "epsilon-gamma-box")  # with ε = 0 and no bias, they lose nothing where every output has an input


def convolution(pick, bias):
    padding, strides = pick([("valid", 1), ("same", 1), ("same", 2), ("valid", (2, 2))])
    size = pick([1, 2, 3, (3, 2), (1, 3)])
    how = {"padding": padding, "use_bias": bias}
    kind = pick(["plain", "dilated", "depthwise", "separable", "grouped"])
    match kind:
        case "plain":
            return layers.Conv2D(4, size, strides=strides, **how)
        case "dilated":
            return layers.Conv2D(4, 2, dilation_rate=2, **how)
        case "depthwise":
            return layers.DepthwiseConv2D(2, strides=strides if strides == 1 else 2, depth_multiplier=2, **how)
        case "separable":
            return layers.SeparableConv2D(4, 2, strides=strides if strides == 1 else 2, **how)
    return layers.Conv2D(4, 2, groups=2, **how)


def block(pick, x, bias):
    """One more part of a network, on feature maps of an even number of channels."""
    if min(x.shape[1:3]) < 4:
        return layers.UpSampling2D(interpolation=pick(["nearest", "bilinear"]))(x)
    kind = pick(["convolution", "normed", "nested", "add", "average", "concatenate", "maximum", "pool", "pad"])
    relu = pick([layers.ReLU, lambda: layers.Activation("relu")])
    match kind:
        case "convolution":
            return relu()(convolution(pick, bias)(x))
        case "normed":
            norm = layers.BatchNormalization(center=bias)
            return relu()(norm(convolution(pick, False)(x)))
        case "nested":
            inner = keras.Input(x.shape[1:])
            return keras.Model(inner, relu()(convolution(pick, bias)(inner)))(x)
        case "add" | "average" | "concatenate" | "maximum":
            y = layers.Conv2D(x.shape[-1], 3, padding="same", use_bias=bias, activation="relu")(x)
            join = {
                "add": layers.Add,
                "average": layers.Average,
                "concatenate": layers.Concatenate,
                "maximum": layers.Maximum,
            }
            return join[kind]()([x, y])
        case "pool":
            pooling = pick([layers.MaxPooling2D, layers.AveragePooling2D])
            return pooling(2, strides=pick([1, 2]), padding=pick(["valid", "same"]))(x)
    return (
        ops.pad(x, [[0, 0], [1, 0], [0, 2], [0, 0]])
        if pick([True, False])
        else layers.ZeroPadding2D(((0, 1), (2, 0)))(x)
    )


def network(seed, bias=False):
    """A network of ReLUs with random weights, its last layer with K logits, a softmax, or one unit.

    Its parts are drawn here, not by hypothesis: Keras draws seeds for itself, which a strategy must not.
    """
    chance = np.random.default_rng(seed)

    def pick(options):
        return options[chance.integers(len(options))]

    image = keras.Input(SHAPE)
    x = layers.Activation("relu")(convolution(pick, bias)(image))
    for _ in range(pick([0, 1, 2, 3])):
        x = block(pick, x, bias)
    ends = [layers.Flatten, layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D]
    x = pick(ends)()(x)
    if pick([True, False]):
        x = layers.Dense(6, activation="relu", use_bias=bias)(layers.Dropout(0.3)(x))
    units, ending = pick([(CLASSES, None), (CLASSES, "softmax"), (1, "sigmoid")])
    model = keras.Model(image, layers.Dense(units, activation=ending, use_bias=bias)(x))
    for each in model.weights:
        name = each.path.rpartition("/")[2]
        spread = 0.3 if name in ("bias", "beta") else 1 / np.sqrt(max(np.prod(each.shape[:-1]), 4))
        values = chance.normal(0, spread, each.shape)
        if name in ("gamma", "moving_variance"):
            values = 0.5 + np.abs(values)
        each.assign(np.zeros(each.shape) if name == "moving_mean" and not bias else values)
    return Probe(model)


def explained(probe, method, seed, score="logit", **params):
    """Maps of two images, with the images and the scores that are explained."""
    images = np.random.default_rng(seed).random((2, *SHAPE), np.float32)
    target = np.array([0, probe.classes - 1])
    against = (target + 1) % probe.classes if score == "contrast" else None
    given_ = explainer(method)(**params).attribute(probe, images, target, against=against, score=score)
    return given_, images, target


def scale(found):
    return np.abs(found.values).sum(axis=(1, 2))


@networks
@given(seeds, seeds)
def test_without_biases_and_with_epsilon_zero_it_is_input_times_gradient_and_adds_up_to_the_score(drawn, seed):
    probe = network(drawn)
    found, images, target = explained(probe, "lrp", seed, composite="epsilon", epsilon=0.0)
    other, _, _ = explained(probe, "input-x-gradient", seed)
    np.testing.assert_allclose(found.values, other.values, atol=1e-4 * max(np.abs(other.values).max(), 1e-6))
    logits = probe.logits(images)
    scores = np.where(target == 0, -logits[:, 1], logits[:, 1]) if probe.one_unit else logits[np.arange(2), target]
    assert (np.abs(found.values.sum(axis=(1, 2)) - scores) <= 1e-4 * scale(found) + 1e-6).all()


@networks
@given(seeds, seeds, st.sampled_from(EXACT))
def test_without_biases_nothing_is_lost(drawn, seed, composite):
    probe = network(drawn)
    found, images, target = explained(probe, "lrp", seed, composite=composite, epsilon=0.0)
    scores = np.abs(probe.logits(images)[np.arange(2), target]) + 1e-6
    lost = np.abs(found.details["conservation"] - 1)
    assert (lost <= 1e-3 * np.maximum(scale(found) / scores, 1)).all(), (found.details, scores)


@networks
@given(seeds, seeds, st.sampled_from(sorted(COMPOSITES)))
def test_an_image_alone_has_the_map_that_it_has_among_others_and_contrasts_are_differences(drawn, seed, composite):
    probe = network(drawn, bias=True)
    found, images, target = explained(probe, "lrp", seed, composite=composite)
    method = explainer("lrp")(composite=composite)
    alone = method.attribute(probe, images[1:], target[1:])
    near = 1e-4 * max(np.abs(found.values).max(), 1e-6)
    np.testing.assert_allclose(alone.values[0], found.values[1], atol=near)
    other = method.attribute(probe, images, (target + 1) % probe.classes)
    contrast = method.attribute(probe, images, target, against=(target + 1) % probe.classes, score="contrast")
    if not probe.one_unit:  # there the logit of class 0 is -z itself
        wide = near + 1e-4 * np.abs(other.values).max()
        np.testing.assert_allclose(contrast.values, found.values - other.values, atol=wide)


@networks
@given(
    seeds, seeds, st.sampled_from(["black", "grey", "blurred"]), st.sampled_from(["logit", "contrast", "probability"])
)
def test_deep_lift_adds_up_to_the_difference_of_the_scores(drawn, seed, reference, score):
    probe = network(drawn, bias=True)
    found, images, _ = explained(probe, "deep-lift", seed, score, reference=reference)
    size = np.abs(probe.logits(images)).max()
    gap = found.details["completeness gap"]
    np.testing.assert_allclose(gap, 0, atol=1e-5 * max(size, 1) + 1e-6 * scale(found).max())


@pytest.fixture(scope="module")
def linear():
    """f = W x + b: a probe, and W as (H, W, C, K)."""
    model = keras.Sequential([keras.Input(SHAPE), layers.Flatten(), layers.Dense(CLASSES)])
    kernel = np.random.default_rng(0).normal(size=(int(np.prod(SHAPE)), CLASSES)).astype(np.float32)
    model.set_weights([kernel, np.array([0.5, -1, 0], np.float32)])
    return Probe(model), kernel.reshape(*SHAPE, CLASSES)


@settings(max_examples=25, deadline=None)
@given(seeds, st.sampled_from([("black", 0.0), ("grey", 0.5), ("white", 1.0)]))
def test_of_a_linear_model_deep_lift_is_weight_times_difference_and_lrp_weight_times_pixel(linear, seed, reference):
    probe, kernel = linear
    name, value = reference
    found, images, target = explained(probe, "deep-lift", seed, reference=name)
    weights = np.moveaxis(kernel[..., target], -1, 0)
    np.testing.assert_allclose(found.values, (weights * (images - value)).sum(axis=-1), atol=1e-5)
    for composite in COMPOSITES:
        found, images, _ = explained(probe, "lrp", seed, composite=composite)
        np.testing.assert_allclose(found.values, (weights * images).sum(axis=-1), atol=1e-5)

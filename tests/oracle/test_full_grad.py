"""FullGrad against proposition 1 of arXiv:1905.00780 in float64: biases read from the weights, gradients by hand."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from tests.oracle.conftest import softmax
from workbench.attribution.methods import explainer
from workbench.models.probe import Probe


def weights(small, large):
    """(large, small): bilinear, pixels' centres at halves."""
    found = np.zeros((large, small))
    for pixel in range(large):
        place = min(max((pixel + 0.5) * small / large - 0.5, 0), small - 1)
        for source in range(small):
            found[pixel, source] = max(0.0, 1 - abs(place - source))
    return found


def enlarged(values, shape, *, spread):
    """(h, w) to (H, W); where it is spread, all that a value gives adds up to it."""
    rows, columns = (weights(small, large) for small, large in zip(values.shape, shape, strict=True))
    if spread:
        rows, columns = rows / rows.sum(axis=0), columns / columns.sum(axis=0)
    return rows @ values @ columns.T


def stretched(values):
    sizes = np.abs(values) - np.abs(values).min()
    return sizes / sizes.max() if sizes.max() > 0 else sizes


def contributions(case, number, score):
    """Of the pixels, of each layer with places by name, and of all others together."""
    image = case.images[number].astype(np.float64)
    cotangent = case.cotangent(number, image, score)
    outputs, gradients = case.network.gradients(image, cotangent)
    placed, others = {}, 0.0
    for layer in case.network.layers:
        own, slope = case.network.weights[layer.name], gradients[layer.name]
        if getattr(getattr(layer, "activation", None), "__name__", "") == "relu":
            slope = slope * (outputs[layer.name] > 0)
        match type(layer).__name__:
            case "Conv2D" if layer.use_bias:
                placed[layer.name] = slope * own[1]
            case "BatchNormalization":
                gamma, beta, mean, variance = own
                placed[layer.name] = slope * (beta - gamma * mean / np.sqrt(variance + layer.epsilon))
            case "Dense":
                others += slope @ own[1]
    if score == "probability":  # the softmax is no ReLU: its tangent has an intercept
        logits = outputs[case.network.names[-1]]
        others += softmax(logits)[case.target[number]] - cotangent @ logits
    return image * gradients["image"], placed, others


@pytest.mark.parametrize("score", ["logit", "probability", "contrast"])
@pytest.mark.parametrize("addition", ["signed", "paper"])
def test_every_model(case, agree, score, addition):
    expected, placeless, spread = [], [], addition == "signed"
    for number, image in enumerate(case.images):
        pixels, placed, others = contributions(case, number, score)
        parts = [pixels, *placed.values()] if spread else [stretched(each) for each in (pixels, *placed.values())]
        expected.append(sum(enlarged(each.sum(axis=2), image.shape[:2], spread=spread) for each in parts))
        placeless.append(others)
    given = case.attribution("full-grad", score, addition=addition)
    agree(given.values, np.stack(expected), 1e-4, f"full-grad, {addition}")
    within = 2e-6 * max(1, np.abs(expected).sum(axis=(1, 2)).max())
    np.testing.assert_allclose(given.details["biases without a place"], placeless, rtol=0, atol=within)
    np.testing.assert_allclose(given.details["completeness gap"], 0, rtol=0, atol=within)


@pytest.mark.parametrize("score", ["logit", "probability", "contrast"])
def test_with_the_biases_without_a_place_it_is_the_score(case, score):
    given = case.attribution("full-grad", score)
    scores = [case.value(image, number, score) for number, image in enumerate(case.images)]
    total = given.values.sum(axis=(1, 2)) + given.details["biases without a place"]
    np.testing.assert_allclose(total, scores, rtol=0, atol=1e-5 * max(1, np.abs(given.values).sum(axis=(1, 2)).max()))


def gated():
    """Everything that is no chain of ReLUs: own scaling, swish, gates that multiply, tanh, joined branches, dropout."""
    image = keras.Input((12, 10, 3))
    x = layers.Conv2D(4, 3, strides=2, padding="same", activation="swish")(layers.Rescaling(2.0, offset=-1.0)(image))
    gate = layers.Dense(4, activation="sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    x = layers.Dropout(0.3)(layers.Multiply()([x, gate]))
    y = layers.DepthwiseConv2D(3, padding="same")(x)
    x = layers.Concatenate()([layers.LayerNormalization()(y), layers.ReLU(max_value=1.0)(x)])
    x = layers.Conv2DTranspose(3, 2, strides=2, activation="tanh")(layers.AveragePooling2D(2)(x))
    x = layers.Dense(5, activation="gelu")(layers.Flatten()(x))
    return keras.Model(image, layers.Dense(3, activation="softmax")(x))


@pytest.mark.parametrize("score", ["logit", "probability", "contrast"])
def test_of_any_network_nothing_is_left_over(score):
    """Gates, tangents of smooth activations and the model's own scaling are biases, too."""
    model, chance = gated(), np.random.default_rng(5)
    model.set_weights([each + chance.normal(0, 0.3, each.shape) for each in model.get_weights()])
    images, target = chance.random((3, 12, 10, 3), np.float32), np.array([0, 2, 1])
    against = np.array([1, 0, 2]) if score == "contrast" else None
    given = explainer("full-grad")().attribute(Probe(model), images, target, score=score, against=against)
    scale = np.abs(given.values).sum(axis=(1, 2)).max()
    assert scale > 0.01
    np.testing.assert_allclose(given.details["completeness gap"], 0, atol=3e-5 * max(scale, 1))


def test_of_a_linear_model_the_pixels_have_all_but_the_bias():
    model = keras.Sequential([keras.Input((6, 5, 2)), layers.Flatten(), layers.Dense(3)])
    chance = np.random.default_rng(2)
    model.set_weights([chance.normal(0, 1, each.shape) for each in model.get_weights()])
    kernel, bias = model.get_weights()
    images, target = chance.random((2, 6, 5, 2), np.float32), np.array([2, 0])
    given = explainer("full-grad")().attribute(Probe(model), images, target)
    np.testing.assert_allclose(given.values, (kernel[:, target].T.reshape(images.shape) * images).sum(-1), atol=1e-5)
    np.testing.assert_allclose(given.details["biases without a place"], bias[target], atol=1e-5)

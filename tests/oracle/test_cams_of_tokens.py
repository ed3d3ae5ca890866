"""Class activation maps of tokens: the papers' equations on the tokens that have a place, laid out as a grid."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.attribution.methods import explainer

LAYERS = ("placed", "norm0", "norm1")


def grad_cam(maps, slopes):
    """L = ReLU(Σ_k mean_ij(G) A), arXiv:1610.02391."""
    return np.maximum((slopes.mean(axis=(0, 1)) * maps).sum(axis=2), 0)


def hires_cam(maps, slopes):
    """L = Σ_k G A, arXiv:2011.08891."""
    return (slopes * maps).sum(axis=2)


def layer_cam(maps, slopes):
    """L = ReLU(Σ_k ReLU(G) A), Jiang et al. 2021."""
    return np.maximum((np.maximum(slopes, 0) * maps).sum(axis=2), 0)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("name", ["grad-cam", "hires-cam", "layer-cam"])
def test_of_gradients(tokens, agree, name, layer):
    """Those of tokens are central differences; at "norm1" both ways through attention are behind it."""
    formula = {"grad-cam": grad_cam, "hires-cam": hires_cam, "layer-cam": layer_cam}[name]
    expected = []
    for image, cotangent in zip(tokens.images, tokens.cotangents("contrast"), strict=True):
        maps = tokens.on_grid(tokens.network.forward(image)[layer])
        expected.append(formula(maps, tokens.on_grid(tokens.network.gradient(image, cotangent, layer))))
    agree(tokens.attribute(name, "contrast", layer=layer), np.stack(expected), 1e-3, f"{name}, tokens")


def test_of_scores_without_a_channel(tokens, agree):
    """Ablation-CAM: a channel is set to zero at the places; the class token keeps it."""
    layer, expected = "block0", []
    for image, target in zip(tokens.images, tokens.target, strict=True):
        seen = tokens.network.forward(image)
        drops = []
        for channel in range(seen[layer].shape[1]):
            without = seen[layer].copy()
            without[tokens.further :, channel] = 0
            drops.append(seen["scores"][target] - tokens.network.forward(image, {layer: without})["scores"][target])
        expected.append(np.maximum((tokens.on_grid(seen[layer]) * drops).sum(axis=2), 0))
    agree(tokens.attribute("ablation-cam", layer=layer), np.stack(expected), 1e-3, "ablation-cam, tokens")


def test_where_the_mean_over_tokens_is_classified_the_map_adds_up_to_the_logit_less_its_bias(tokens):
    logits, bias = tokens.probe.logits(tokens.images), tokens.network.weights["scores"][1]
    total = tokens.attribute("hires-cam", layer="norm").sum(axis=(1, 2))
    parts = logits[np.arange(3), tokens.target] - bias[tokens.target]
    assert np.allclose(total, parts, rtol=1e-4, atol=1e-5) == (tokens.further == 0)


def test_what_tokens_and_their_biases_contribute_is_the_score(tokens):
    """FullGrad: those of a class token, and the last bias, have no place, and stand beside the map."""
    found = explainer("full-grad")().attribute(tokens.probe, tokens.images, tokens.target)
    logits = tokens.probe.logits(tokens.images)[np.arange(3), tokens.target]
    placeless = found.details["biases without a place"]
    np.testing.assert_allclose(found.values.sum(axis=(1, 2)) + placeless, logits, rtol=1e-4, atol=1e-4)
    bias = tokens.network.weights["scores"][1][tokens.target]
    assert np.allclose(placeless, bias, atol=1e-4) == (tokens.further == 0)


def test_it_is_read_from_the_tokens_that_the_last_attention_mixes(tokens):
    """Behind it a class token does not see the others any more: their gradient is zero."""
    assert tokens.probe.default_layer == "norm1"
    assert tokens.attribute("hires-cam").any()
    assert tokens.attribute("hires-cam", layer="norm").any() == (tokens.further == 0)


def test_before_a_normalisation_gradient_times_activation_is_nothing(tokens):
    """It takes length and mean off each token, so that only what rounding and its epsilon leave is in the map."""
    layers = ("block0", "norm1") if tokens.further else ("block1", "norm")
    before, behind = (np.abs(tokens.attribute("hires-cam", layer=each)).max() for each in layers)
    assert before < 0.05 * behind

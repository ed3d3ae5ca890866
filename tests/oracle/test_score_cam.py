"""Score-CAM against algorithm 1 of arXiv:1910.01279, and its authors' weights, in float64; and tf-keras-vis."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tests.oracle.bilinear import bilinear
from tests.oracle.keras_vis import witness_maps
from workbench.attribution.methods import explainer
from workbench.models.probe import Probe

ROUNDING = 1e-6  # a map whose span is this small a share of its values is constant


def corners_aligned(maps, size):
    """The resize of tf-keras-vis."""
    from scipy.ndimage import zoom

    return zoom(maps, np.divide(size, maps.shape), order=1, mode="nearest")


def seen(image, maps, k, resize=bilinear):
    """The image times H_k = (Up(A_k) - min) / (max - min); None where A_k is constant and has no H."""
    one = maps[:, :, k]
    if one.max() - one.min() <= ROUNDING * np.abs(one).max():
        return None
    large = resize(one, image.shape[:2])
    return image * ((large - large.min()) / (large.max() - large.min()))[:, :, None]


def replica(case, number, score, layer, weighting, resize=bilinear):
    """L_ij = max(0, sum_k a_k A_ijk); also the weights a.

    paper: a = softmax over k of S_k = s(x o H_k) - s(black). official: a_k = p(x o H_k), and of a contrast p_c - p_c'.
    """
    image = case.images[number].astype(np.float64)
    maps = case.network.forward(image)[layer]
    used, values = [], []
    for k in range(maps.shape[2]):
        if (copy := seen(image, maps, k, resize)) is None:
            continue
        used.append(k)
        if weighting == "paper":
            values.append(case.value(copy, number, score) - case.value(np.zeros_like(image), number, score))
        else:
            odds = np.exp(case.network.scores(copy))
            p = odds / odds.sum()
            values.append(p[case.target[number]] - (p[case.against[number]] if score == "contrast" else 0))
    weights = np.exp(values) / np.exp(values).sum() if weighting == "paper" else np.array(values)
    cam = np.zeros(maps.shape[:2])
    for k, weight in zip(used, weights, strict=True):
        cam += weight * maps[:, :, k]
    return np.maximum(cam, 0), weights


@pytest.mark.parametrize(
    ("score", "weighting"),
    [
        ("logit", "paper"),
        ("probability", "paper"),
        ("contrast", "paper"),
        ("logit", "official"),
        ("contrast", "official"),
    ],
)
def test_every_spatial_layer_of_every_model(case, agree, score, weighting):
    for layer in case.probe.spatial_layers if (score, weighting) == ("logit", "paper") else [case.probe.default_layer]:
        found = [replica(case, n, score, layer, weighting) for n in range(3)]
        expected, weights = np.stack([cam for cam, _ in found]), [each for _, each in found]
        values = case.attribute("score-cam", score, layer=layer, weighting=weighting)
        agree(values, expected, 1e-4, f"score-cam, {weighting}")
        if weighting == "paper":
            np.testing.assert_allclose([each.sum() for each in weights], 1)


def test_the_probability_weighs_alike_whether_it_or_the_logit_is_explained(case, agree):
    logit, probability = (
        case.attribute("score-cam", score, weighting="official") for score in ("logit", "probability")
    )
    agree(logit, probability, 1e-5, "score-cam, another score")


def small(kernel, filters=None, activation=None, bias=(0.0, 0.0, 0.0), shift=(0.0,) * 4):
    """Four filters with ReLU under one dense layer with this kernel."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((7, 6, 2)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(3, activation=activation),
        ]
    )
    filters = np.random.default_rng(0).normal(size=(3, 3, 2, 4)) if filters is None else filters
    model.set_weights([filters, np.array(shift), np.broadcast_to(kernel, (80, 3)), np.array(bias)])
    return Probe(model), np.random.default_rng(1).random((3, 7, 6, 2), np.float32)


def maps_of(probe, images, **params):
    return explainer("score-cam")(**params).attribute(probe, images, np.arange(3)).values


def test_the_weights_add_up_to_one():
    """Of four equal maps the sum is each of them, whatever the scores."""
    one = np.random.default_rng(2).normal(size=(3, 3, 2, 1))
    probe, images = small(np.random.default_rng(3).normal(size=(80, 3)), np.repeat(one, 4, axis=-1))
    values, expected = maps_of(probe, images), probe.feature_maps(images, probe.default_layer)[..., 0]
    assert expected.any()
    np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-6)


def test_a_model_that_sees_nothing_weighs_all_maps_alike_and_skips_one_without_differences():
    """The last filter never fires: its map is constant, nothing can be seen through it, and it takes no weight."""
    probe, images = small(0.0, shift=(0, 0, 0, -100))
    maps = probe.feature_maps(images, probe.default_layer)
    assert not maps[..., 3].any()
    assert (maps.std(axis=(1, 2))[:, :3] > 0).all()
    np.testing.assert_allclose(maps_of(probe, images), maps[..., :3].mean(axis=-1), rtol=1e-5)
    np.testing.assert_allclose(maps_of(probe, images, weighting="official"), maps.sum(axis=-1) / 3, rtol=1e-5)


@pytest.mark.parametrize("weighting", ["paper", "official"])
def test_of_a_flat_image_all_maps_are_constant_and_the_map_is_empty(weighting):
    probe, _ = small(np.random.default_rng(3).normal(size=(80, 3)))
    flat = np.full((3, 7, 6, 2), 0.3, np.float32)
    assert probe.feature_maps(flat, probe.default_layer).any()
    assert (maps_of(probe, flat, weighting=weighting) == 0).all()


def test_a_constant_added_to_the_score_changes_nothing():
    """Which is why s(black) need not be computed."""
    kernel = np.random.default_rng(3).normal(size=(80, 3))
    (probe, images), (raised, _) = small(kernel), small(kernel, bias=(300.0, -200.0, 100.0))
    expected = maps_of(probe, images)
    np.testing.assert_allclose(maps_of(raised, images), expected, atol=1e-4 * expected.max())


def test_scores_far_apart_leave_one_map():
    """exp of their differences is no float32; the map that scores most takes all the weight."""
    probe, images = small(1e4 * np.random.default_rng(3).normal(size=(80, 3)))
    maps, values = probe.feature_maps(images, probe.default_layer), maps_of(probe, images)
    for n in range(3):
        copies = np.stack([seen(images[n], maps[n].astype(np.float64), k) for k in range(4)]).astype(np.float32)
        np.testing.assert_allclose(values[n], maps[n, :, :, probe.logits(copies)[:, n].argmax()], rtol=1e-5)


def test_of_a_model_with_one_sigmoid_a_class_the_official_weight_is_that_sigmoid():
    probe, images = small(np.random.default_rng(3).normal(size=(80, 3)) / 5, activation="sigmoid")
    assert probe.sigmoid
    maps = probe.feature_maps(images, probe.default_layer)
    for n in range(3):
        copies = np.stack([seen(images[n], maps[n].astype(np.float64), k) for k in range(4)]).astype(np.float32)
        weights = 1 / (1 + np.exp(-probe.logits(copies)[:, n].astype(np.float64)))
        values = maps_of(probe, images, weighting="official")[n]
        np.testing.assert_allclose(values, maps[n] @ weights, rtol=1e-4, atol=1e-6)


@pytest.mark.filterwarnings("ignore:Please import `zoom`:DeprecationWarning", "ignore:The structure of `inputs`")
def test_second_witness_tf_keras_vis(case, agree):
    """tf-keras-vis 0.8.7 weighs as the authors' code; its maps are ours where no map has to be enlarged.

    Expected differences, and why they are no errors of ours; with the first one made up for, all layers agree:

    =====================  =============================================  =======================================
    what                   tf-keras-vis                                   here
    =====================  =============================================  =======================================
    enlarging a map        scipy zoom, corners aligned                    bilinear, half-pixel centres
    softmax                taken of what the model gives: twice, unless   once, of the logits
                           `ReplaceToLinear` is given, as here
    constant maps          H = 0: a weight for the black image            skipped
    =====================  =============================================  =======================================
    """
    from tf_keras_vis.scorecam import Scorecam

    for layer in case.probe.spatial_layers:
        theirs = witness_maps(Scorecam, case, layer)
        if case.probe.layers[layer].shape[:2] == case.probe.image_shape[:2]:
            ours = case.attribute("score-cam", layer=layer, weighting="official")
            agree(theirs, ours, 1e-5, "score-cam, tf-keras-vis")
        explained = [replica(case, n, "logit", layer, "official", corners_aligned)[0] for n in range(3)]
        agree(theirs, np.stack(explained), 1e-4, "score-cam, tf-keras-vis, explained")

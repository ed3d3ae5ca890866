"""Randomised weights: guided backpropagation draws the image whatever they are, and Grad-CAM does not."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers
from scipy.stats import spearmanr
from sklearn.datasets import load_digits

from workbench.attribution.methods import explainer
from workbench.faithfulness.randomisation import compare, randomise
from workbench.models.other_weights import initial
from workbench.models.probe import Probe
from workbench.statistics.significance import mean_with_interval


@pytest.fixture(scope="module")
def trained():
    """A network that knows scikit-learn's digits, and forty of them that it has not seen."""
    digits = load_digits()
    images = (digits.images / 16)[..., None].astype(np.float32)
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(16, 3, activation="relu", name="conv1"),
            layers.Conv2D(16, 3, activation="relu", name="conv2"),
            layers.Flatten(),
            layers.Dense(32, activation="relu", name="hidden"),
            layers.Dense(10, activation="softmax", name="scores"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(images[:1500], digits.target[:1500], epochs=12, batch_size=64, verbose=0)
    assert (model.predict(images[1500:], verbose=0).argmax(axis=1) == digits.target[1500:]).mean() > 0.85
    return model, images[1500:1540]


@pytest.fixture(scope="module")
def test_of(trained):
    model, images = trained
    probe = Probe(model)
    target = probe.logits(images).argmax(axis=1)
    return lambda name, **how: randomise(probe, explainer(name)(), images, target, **how)


def test_guided_backpropagation_and_chance_are_blind_and_grad_cam_and_integrated_gradients_are_not(test_of):
    found = {
        name: test_of(name) for name in ("guided-backprop", "random", "grad-cam", "integrated-gradients", "occlusion")
    }
    assert {name: each.blind for name, each in found.items()} == {
        "guided-backprop": True,
        "random": True,
        "grad-cam": False,
        "integrated-gradients": False,
        "occlusion": False,
    }
    assert found["random"].similarity.value == 1 and found["random"].similarity.interval is None
    mean, low, high = found["guided-backprop"].similarity
    assert 0.5 < low < mean < high < 1


def test_the_cascade_goes_from_the_output_back_and_starts_from_the_trained_weights(trained, test_of):
    model, images = trained
    before = model.get_weights()
    found = test_of("saliency")
    assert found.stages == ("scores", "hidden", "conv2", "conv1")
    probe = Probe(model)
    target = probe.logits(images).argmax(axis=1)
    fresh = initial(probe, 0)
    twin = keras.models.clone_model(model)
    for stage, replaced in ((1, [6, 7]), (3, [2, 3, 4, 5, 6, 7]), (4, range(8))):
        twin.set_weights([fresh[k] if k in replaced else before[k] for k in range(8)])
        maps = explainer("saliency")().attribute(Probe(twin), images, target).values
        np.testing.assert_allclose(found.maps[stage], maps, rtol=1e-3, atol=1e-5)
    for now, then in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_one_layer_alone(trained, test_of):
    model, images = trained
    found = test_of("saliency", mode="independent")
    probe, before = Probe(model), model.get_weights()
    fresh = initial(probe, 0)
    twin = keras.models.clone_model(model)
    twin.set_weights([fresh[k] if k in (0, 1) else before[k] for k in range(8)])
    target = probe.logits(images).argmax(axis=1)
    np.testing.assert_allclose(
        found.maps[4], explainer("saliency")().attribute(Probe(twin), images, target).values, rtol=1e-3, atol=1e-5
    )


def test_two_random_networks_share_little_of_what_depends_on_weights(test_of):
    assert abs(np.nanmean(test_of("integrated-gradients").floor[0])) < 0.2
    assert np.nanmean(test_of("guided-backprop").floor[0]) > 0.4


def test_places_that_no_weights_can_reach_say_nothing():
    """A border that the network cuts off is zero in every map of its gradient; that is no likeness of the maps."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((9, 9, 1)),
            layers.Cropping2D(((0, 4), (0, 4))),
            layers.Flatten(),
            layers.Dense(8, activation="relu"),
            layers.Dense(3),
        ]
    )
    images = np.random.default_rng(1).random((20, 9, 9, 1)).astype(np.float32)
    found = randomise(Probe(model), explainer("saliency")(), images, np.zeros(20, int))
    for n in range(20):
        seen, last = found.maps[0, n, :5, :5].ravel(), found.maps[-3, n, :5, :5].ravel()
        assert found.spearman[-1, n] == pytest.approx(spearmanr(seen, last).statistic)
    assert found.similarity.high < 0.3
    whole = compare(found.maps[0], found.maps[-3], np.ones(found.maps.shape[1:], bool))[0]
    assert whole.mean() > 0.5


def test_alike_by_hand():
    chance = np.random.default_rng(0)
    one, other = chance.normal(size=(2, 9, 9)), chance.normal(size=(2, 9, 9))
    inside = np.zeros((2, 9, 9), bool)
    inside[:, 2:7, 1:8] = True
    found = compare(one, other, inside)
    for n in range(2):
        u, v = one[n][inside[n]], other[n][inside[n]]
        assert found[0, n] == pytest.approx(spearmanr(u, v).statistic)
        assert found[1, n] == pytest.approx(spearmanr(np.abs(u), np.abs(v)).statistic)
    np.testing.assert_allclose(compare(one, 3 * one, inside), 1)
    np.testing.assert_allclose(compare(one, -one, inside)[:2], [[-1, -1], [1, 1]])
    assert np.isnan(compare(one, np.zeros_like(one), inside)).all()


def test_structural_similarity_sees_places_not_only_values():
    """A map whose pixels are shuffled alike in both has the same ranks, and in one dimension the same similarity."""
    one = np.zeros((1, 16, 16))
    one[0, 4:12, 4:12] = 1
    moved = np.roll(one, 3, axis=2)
    everywhere = np.ones(one.shape, bool)
    assert 0.1 < compare(one, moved, everywhere)[2, 0] < 0.8
    assert compare(one, one + 0.0, everywhere)[2, 0] == pytest.approx(1)


def test_the_interval_of_a_mean_is_student_s():
    mean, low, high = mean_with_interval(np.array([1.0, 2.0, 3.0, np.nan]))
    assert (mean, round(high - mean, 3), round(mean - low, 3)) == (2, 2.484, 2.484)  # 4.303 / sqrt(3)
    assert np.isnan([*mean_with_interval(np.array([np.nan]), within=(-1, 1))]).all()

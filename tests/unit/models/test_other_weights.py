"""A model walked with other weights: as if it had them, and without its knowing."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

from workbench.attribution.methods import explainer
from workbench.models.other_weights import Reweighted, initial, weighted_layers
from workbench.models.probe import Probe

SHAPE = (10, 9, 3)


def mixed():
    """Nested, with a branch, statistics, a depthwise and a separable convolution, and a shared layer."""
    image, inner = keras.Input(SHAPE), keras.Input(SHAPE)
    x = layers.Conv2D(4, 3, padding="same", use_bias=False, name="first", kernel_initializer="he_normal")(inner)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.ReLU()(x)
    backbone = keras.Model(inner, layers.DepthwiseConv2D(3, padding="same", name="depth")(x), name="backbone")
    x = backbone(image)
    shared = layers.Conv2D(4, 1, name="shared")
    x = layers.Add()([shared(x), shared(shared(x))])
    x = layers.SeparableConv2D(5, 3, name="separable")(x)
    x = layers.GlobalAveragePooling2D()(layers.Dropout(0.5)(x))
    return keras.Model(image, layers.Dense(3, activation="softmax", name="last")(x))


def test_it_is_the_model_with_these_weights():
    model, other = mixed(), mixed()
    chance = np.random.default_rng(0)
    weights = [chance.uniform(0.1, 1, w.shape).astype(np.float32) for w in model.get_weights()]
    other.set_weights(weights)
    images, target = chance.random((2, *SHAPE), np.float32), np.array([0, 2])
    probe = Probe(model)
    before = probe.logits(images)
    walked = Reweighted(probe)
    np.testing.assert_allclose(walked.probe.logits(images), before, rtol=1e-5)
    assert walked.probe.engine is not probe.engine  # what one compiled is not the other's
    walked.set(weights)
    real = Probe(other)
    np.testing.assert_allclose(walked.probe.logits(images), real.logits(images), rtol=1e-5)
    for name in ("grad-cam", "saliency"):
        maps = [explainer(name)().attribute(each, images, target).values for each in (walked.probe, real)]
        np.testing.assert_allclose(maps[0], maps[1], rtol=1e-4, atol=1e-6)
    walked.set(walked.trained)
    np.testing.assert_allclose(walked.probe.logits(images), probe.logits(images), rtol=1e-5)
    np.testing.assert_allclose(probe.logits(images), before, rtol=1e-6)


def test_layers_are_listed_from_the_output_back_and_no_weight_twice():
    model = mixed()
    found = weighted_layers(Probe(model))
    assert list(found) == ["last", "separable", "shared", "backbone/depth", "backbone/norm", "backbone/first"]
    places = sorted(place for each in found.values() for place in each)
    assert places == list(range(len(model.weights)))
    assert [model.weights[place].path for place in found["last"]] == ["last/kernel", "last/bias"]


def test_fresh_weights_come_from_each_layer_s_own_initialiser():
    model = mixed()
    model.set_weights([np.full(w.shape, 7, np.float32) for w in model.get_weights()])
    probe = Probe(model)
    drawn = dict(zip([w.path for w in model.weights], initial(probe, 0), strict=True))
    assert all((values != 7).all() for values in drawn.values())
    statistics = {path.rpartition("/")[2]: values for path, values in drawn.items() if "norm" in path}
    assert {name: set(values.tolist()) for name, values in statistics.items()} == {
        "gamma": {1},
        "beta": {0},
        "moving_mean": {0},
        "moving_variance": {1},
    }
    assert not drawn["last/bias"].any()
    spread = np.std([initial(probe, seed)[0] for seed in range(30)])
    assert 0.9 < spread / np.sqrt(2 / 27) < 1.1  # He: fan in is 3 x 3 x 3
    again, other = initial(probe, 0), initial(probe, 1)
    assert all((a == b).all() for a, b in zip(again, drawn.values(), strict=True))
    assert any((a != b).any() for a, b in zip(again, other, strict=True))
    assert (model.get_weights()[0] == 7).all()

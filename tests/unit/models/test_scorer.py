"""Scores of changed copies and of changed feature maps, against doing it one after the other on the model itself."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from workbench.models.probe import CLASSES, Probe
from workbench.models.scorer import NO_CLASS, Scorer, Shared

SHAPE = (6, 7, 1)


class Gate(layers.Layer):
    """Multiplies each channel by a number; all ones lets everything through."""

    def build(self, shape):
        self.open = self.add_weight(shape=(shape[-1],), initializer="ones")

    def call(self, maps):
        return maps * self.open


def skipping():
    """A layer with a skip connection around it and another from it; `gate` stands right behind it."""
    image = keras.Input(SHAPE)
    stem = layers.Conv2D(5, 3, padding="same", activation="relu", name="stem")(image)
    deep = Gate(name="gate")(layers.Conv2D(5, 3, padding="same", activation="relu", name="deep")(stem))
    later = layers.Conv2D(5, 1, activation="tanh", name="later")(deep)
    flat = layers.Flatten()(layers.MaxPooling2D()(layers.Add()([stem, later, deep])))
    return keras.Model(image, layers.Dense(3, activation="softmax")(flat))


def nested():
    """The same inside another model."""
    image = keras.Input(SHAPE)
    return keras.Model(image, keras.Model((model := skipping()).inputs, model.outputs, name="inner")(image))


@pytest.fixture(scope="module")
def given():
    chance = np.random.default_rng(0)
    return chance.random((4, *SHAPE), np.float32), np.array([0, 2, 1, 1]), np.array([1, 0, 2, 0])


def ask(probe, what, given, kind="logit"):
    """Compile and run what is asked of a scorer."""

    def function(images, target, against):
        return what(Scorer(probe, target, against, kind), images)

    return probe.compile(object(), function, (probe.images, CLASSES, CLASSES))(*given)


def scores(probe, images, target, against, kind):
    logits = probe.logits(images)
    rows = np.arange(len(images))
    if kind == "probability":
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        logits = odds / odds.sum(axis=1, keepdims=True)
    return logits[rows, target] - (logits[rows, against] if kind == "contrast" else 0)


@pytest.mark.parametrize("rows", [256, 2])
@pytest.mark.parametrize("kind", ["logit", "probability", "contrast"])
@pytest.mark.parametrize(("build", "layer"), [(skipping, "deep"), (nested, "inner/deep")], ids=["skipping", "nested"])
def test_without_each_channel_is_the_model_with_that_channel_shut(build, layer, kind, rows, given, monkeypatch):
    """The gate shuts it on every way that leaves the layer, and leaves the way around it open."""
    model = build()
    probe = Probe(model)
    monkeypatch.setattr(probe, "max_rows", rows)
    found = ask(probe, lambda score, images: score.without_each_channel(images, layer), given, kind)
    gate = next(weights for weights in model.weights if "gate" in weights.path)
    expected = []
    for channel in range(5):
        gate.assign(np.arange(5) != channel)
        expected.append(scores(probe, *given, kind))
    np.testing.assert_allclose(found, np.stack(expected, axis=1), rtol=0, atol=2e-6)
    assert np.ptp(found, axis=1).min() > 1e-4


@pytest.mark.parametrize("kind", ["logit", "probability", "contrast"])
def test_copies_in_parts_are_copies_at_once(kind, given):
    """Eleven copies in parts of 1, 2, 3, 5 and 11; the last part is not full."""
    images, probe = given[0], Probe(skipping())
    shades = np.linspace(0, 1, 11).astype(np.float32)

    def what(score, tensor):
        def change(numbers):
            return tensor[:, None] * ops.reshape(ops.take(shades, numbers), (1, -1, 1, 1, 1))

        return score.of_copies(11, change)

    expected = np.stack([scores(probe, shade * images, *given[1:], kind) for shade in shades], axis=1)
    for rows in (256, 5, 3, 2, 1):
        probe.max_rows = rows
        np.testing.assert_allclose(ask(probe, what, given, kind), expected, rtol=0, atol=1e-6)
    assert np.ptp(expected, axis=1).max() > 1e-2


def test_the_copies_of_one_part_are_all_that_lie_in_memory(given):
    probe, sizes = Probe(skipping()), []
    probe.max_rows = 3

    def what(score, tensor):
        def change(numbers):
            sizes.append(numbers.shape[0])
            return tf.repeat(tensor[:, None], numbers.shape[0], axis=1)

        return score.of_copies(10, change)

    assert ask(probe, what, given).shape == (4, 10)
    assert set(sizes) == {3}  # four parts, of which the last is filled up


def test_gradients_of_copies_folded_into_rows_are_those_of_each(given):
    images, target, _ = given
    probe, shades = Probe(skipping()), np.array([0.2, 0.7, 1.0, 1.3, 0.5], np.float32)

    def what(score, tensor):
        return score.gradient(tensor[:, None] * shades[:, None, None, None])

    expected = np.stack([probe.gradient(shade * images, target) for shade in shades], axis=1)
    for rows in (256, 5, 4, 1):
        probe.max_rows = rows
        np.testing.assert_allclose(ask(probe, what, given), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("what", [lambda score, images: score(images), lambda score, images: score.gradient(images)])
def test_a_logit_is_the_contrast_with_no_class_bit_for_bit(what, given):
    probe = Probe(skipping())
    images, target, _ = given
    plain = ask(probe, what, given)
    assert np.array_equal(ask(probe, what, (images, target, np.full(4, NO_CLASS)), "contrast"), plain)


def test_what_is_infinite_of_another_class_is_not_felt(given):
    """Of class 0, on which nothing is taken off, neither the value nor the gradient may become NaN."""
    image = keras.Input(SHAPE)
    flat = keras.layers.Dense(3)(keras.layers.Flatten()(image))
    model = keras.Model(image, flat)
    model.layers[-1].bias.assign([0.5, np.inf, -np.inf])
    probe, (images, _, _) = Probe(model), given
    none = (images, np.zeros(4, np.int64), np.full(4, NO_CLASS))
    for what in (lambda score, images: score(images), lambda score, images: score.gradient(images)):
        found = ask(probe, what, none, "contrast")
        assert np.isfinite(found).all() and np.abs(found).max() > 0


def test_logits_and_contrasts_of_a_method_share_a_trace_and_who_tells_them_apart_has_his_own(given):
    from workbench.attribution.methods import explainer

    images, target, against = given
    for name, traces in (("saliency", 1), ("score-cam", 2)):
        probe = Probe(skipping())
        method = explainer(name)()
        one = method.attribute(probe, images, target)
        other = method.attribute(probe, images, target, against=against, score="contrast")
        assert len(probe.engine._compiled) == traces
        assert (one.score, other.score, other.against.tolist()) == ("logit", "contrast", against.tolist())
    shared = Shared.of(Probe(skipping()), "logit", target, None)
    with pytest.raises(TypeError, match="sets `tells_kind`"):
        Scorer(None, target, shared.against, shared.kind, shared=shared.shared).kind  # noqa: B018

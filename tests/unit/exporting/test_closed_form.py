"""Grad-CAM in forward operations against the workbench's own, which uses TensorFlow's gradient."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers, ops

from workbench.attribution.methods.grad_cam import GradCAM
from workbench.core.errors import WorkbenchError
from workbench.exporting.closed_form import grad_cam
from workbench.models.probe import Probe
from workbench.training.architectures import architectures


def with_random_weights(model):
    chance = np.random.default_rng(0)
    for weight in model.weights:
        kind = weight.path.rpartition("/")[2]
        low, high = {"moving_variance": (0.5, 2), "gamma": (0.5, 1.5)}.get(kind, (-0.2, 0.3))
        weight.assign(chance.uniform(low, high, weight.shape))
    return model


def nested():
    inner = keras.Sequential(
        [keras.Input((6, 6, 4)), layers.Conv2D(5, 3, name="deep"), layers.MaxPooling2D()], name="inner"
    )
    image = keras.Input((12, 12, 3))
    x = layers.Conv2D(4, 3, strides=2, padding="same", activation="silu", name="first")(layers.Rescaling(2.0)(image))
    x = layers.Dropout(0.5)(inner(x))
    return keras.Model(image, layers.Dense(3, activation="softmax")(layers.Flatten()(x)))


def squeeze_and_excite():
    image = keras.Input((9, 9, 1))
    x = layers.Conv2D(4, 3, name="first")(image)
    gate = layers.Conv2D(4, 1, activation="hard_sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    x = ops.relu6(layers.Multiply()([x, gate]) + 3.0) * (1.0 / 6.0)
    side = layers.AveragePooling2D(3, strides=1, padding="same")(x)
    x = layers.Concatenate()([x, side])
    return keras.Model(image, layers.Softmax()(layers.Dense(4)(layers.GlobalMaxPooling2D()(x))))


def scores_in_a_convolution():
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3, activation="elu", name="first"),
            layers.AveragePooling2D(6),
            layers.Conv2D(3, 1, activation="softmax"),
            layers.Flatten(),
        ]
    )


def ends(*last):
    return lambda: keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Conv2D(4, 3, activation="relu", name="first"), layers.Flatten(), *last]
    )


MODELS = {
    "baseline": lambda: architectures()["baseline"]((28, 28, 1), 10),
    "residual": lambda: architectures()["residual"]((12, 12, 1), 4),
    "nested": nested,
    "squeeze and excite": squeeze_and_excite,
    "scores in a convolution": scores_in_a_convolution,
    "logits": ends(layers.Dense(3)),
    "sigmoid": ends(layers.Dense(3, activation="sigmoid")),
    "one sigmoid": ends(layers.Dense(1, activation="sigmoid")),
    "one logit": ends(layers.Dense(1)),
    "one probability": ends(layers.Dense(1, activation="hard_sigmoid")),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_map_of_every_layer_is_the_workbenchs_own(name):
    keras.utils.set_random_seed(0)
    model = with_random_weights(MODELS[name]())
    images = np.random.default_rng(1).random((5, *model.input_shape[1:]), np.float32)
    if name.startswith("one"):  # that says one class of some images, and the other of others
        *rest, kernel, _ = model.get_weights()
        middle = np.median(Probe(model).embeddings(images) @ kernel)
        model.set_weights([*rest, kernel, np.full(1, -middle)])
    probe = Probe(model)
    logits = probe.logits(images)
    target = logits.argmax(axis=1)
    assert len(set(target)) == 2 or not probe.one_unit
    spatial = [layer for layer in probe.spatial_layers if layer != "images"]
    seen = 0
    for layer in {spatial[0], probe.default_layer}:
        closed = probe.compile(layer, lambda batch, layer=layer: grad_cam(probe, batch, layer), [probe.images])
        scores, maps = closed(images)
        expected = GradCAM(layer=layer).attribute(probe, images, target).values
        np.testing.assert_array_equal(scores.argmax(axis=1), target)
        np.testing.assert_allclose(maps, expected, atol=2e-5 * max(expected.max(), 1e-6))
        seen += expected.max() > 0
    assert seen


def test_a_model_whose_output_is_a_probability_is_explained_by_its_logarithm():
    image = keras.Input((8, 8, 1))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(3, 3, activation="relu", name="first")(image)) + 0.1
    probe = Probe(with_random_weights(keras.Model(image, x / ops.mean(x * 3.0, axis=[1], keepdims=True))))
    assert "logarithm" in probe.note
    images = np.random.default_rng(1).random((5, 8, 8, 1), np.float32)
    scores, maps = probe.compile("closed", lambda batch: grad_cam(probe, batch, "first"), [probe.images])(images)
    expected = GradCAM(layer="first").attribute(probe, images, scores.argmax(axis=1)).values
    assert expected.max() > 0
    np.testing.assert_allclose(maps, expected, atol=1e-5 * expected.max())


@keras.saving.register_keras_serializable("tests")
class Twice(layers.Conv2D):
    """A convolution with a `call` of its own."""

    def call(self, inputs):
        return 2 * super().call(inputs)


def test_a_layer_without_a_rule_is_named_and_what_may_be_chosen():
    model = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            layers.Conv2D(4, 3, name="first"),
            Twice(4, 3, name="mine"),
            layers.Conv2D(4, 3, name="second"),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )
    probe = Probe(model)
    with pytest.raises(WorkbenchError) as caught:
        probe.compile("closed", lambda batch: grad_cam(probe, batch, "first"), [probe.images])
    assert "'mine' behind it (Twice) has no exportable backward pass" in str(caught.value)
    assert "Choose a later layer: mine, second." in str(caught.value)


def test_an_activation_without_a_rule_is_named():
    model = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            layers.Conv2D(4, 3, name="first"),
            layers.Conv2D(4, 3, activation="log_sigmoid", name="odd"),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )
    probe = Probe(model)
    with pytest.raises(WorkbenchError, match=r"'odd' behind it \(Conv2D with log_sigmoid\)"):
        probe.compile("closed", lambda batch: grad_cam(probe, batch, "first"), [probe.images])


def test_a_layer_that_the_scores_do_not_depend_on_has_an_empty_map():
    image = keras.Input((8, 8, 1))
    x = layers.Conv2D(4, 3, name="first")(image)
    x = layers.Concatenate()([layers.Conv2D(2, 3, name="unused")(x) * 0.0, layers.Conv2D(2, 3)(x)])
    probe = Probe(with_random_weights(keras.Model(image, layers.Dense(3)(layers.Flatten()(x)))))
    images = np.random.default_rng(1).random((2, 8, 8, 1), np.float32)
    _, maps = probe.compile("closed", lambda batch: grad_cam(probe, batch, "unused"), [probe.images])(images)
    assert maps.shape == (2, 4, 4)
    assert not maps.any()

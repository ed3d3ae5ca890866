"""Every linear layer as a map: its contributions x_i w_ij against what the layer says of one input at a time."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from workbench.models.graph import head_of, walk
from workbench.models.linear_maps import linear_maps
from workbench.models.passable_steps import passable_steps

L = layers
LAYERS = {
    "dense": ((7,), lambda: L.Dense(4)),
    "dense on places": ((3, 4, 5), lambda: L.Dense(4)),
    "valid": ((5, 6, 2), lambda: L.Conv2D(3, (3, 2))),
    "same, strided": ((5, 6, 2), lambda: L.Conv2D(3, (3, 2), strides=(2, 2), padding="same")),
    "dilated": ((7, 6, 2), lambda: L.Conv2D(3, 2, dilation_rate=(2, 3), padding="same")),
    "groups": ((4, 4, 4), lambda: L.Conv2D(6, 2, groups=2)),
    "no bias": ((4, 4, 2), lambda: L.Conv2D(3, 2, use_bias=False)),
    "causal": ((9, 2), lambda: L.Conv1D(3, 3, padding="causal", dilation_rate=2)),
    "3D": ((3, 4, 3, 2), lambda: L.Conv3D(2, 2)),
    "depthwise": ((5, 4, 3), lambda: L.DepthwiseConv2D(3, depth_multiplier=2, padding="same", strides=2)),
    "depthwise 1D": ((7, 3), lambda: L.DepthwiseConv1D(3, depth_multiplier=2)),
    "transposed": ((3, 4, 2), lambda: L.Conv2DTranspose(3, 3, strides=2, padding="same")),
    "separable": ((5, 4, 2), lambda: L.SeparableConv2D(3, 3, depth_multiplier=2, padding="same")),
    "separable 1D": ((7, 2), lambda: L.SeparableConv1D(3, 3)),
}
NORMED = [name for name in LAYERS if name not in ("3D", "causal")]


def computed(name, norm, ask, seed=0):
    """Ask the linear maps of one layer inside a compiled function; return the answer, what it received, and itself."""
    shape, make = LAYERS[name]
    keras.utils.set_random_seed(seed)
    image, layer = keras.Input(shape), make()
    inner = layer(image)
    behind = layers.ReLU()(layers.BatchNormalization()(inner) if norm else inner)
    model = keras.Model(image, layers.Dense(2)(layers.Flatten()(behind)))
    chance = np.random.default_rng(seed)
    for each in model.weights:
        each.assign(
            np.abs(chance.normal(1, 0.4, each.shape)) if "variance" in each.path else chance.normal(size=each.shape)
        )
    x = chance.normal(size=(2, *shape)).astype(np.float32)

    @tf.function(autograph=False)
    def run(given):
        steps = walk(model, given)
        passable = next(each for each in passable_steps(steps, head_of(steps), given) if each.step.layer is layer)
        return ask(linear_maps(passable, "float32"))

    linear = keras.Model(image, model.layers[2 if norm else 1].output)
    return run(tf.constant(x)), x, linear


def contributions(linear, x):
    """(B, I, J) of x_i w_ij and (J,) of biases, from what the layer gives for one input at a time."""
    zero = linear.predict(np.zeros_like(x[:1]), verbose=0).reshape(-1)
    inputs = int(np.prod(x.shape[1:]))
    single = linear.predict(np.eye(inputs, dtype=np.float32).reshape(inputs, *x.shape[1:]), verbose=0).reshape(
        inputs, -1
    )
    return x.reshape(len(x), -1)[:, :, None] * (single - zero).astype(np.float64), zero


@pytest.mark.parametrize(("name", "norm"), [*((name, False) for name in LAYERS), *((name, True) for name in NORMED)])
def test_its_outputs_are_the_layer_s_also_with_batch_normalisation_folded(name, norm):
    found, x, linear = computed(name, norm, lambda maps: maps[-1].output)
    np.testing.assert_allclose(found, linear.predict(x, verbose=0), atol=2e-5)


@pytest.mark.parametrize("name", [name for name in LAYERS if not name.startswith("separable")])
def test_contributions_are_added_up_by_their_sign_over_inputs_and_over_outputs(name):
    norm = name in NORMED

    def ask(maps):
        (linear,) = maps
        arriving = tf.cos(tf.reshape(tf.range(tf.size(linear.output), dtype=tf.float32), tf.shape(linear.output)))
        signs = ("positive", "negative")
        return (
            arriving,
            [linear.sums(sign) for sign in signs],
            [linear.shares(arriving, sign) for sign in signs],
            linear.received * linear.back(arriving),
            [linear.biases(sign) + tf.zeros_like(linear.output) for sign in signs],
            linear.back(arriving, "even"),
        )

    (arriving, sums, shares, whole, biases, even), x, linear = computed(name, norm, ask)
    z_ij, bias = contributions(linear, x)
    s = arriving.numpy().reshape(len(x), 1, -1)
    for part, pick in enumerate((np.maximum, np.minimum)):
        of_sign = pick(z_ij, 0)
        np.testing.assert_allclose(sums[part].numpy().reshape(len(x), -1), of_sign.sum(axis=1), atol=1e-4)
        np.testing.assert_allclose(shares[part].numpy().reshape(len(x), -1), (of_sign * s).sum(axis=2), atol=1e-4)
        np.testing.assert_allclose(biases[part][0].numpy().ravel(), pick(bias, 0), atol=1e-5)
    np.testing.assert_allclose(whole.numpy().reshape(len(x), -1), (z_ij * s).sum(axis=2), atol=1e-4)
    joined = z_ij[:1] != 0  # a kernel of ones has a one wherever there is a weight
    np.testing.assert_allclose(even.numpy().reshape(len(x), -1), (joined * s).sum(axis=2), atol=1e-4)


@pytest.mark.parametrize("name", ["separable", "separable 1D"])
def test_a_separable_convolution_is_two_maps_one_after_the_other(name):
    def ask(maps):
        first, second = maps
        arriving = tf.cos(tf.reshape(tf.range(tf.size(second.output), dtype=tf.float32), tf.shape(second.output)))
        return arriving, first.output, second.received, first.received * first.back(second.back(arriving))

    (arriving, between, received, whole), x, linear = computed(name, True, ask)
    np.testing.assert_array_equal(between, received)
    z_ij, _ = contributions(linear, x)
    expected = (z_ij * arriving.numpy().reshape(len(x), 1, -1)).sum(axis=2)
    np.testing.assert_allclose(whole.numpy().reshape(len(x), -1), expected, atol=1e-4)

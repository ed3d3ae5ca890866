"""The backward pass written forward, against TensorFlow's own gradient in float64."""

from __future__ import annotations

from functools import cache

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops
from keras.src.applications.convnext import LayerScale

from workbench.exporting import slopes
from workbench.exporting.backward import RULES, kind_of, rule_of
from workbench.models.graph import walk

SHAPE = (9, 8, 6)  # odd and even, so that "same" padding is uneven
ONE = {
    "conv": lambda: layers.Conv2D(5, 3),
    "conv same": lambda: layers.Conv2D(5, 3, padding="same", use_bias=False, activation="relu"),
    "conv strided": lambda: layers.Conv2D(5, (3, 2), strides=2, padding="same", activation="gelu"),
    "conv strided valid": lambda: layers.Conv2D(5, 3, strides=(3, 2)),
    "conv stride beyond kernel": lambda: layers.Conv2D(5, 1, strides=2, padding="same"),
    "conv dilated": lambda: layers.Conv2D(5, 3, dilation_rate=2, padding="same", activation="silu"),
    "conv grouped": lambda: layers.Conv2D(4, 3, groups=2, activation="tanh"),
    "depthwise": lambda: layers.DepthwiseConv2D(3, strides=2, padding="same", activation="relu6"),
    "depthwise multiplied": lambda: layers.DepthwiseConv2D(3, depth_multiplier=2, activation="silu"),
    "separable": lambda: layers.SeparableConv2D(5, 3, depth_multiplier=2, padding="same", activation="mish"),
    "dense": lambda: layers.Dense(4, activation="softmax"),
    "max": lambda: layers.MaxPooling2D(2),
    "max overlapping same": lambda: layers.MaxPooling2D(3, strides=2, padding="same"),
    "max gaps": lambda: layers.MaxPooling2D((2, 3), strides=(3, 4)),
    "mean": lambda: layers.AveragePooling2D(2),
    "mean overlapping same": lambda: layers.AveragePooling2D(3, strides=2, padding="same"),
    "mean of all": lambda: layers.GlobalAveragePooling2D(keepdims=True),
    "largest of all": layers.GlobalMaxPooling2D,
    "batch norm": layers.BatchNormalization,
    "batch norm of axis 1": lambda: layers.BatchNormalization(axis=1, scale=False),
    "layer norm": layers.LayerNormalization,
    "layer norm of two": lambda: layers.LayerNormalization(axis=[-2, -1]),
    "flatten": layers.Flatten,
    "reshape": lambda: layers.Reshape((8, 54)),
    "permute": lambda: layers.Permute((2, 3, 1)),
    "zero padding": lambda: layers.ZeroPadding2D(((1, 2), (0, 3))),
    "cropping": lambda: layers.Cropping2D(((1, 2), (0, 3))),
    "upsampling": lambda: layers.UpSampling2D((2, 3)),
    "rescaling": lambda: layers.Rescaling(1 / 127.5, offset=-1),
    "layer scale": lambda: LayerScale(0.5, 6),
    "normalization": lambda: layers.Normalization(mean=[0.5] * 6, variance=[0.2, 0.3, 1, 2, 3, 4]),
    "dropout": lambda: layers.Dropout(0.5),
    "relu layer": lambda: layers.ReLU(max_value=1.0, negative_slope=0.1, threshold=0.2),
    "leaky": lambda: layers.LeakyReLU(0.3),
    "prelu": lambda: layers.PReLU(alpha_initializer="random_normal", shared_axes=(1, 2)),
    "elu": lambda: layers.ELU(0.7),
    "softmax": layers.Softmax,
    **{f"activation {name}": lambda name=name: layers.Activation(name) for name in slopes.SLOPES},
    "activation layer": lambda: layers.Conv2D(3, 1, activation=layers.LeakyReLU(0.4)),
}
JOINING = {
    "add": lambda a, b: layers.Add()([a, b, a]),
    "subtract": lambda a, b: layers.Subtract()([a, b]),
    "multiply": lambda a, b: layers.Multiply()([a, b]),
    "multiply broadcast": lambda a, b: layers.Multiply()([a, layers.GlobalAveragePooling2D(keepdims=True)(b)]),
    "average": lambda a, b: layers.Average()([a, b, b]),
    "concatenate": lambda a, b: layers.Concatenate(axis=2)([a, b, a]),
    "+": lambda a, b: a + b,
    "- number": lambda a, b: a - 2.0,
    "number * map": lambda a, b: 3.0 * a * b,
    "/": lambda a, b: a / (ops.exp(b) + 1.0),
    "ops": lambda a, b: ops.concatenate([ops.silu(a), ops.relu6(b)], axis=-1),
    "ops.mean": lambda a, b: ops.mean(a * b, axis=(1, 2), keepdims=True) * a,
    "ops.reshape": lambda a, b: ops.reshape(ops.leaky_relu(a, 0.3), (-1, 72, 6)),
}


@cache
def model_of(name):
    """A float64 model with random weights and statistics whose `start` is what the gradient is taken by."""
    keras.utils.set_random_seed(1)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    try:
        image = keras.Input(SHAPE)
        start = layers.Activation("linear", name="start")(image * 1.0)
        other = layers.Conv2D(6, 3, padding="same")
        output = ONE[name]()(start) if name in ONE else JOINING[name](start, other(start))
        model = keras.Model(image, output)
    finally:
        keras.config.set_dtype_policy(before)
    chance = np.random.default_rng(2)
    model.set_weights(
        [
            chance.uniform(0.2, 1.2, w.shape) * (1 if "var" in v.name else chance.choice([-1, 1], w.shape))
            for w, v in zip(model.get_weights(), model.weights, strict=True)
        ]
    )
    return model


def both(model, images):
    """Gradient of a random sum of the outputs by `start`: TensorFlow's, and that of the rules."""
    with tf.GradientTape() as tape:
        images = tf.constant(images)
        tape.watch(images)
        steps = walk(model, images)
        start = next(step.output for step in steps if step.name == "start")
        weights = np.random.default_rng(3).normal(size=steps[-1].output.shape)
        score = tf.reduce_sum(weights * steps[-1].output)
    expected = tape.gradient(score, start).numpy()
    flow = {id(steps[-1].output): tf.constant(weights)}
    for step in reversed(steps[[step.name for step in steps].index("start") + 1 :]):
        if step.output is step.received or id(step.output) not in flow:
            continue
        found = rule_of(step.layer)(step, flow.pop(id(step.output)))
        for tensor, part in zip(
            step.arguments if isinstance(found, list) else [step.received],
            found if isinstance(found, list) else [found],
            strict=True,
        ):
            if part is not None:
                flow[id(tensor)] = flow.get(id(tensor), 0) + part
    return flow[id(start)].numpy(), expected


@pytest.mark.parametrize("name", ONE)
def test_a_rule_gives_the_gradient(name):
    model = model_of(name)
    images = np.random.default_rng(0).normal(size=(3, *SHAPE)) * 2
    if name == "activation exponential":
        images /= 4
    found, expected = both(model, images)
    assert np.abs(expected).max() > 1e-3
    exact = 1e-6 if name in ("conv strided", "activation gelu") else 1e-9  # Keras takes its square root of 2 in float32
    np.testing.assert_allclose(found, expected, rtol=exact, atol=exact * np.abs(expected).max())


@pytest.mark.parametrize("name", JOINING)
def test_branches_meet(name):
    found, expected = both(model_of(name), np.random.default_rng(0).normal(size=(3, *SHAPE)))
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())


@pytest.mark.parametrize("name", ["max", "max overlapping same", "largest of all"])
def test_of_equal_places_tensorflow_takes_the_same(name):
    images = np.maximum(np.random.default_rng(0).integers(-6, 3, (4, *SHAPE)), 0).astype(np.float64)
    found, expected = both(model_of(name), images)
    assert (images == 0).mean() > 0.6
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_every_rule_was_tried():
    built = [model_of(name) for name in (*ONE, *JOINING)]
    tried = {kind_of(operation) for model in built for operation in model.operations}
    alike = {"ops.Squeeze", "ops.ExpandDims", "ops.Divide"}  # same rule as one that is tried
    assert {kind for kind in RULES if kind.startswith("ops.")} - tried - alike <= {
        f"ops.{kind}"
        for kind in (
            "Elu",
            "Gelu",
            "HardSigmoid",
            "HardSilu",
            "Relu",
            "Selu",
            "Sigmoid",
            "Softplus",
            "Softsign",
            "Softmax",
            "Tanh",
        )
    }
    assert {kind for kind in RULES if not kind.startswith("ops.")} - tried <= {
        "SpatialDropout2D",
        "GaussianNoise",
        "GaussianDropout",
        "AlphaDropout",
        "ActivityRegularization",
        "Identity",
    }

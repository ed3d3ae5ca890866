"""Derivatives of activations, in operations that run forward.

Every one is written with its input or its output, whichever is cheaper, and with nothing that LiteRT or ONNX lack.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

Tensor = Any
Slope = Callable[[Tensor, Tensor], Tensor]
SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
GELU_LINEAR, GELU_CUBIC = 0.7978845608028654, 0.044715  # sqrt(2 / pi); Hendrycks & Gimpel 2016, section 2


def _one(where: Tensor, like: Tensor) -> Tensor:
    return tf.cast(where, like.dtype)


def leaky(negative: Any) -> Slope:
    """Slope of max(x, 0) + `negative` min(x, 0)."""
    return lambda x, _: tf.where(x > 0, tf.ones_like(x), tf.ones_like(x) * tf.cast(negative, x.dtype))


def exponential_linear(alpha: float) -> Slope:
    """Slope of x where x > 0, else `alpha` (e^x - 1)."""
    return lambda x, y: tf.where(x > 0, tf.ones_like(y), y + alpha)


def relu_slope(negative: float, most: float | None, threshold: float) -> Slope:
    """Slope of Keras's ReLU layer: open between the threshold and the maximum, `negative` below."""

    def slope(x: Tensor, _: Tensor) -> Tensor:
        is_open = x > threshold if most is None else (x > threshold) & (x < most)
        return _one(is_open, x) + negative * _one(x <= threshold, x)

    return slope


def gelu(approximate: bool) -> Slope:
    """Slope of x Φ(x), or of its form with tanh.

    Source: Hendrycks & Gimpel 2016, arXiv:1606.08415, section 2.
    """

    def with_tanh(x: Tensor, _: Tensor) -> Tensor:
        tangent = tf.tanh(GELU_LINEAR * (x + GELU_CUBIC * x**3))
        inner = GELU_LINEAR * (1 + 3 * GELU_CUBIC * x**2)
        return 0.5 * (1 + tangent) + 0.5 * x * (1 - tangent**2) * inner

    def exact(x: Tensor, y: Tensor) -> Tensor:
        # Φ(x) is y / x: LiteRT knows GELU, but not the error function in it. Near 0 its first two terms.
        density = 0.3989422804014327 * tf.exp(-0.5 * x**2)
        near = tf.abs(x) < 1e-3
        below = tf.where(near, 0.5 + 0.3989422804014327 * x, y / tf.where(near, tf.ones_like(x), x))
        return below + x * density

    return with_tanh if approximate else exact


def _silu(x: Tensor, y: Tensor) -> Tensor:
    gate = tf.sigmoid(x)
    return gate + y * (1 - gate)


def _hard_silu(x: Tensor, _: Tensor) -> Tensor:
    inside = _one(tf.abs(x) < 3, x)
    return inside * (x / 3 + 0.5) + _one(x >= 3, x)


def _mish(x: Tensor, _: Tensor) -> Tensor:
    tangent = tf.tanh(tf.math.softplus(x))
    return tangent + x * (1 - tangent**2) * tf.sigmoid(x)


SLOPES: Mapping[str, Slope] = {
    "relu": lambda _, y: _one(y > 0, y),
    "relu6": lambda _, y: _one((y > 0) & (y < 6), y),
    "leaky_relu": leaky(0.2),  # Keras's default; the layer has one of its own
    "elu": exponential_linear(1.0),
    "selu": lambda x, y: tf.where(x > 0, tf.ones_like(y) * SELU_SCALE, y + SELU_SCALE * SELU_ALPHA),
    "sigmoid": lambda _, y: y * (1 - y),
    "hard_sigmoid": lambda _, y: _one((y > 0) & (y < 1), y) / 6,
    "tanh": lambda _, y: 1 - y**2,
    "softplus": lambda x, _: tf.sigmoid(x),
    "softsign": lambda _, y: (1 - tf.abs(y)) ** 2,
    "exponential": lambda _, y: y,
    "silu": _silu,
    "hard_silu": _hard_silu,
    "gelu": gelu(approximate=False),
    "mish": _mish,
}
"""By the name of the function in `keras.activations`: input and output of any shape to the derivative there."""

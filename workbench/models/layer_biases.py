"""What a layer adds by itself, where its kind and its bias show it without a look at its Jacobian."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf

from workbench.models.graph import Step, Tensor

NOTHING = "nothing"
"""Of a layer that is linear in what it receives, or as a ReLU is."""
HOMOGENEOUS = (
    keras.layers.Add,
    keras.layers.AveragePooling2D,
    keras.layers.Concatenate,
    keras.layers.Dropout,
    keras.layers.Flatten,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalMaxPooling2D,
    keras.layers.MaxPooling2D,
    keras.layers.Reshape,
    keras.layers.ZeroPadding2D,
)
KERNELS = (keras.layers.Conv2D, keras.layers.Dense, keras.layers.DepthwiseConv2D)


def shown_bias(step: Step, known: Sequence[Tensor]) -> Tensor | str | None:
    """Return what a layer adds in the shape of its output, `NOTHING`, or None where this does not show.

    Args:
        step: of the walk.
        known: tensors before it; of what lies between them and the layer, nothing is said.
    """
    layer, names = step.layer, {each.name for each in known}
    received = [each for each in step.arguments if hasattr(each, "op")]
    if not type(layer).__module__.startswith("keras.src.layers.") or any(each.name not in names for each in received):
        return None
    if isinstance(layer, HOMOGENEOUS) or _is_plain_relu(layer):
        return NOTHING
    activation = getattr(getattr(layer, "activation", None), "__name__", "linear")
    known_kind = type(layer) in KERNELS and activation in ("linear", "relu")
    if not known_kind or getattr(layer, "data_format", "") == "channels_first":
        return None
    if not layer.use_bias:
        return NOTHING
    bias = tf.zeros_like(step.output) + tf.cast(tf.convert_to_tensor(layer.bias), step.output.dtype)
    return tf.where(step.output > 0, bias, tf.zeros_like(bias)) if activation == "relu" else bias


def _is_plain_relu(layer: keras.layers.Layer) -> bool:
    if isinstance(layer, keras.layers.ReLU):
        return layer.max_value is None and not layer.threshold
    return isinstance(layer, keras.layers.Activation) and layer.activation is keras.activations.relu

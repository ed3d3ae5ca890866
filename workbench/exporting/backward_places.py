"""The backward pass of layers that look at neighbouring places: convolutions, pooling, padding.

Only padding, slices and ordinary convolutions are used: transposed convolutions with dilation, and the gradients of
pooling, are what LiteRT and ONNX lack. Maps are (N, h, w, F), channels last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from keras import ops

from workbench.models.graph import Step

Tensor = Any


def convolved_back(layer: Any, received: Tensor, gradient: Tensor) -> Tensor:
    """Gradient by what a convolution received: that by its output, spread out, with the kernel turned around."""
    kernel = tf.cast(ops.convert_to_tensor(layer.kernel), gradient.dtype)  # (height, width, C / groups, F)
    spread = _spread(layer, received, gradient)
    turned = tf.transpose(tf.reverse(kernel, (0, 1)), (0, 1, 3, 2))
    if layer.groups == 1:
        return tf.nn.conv2d(spread, turned, 1, "VALID", dilations=layer.dilation_rate)
    parts = zip(tf.split(spread, layer.groups, axis=3), tf.split(turned, layer.groups, axis=2), strict=True)
    return tf.concat([tf.nn.conv2d(*part, 1, "VALID", dilations=layer.dilation_rate) for part in parts], axis=3)


def depthwise_back(layer: Any, kernel: Any, received: Tensor, gradient: Tensor) -> Tensor:
    """Gradient by what a depthwise convolution with `kernel`, (height, width, C, multiplier), received."""
    kernel = tf.cast(ops.convert_to_tensor(kernel), gradient.dtype)
    height, width, channels, multiplier = kernel.shape
    spread = _spread(layer, received, gradient)
    turned = tf.reshape(tf.reverse(kernel, (0, 1)), (height, width, channels * multiplier, 1))
    found = tf.nn.depthwise_conv2d(spread, turned, (1, 1, 1, 1), "VALID", dilations=layer.dilation_rate)
    if multiplier == 1:
        return found
    return tf.reduce_sum(tf.reshape(found, (-1, *received.shape[1:], multiplier)), axis=-1)


def _spread(layer: Any, received: Tensor, gradient: Tensor) -> Tensor:
    """Put the places of a strided convolution apart again, and pad so that a "valid" one gives the input's size."""
    size = (layer.kernel_size[0], layer.kernel_size[1])
    for axis in (1, 2):
        stride, inputs, places = layer.strides[axis - 1], received.shape[axis], gradient.shape[axis]
        reach = (size[axis - 1] - 1) * layer.dilation_rate[axis - 1]  # how far a kernel goes beyond its first place
        before = _padded(layer.padding, inputs, places, reach + 1, stride)
        apart = _apart(gradient, axis, stride)  # (places - 1) * stride + 1 long
        left = reach - before
        gradient = _pad(apart, axis, left, inputs + reach - left - apart.shape[axis])
    return gradient


def _padded(padding: str, inputs: int, places: int, reach: int, stride: int) -> int:
    """How many zeros "same" padding puts before the first of `inputs`."""
    return max((places - 1) * stride + reach - inputs, 0) // 2 if padding == "same" else 0


def _apart(values: Tensor, axis: int, stride: int) -> Tensor:
    """Put `stride` - 1 zeros between neighbours along an axis of (N, h, w, F)."""
    if stride == 1:
        return values
    _, height, width, channels = values.shape
    places, rest = (height, width * channels) if axis == 1 else (width, channels)
    rows = tf.reshape(values, (-1, places, 1, rest))
    rows = tf.pad(rows, ((0, 0), (0, 0), (0, stride - 1), (0, 0)))
    down, right = (height * stride, width) if axis == 1 else (height, width * stride)
    longer = tf.reshape(rows, (-1, down, right, channels))
    length = (places - 1) * stride + 1
    return longer[:, :length] if axis == 1 else longer[:, :, :length]


def _pad(values: Tensor, axis: int, before: int, after: int, fill: float = 0.0) -> Tensor:
    """Pad an axis; where a number is negative, cut."""
    length = values.shape[axis]
    chosen = slice(max(-before, 0), length - max(-after, 0))
    values = values[:, chosen] if axis == 1 else values[:, :, chosen]
    room = [[0, 0] for _ in values.shape]
    room[axis] = [max(before, 0), max(after, 0)]
    return tf.pad(values, room, constant_values=fill) if any(room[axis]) else values


def _max_pooled(step: Step, gradient: Tensor) -> Tensor:
    """Hand each place's gradient to the first of its window that is the largest, as TensorFlow does."""
    layer, values = step.layer, tf.cast(step.received, gradient.dtype)
    output = tf.cast(step.output, gradient.dtype)
    inputs, places = values.shape[1:3], output.shape[1:3]
    before = [
        _padded(layer.padding, i, p, size, stride)
        for i, p, size, stride in zip(inputs, places, layer.pool_size, layer.strides, strict=True)
    ]
    lengths = [(p - 1) * stride + size for p, size, stride in zip(places, layer.pool_size, layer.strides, strict=True)]
    for axis in (1, 2):
        after = lengths[axis - 1] - before[axis - 1] - inputs[axis - 1]
        values = _pad(values, axis, before[axis - 1], after, fill=-1e30)
    untaken = tf.ones_like(output)
    found = []
    for down, right in np.ndindex(*layer.pool_size):
        rows, columns = (
            slice(at, at + (p - 1) * stride + 1, stride)
            for at, p, stride in zip((down, right), places, layer.strides, strict=True)
        )
        largest = tf.cast(values[:, rows, columns] >= output, output.dtype) * untaken
        untaken -= largest
        part = gradient * largest
        for axis, at in ((1, down), (2, right)):
            part = _apart(part, axis, layer.strides[axis - 1])
            left = at - before[axis - 1]
            part = _pad(part, axis, left, inputs[axis - 1] - left - part.shape[axis])
        found.append(part)
    return tf.add_n(found)


def _average_pooled(step: Step, gradient: Tensor) -> Tensor:
    """Share each place's gradient evenly among the pixels of its window; padding counts as none."""
    layer, channels = step.layer, step.received.shape[3]
    counts = []
    for inputs, places, size, stride in zip(
        step.received.shape[1:3], step.output.shape[1:3], layer.pool_size, layer.strides, strict=True
    ):
        starts = np.arange(places) * stride - _padded(layer.padding, inputs, places, size, stride)
        counts.append(np.minimum(starts + size, inputs) - np.maximum(starts, 0))
    count = tf.constant(np.multiply.outer(*counts)[None, :, :, None], gradient.dtype)
    window = _Window(tuple(layer.pool_size), tuple(layer.strides), layer.padding)
    return depthwise_back(window, np.ones((*layer.pool_size, channels, 1)), step.received, gradient / count)


@dataclass(frozen=True)
class _Window:
    """A pooling's window as a convolution has it."""

    kernel_size: tuple[int, ...]
    strides: tuple[int, ...]
    padding: str
    dilation_rate: tuple[int, int] = (1, 1)


def _mean_of_places(step: Step, gradient: Tensor) -> Tensor:
    _, height, width, channels = step.received.shape
    return tf.tile(tf.reshape(gradient, (-1, 1, 1, channels)), (1, height, width, 1)) / float(height * width)


def _largest_of_places(step: Step, gradient: Tensor) -> Tensor:
    """Shared evenly among equal ones, as the gradient of TensorFlow's `reduce_max` does."""
    values = tf.cast(step.received, gradient.dtype)
    largest = tf.cast(values >= tf.reduce_max(values, axis=(1, 2), keepdims=True), gradient.dtype)
    share = largest / tf.reduce_sum(largest, axis=(1, 2), keepdims=True)
    return share * tf.reshape(gradient, (-1, 1, 1, values.shape[3]))


def _unpadded(step: Step, gradient: Tensor) -> Tensor:
    (top, _), (left, _) = step.layer.padding
    _, height, width, _ = step.received.shape
    return gradient[:, top : top + height, left : left + width]


def _uncropped(step: Step, gradient: Tensor) -> Tensor:
    return tf.pad(gradient, [[0, 0], *(list(each) for each in step.layer.cropping), [0, 0]])


def _brought_down(step: Step, gradient: Tensor) -> Tensor:
    _, height, width, channels = step.received.shape
    down, right = step.layer.size
    rows = tf.reduce_sum(tf.reshape(gradient, (-1, height, down, width * right * channels)), axis=2)
    columns = tf.reduce_sum(tf.reshape(rows, (-1, height * width, right, channels)), axis=2)
    return tf.reshape(columns, (-1, height, width, channels))


RULES_OF_PLACES: Mapping[str, Callable[[Step, Tensor], Any]] = {
    "MaxPooling2D": _max_pooled,
    "AveragePooling2D": _average_pooled,
    "GlobalAveragePooling2D": _mean_of_places,
    "GlobalMaxPooling2D": _largest_of_places,
    "ZeroPadding2D": _unpadded,
    "Cropping2D": _uncropped,
    "UpSampling2D": _brought_down,
}

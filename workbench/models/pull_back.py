"""A step of a walk run backward: what arrives at its output, handed to what it received."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

Tensor = Any


def pull_back(output: Tensor, received: Sequence[Tensor], arriving: Tensor) -> list[Tensor]:
    """Multiply by the transposed Jacobian of `output` by each of `received`, inside a compiled function.

    Args:
        output: tensor of a traced function.
        received: different tensors that it was computed from; ways from one of them to another are not followed.
        arriving: of the shape of `output`, in single or double precision.

    Returns:
        A tensor of the shape of each of `received`, in the precision of `arriving`; zeros where nothing depends on it.
    """
    size: Any = None
    if output.dtype.size < arriving.dtype.size:  # half precision would overflow: its largest number is 65,504
        axes = list(range(1, len(arriving.shape)))
        size = tf.reduce_max(tf.abs(arriving), axis=axes, keepdims=True)
        arriving, size = tf.math.divide_no_nan(arriving, size), tf.reshape(size, (-1,))
    # Symbolic gradients can stop at what was received; a tape would have to be there before the forward pass.
    found = tf.gradients(
        output,
        list(received),
        grad_ys=tf.cast(arriving, output.dtype),
        stop_gradients=list(received),
        unconnected_gradients="zero",
    )
    floats = [tf.cast(each, arriving.dtype) for each in found]
    if size is None:
        return floats
    return [each * tf.reshape(size, (-1, *[1] * (len(each.shape) - 1))) for each in floats]

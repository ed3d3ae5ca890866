"""The ways of images from blurred copies, blurred for a few places at a time, and the integral over them."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from keras import ops

from workbench.attribution.some_rows import few_at_a_time
from workbench.data.blur import blur_matrix
from workbench.models.engine import held, in_parts
from workbench.models.scorer import Tensor

SHARP = 0.01
"""Standard deviation in pixels below which a blur is none: its weight of the next pixel is exactly 0."""
BLURRED = 2**22
"""Values of one side's blurs, an n × n matrix in float64 for each place on a way, that are held at once: 32 MB."""


class GrowingSharp:
    """The ways of images from their most blurred copies: at α the blur is (1 - α)² of the widest.

    Args:
        images: `(P, H, W, C)`.
        widest: standard deviation, in shorter sides of the image.
    """

    def __init__(self, images: Tensor, widest: float) -> None:
        self.images, self.held = images, [int(side) for side in images.shape[1:]]
        self.widest = widest * min(self.held[:2])
        self.together = max(1, BLURRED // max(self.held[:2]) ** 2)  # places, blurred at once

    def begin(self) -> Tensor:
        """Most blurred copies, `(P, H, W, C)`."""
        return self.evenly(1)[:, 0]

    def evenly(self, steps: int) -> Tensor:
        """All copies of a number of steps, the most blurred first, `(P, steps + 1, H, W, C)`."""
        sigmas = [self.widest * (k / steps) ** 2 for k in range(steps, -1, -1)]
        down, across = (
            ops.cast(held(np.stack([blur_matrix(side, sigma) for sigma in sigmas])), self.images.dtype)
            for side in self.held[:2]
        )
        return ops.einsum("sHh,bhwc,sWw->bsHWc", down, self.images, across)

    def points(self, number: Tensor, along: Tensor) -> Tensor:
        def some(rows: tuple[Tensor, ...]) -> Tensor:
            down, across = (blur_matrices(side, self.widest * tf.square(1 - rows[1])) for side in self.held[:2])
            lines = tf.einsum("mHh,mhwc->mHwc", down, tf.gather(self.images, rows[0]))
            return tf.einsum("mWw,mHwc->mHWc", across, lines)

        return few_at_a_time(some, (number, along), self.together, tf.TensorSpec((None, *self.held), along.dtype))

    def hold(self, number: Tensor, gradient: Tensor) -> Tensor:
        return gradient

    def trapezoid(self, numbers: Tensor, along: Tensor, slopes: Tensor) -> tuple[Tensor, Tensor]:
        """Take the integral over a few steps of all ways at a time: the copies of all places would be too many."""
        ways, steps = tf.shape(along)[0], tf.shape(along)[1] - 1
        size = tf.clip_by_value(self.together // ways - 1, 1, steps)  # a part has both ends of its steps

        def part(first: Tensor) -> tuple[Tensor, Tensor]:
            places = tf.minimum(tf.range(first, first + size + 1), steps)  # steps behind the last one are of no length
            here, there = (tf.gather(each, places, axis=1) for each in (along, slopes))
            path = self.points(tf.repeat(numbers, size + 1), tf.reshape(here, (-1,)))
            return gathered(tf.reshape(path, tf.shape(there)), there)

        floats = along.dtype
        found = (tf.TensorSpec((None, *self.held[:2]), floats), tf.TensorSpec((None, None), floats))
        shares, jumps = in_parts(part, tf.range(0, steps, size), found)  # (parts, A, H, W), (parts, A, size)
        return tf.reduce_sum(shares, axis=0), tf.reshape(tf.transpose(jumps, (1, 0, 2)), (ways, -1))[:, :steps]


def gathered(path: Tensor, slopes: Tensor) -> tuple[Tensor, Tensor]:
    """Take the integral of the gradient along paths by the trapezoid rule.

    Args:
        path: `(A, n, H, W, C)` images.
        slopes: `(A, n, H, W, C)`, the gradient there.

    Returns:
        `(A, H, W)`, added over channels; and `(A, n - 1)`, the length of each step's change of the gradient times that
        of the pixels.
    """
    change = path[:, 1:] - path[:, :-1]
    shares = ops.sum((slopes[:, 1:] + slopes[:, :-1]) / 2 * change, axis=(1, -1))
    jumps = ops.sum((slopes[:, 1:] - slopes[:, :-1]) * change, axis=-1)
    return shares, ops.sqrt(ops.sum(ops.square(jumps), axis=(2, 3)))


def blur_matrices(side: int, sigma: Tensor) -> Tensor:
    """`blur_matrix` of one side for each of M standard deviations in pixels, `(M,)`: `(M, n, n)`."""
    apart = tf.constant(np.subtract.outer(np.arange(side), np.arange(side)) ** 2, tf.float64)  # (n, n)
    wide = tf.maximum(tf.cast(sigma, tf.float64), SHARP)[:, None, None]
    weights = tf.exp(-apart / (2 * tf.square(wide)))  # exact: in nearly flat copies rounding decides what is pooled
    return tf.cast(weights / tf.reduce_sum(weights, axis=2, keepdims=True), sigma.dtype)

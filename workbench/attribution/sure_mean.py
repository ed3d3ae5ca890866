"""The mean over noisy copies of each image, of as many of them as it takes to be sure of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from workbench.attribution.some_rows import by_rows, written
from workbench.models.scorer import Scorer, Tensor

PAIRS = 8
"""Copies with a noise, and as many with its opposite, that are drawn in a round."""
MOST = 500
"""Copies more than which no image has."""
USUAL = 100
"""Copies that most images have by the usual tolerance, to tell what a map costs."""
AT_ONCE = 4
"""Rows of a call that an image is given: those that are left are to fill calls."""


class Mean(NamedTuple):
    """What was found of B images.

    Attributes:
        values: `(B, H, W)`.
        error: `(B,)`, its standard error: the length of that of all values.
        samples: `(B,)`, noisy copies.
    """

    values: Tensor
    error: Tensor
    samples: Tensor


def sure_mean(
    score: Scorer,
    images: Tensor,
    deviation: Tensor,
    averaged: Callable[[Tensor], Tensor],
    *,
    seed: int,
    tolerance: float,
) -> Mean:
    """Average something of the score's gradient over pairs of copies with opposite noise, round by round.

    An image is done when the standard error of its mean, from the variance between pairs, is within the tolerance, or
    when it would have more than `MOST` copies. The noise of a round is the same for every image.

    Args:
        score: of the images.
        images: `(B, H, W, C)`.
        deviation: `(B,)`, of the noise.
        averaged: gradients, `(m, H, W, C)`, to what is averaged, `(m, H, W)`.
        seed: of the noise.
        tolerance: largest standard error, as `share_of_map`.
    """
    shape, floats = [int(side) for side in images.shape[1:3]], images.dtype

    def drawn(numbers: Tensor, turn: Tensor) -> Tensor:
        """Mean of each pair of a round, of the images `numbers`, `(A,)`: `(A, PAIRS, H, W)`."""
        noise = tf.cast(tf.random.stateless_normal((PAIRS, *images.shape[1:]), [seed, turn]), floats)
        noise = tf.concat([noise, -noise], axis=0)

        def at(score: Scorer, number: Tensor, draw: Tensor) -> Tensor:
            away = tf.gather(deviation, number)[:, None, None, None] * tf.gather(noise, draw)
            return averaged(score.gradient(tf.gather(images, number) + away))

        draws = tf.tile(tf.range(2 * PAIRS), tf.shape(numbers))
        found = by_rows(score, tf.repeat(numbers, 2 * PAIRS), draws, at, shape)
        return tf.reduce_mean(tf.reshape(found, (-1, 2, PAIRS, *shape)), axis=1)

    def further(turn: Tensor, numbers: Tensor, mean: Tensor, squares: Tensor, *found: Tensor) -> tuple[Tensor, ...]:
        mean, squares = joined(mean, squares, tf.cast(turn * PAIRS, floats), drawn(numbers, turn))
        pairs = tf.cast((turn + 1) * PAIRS, floats)
        error = tf.sqrt(tf.reduce_sum(squares, axis=(1, 2)) / (pairs * (pairs - 1)))
        samples = tf.fill(tf.shape(numbers), 2 * pairs)
        found = tuple(written(*each) for each in zip(found, [numbers] * 3, (mean, error, samples), strict=True))
        rough = share_of_map(error, mean) > tolerance
        left = tf.where(rough & (2 * PAIRS * (turn + 2) <= MOST))[:, 0]
        return (turn + 1, *(tf.gather(each, left) for each in (numbers, mean, squares)), *found)

    count = tf.shape(images)[0]
    none, nothing = tf.zeros((count, *shape), floats), tf.zeros(count, floats)
    shapes = [(), (None,), *[(None, *shape)] * 3, (None,), (None,)]
    state = tf.while_loop(
        lambda *state: tf.size(state[1]) > 0,
        further,
        (tf.constant(0), tf.range(count), none, none, none, nothing, nothing),
        shape_invariants=tuple(tf.TensorShape(each) for each in shapes),
        parallel_iterations=1,
    )
    return Mean(*state[-3:])


def joined(mean: Tensor, squares: Tensor, count: Tensor, new: Tensor) -> tuple[Tensor, Tensor]:
    """Join `new`, `(A, n, H, W)`, to the mean and the summed squared deviations, `(A, H, W)`, of `count` before it.

    Source: Chan, Golub and LeVeque 1983, The American Statistician 37(3), equation 2.1.
    """
    size = tf.cast(tf.shape(new)[1], new.dtype)
    own = tf.reduce_mean(new, axis=1)
    away, share = own - mean, size / (count + size)
    further = tf.reduce_sum(tf.square(new - own[:, None]), axis=1) + tf.square(away) * count * share
    return mean + away * share, squares + further


def share_of_map(error: Tensor, values: Tensor) -> Tensor:
    """Return standard errors, `(B,)`, as shares of what the lengths of the maps, `(B, H, W)`, are without them.

    The squared length of a mean has that of its error in it. A share of 1 is noise alone, or more of it than map.
    """
    noise = tf.square(error)
    length = tf.reduce_sum(tf.square(values), axis=(1, 2))
    return tf.math.divide_no_nan(error, tf.sqrt(tf.maximum(length - noise, noise)))

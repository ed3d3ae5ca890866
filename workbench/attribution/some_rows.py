"""Work on those images of a batch that are not done yet, inside a compiled function."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from workbench.models.engine import in_parts
from workbench.models.scorer import Scorer, Tensor


def by_rows(
    score: Scorer,
    image: Tensor,
    given: Tensor,
    function: Callable[[Scorer, Tensor, Tensor], Tensor],
    shape: Sequence[int],
) -> Tensor:
    """Apply `function` to rows, at most as many at a time as the model takes; others may go first between two.

    Args:
        score: of the batch.
        image: `(M,)` int32, of which image of the batch each row is made.
        given: `(M, …)`, what else each row is made of.
        function: the scorer of some rows, their `image` and their `given`, to what is wanted, `(m, *shape)`.
        shape: of a row of what it gives.

    Returns:
        `(M, *shape)`.
    """
    spec = tf.TensorSpec((None, *shape), score.probe.floats)
    return few_at_a_time(
        lambda part: function(score.of_rows(part[0]), *part), (image, given), score.probe.max_rows, spec
    )


def few_at_a_time(
    function: Callable[[tuple[Tensor, ...]], Tensor], rows: tuple[Tensor, ...], most: int, result: tf.TensorSpec
) -> Tensor:
    """Apply `function` to rows, at most `most` at a time and equally many; others may go first between two.

    Args:
        function: some rows of each of `rows` to as many of the result.
        rows: tensors, `(M, …)` each.
        most: rows.
        result: what `function` gives, `(None, …)`.

    Returns:
        `(M, …)`.
    """
    count = tf.shape(rows[0])[0]
    parts = tf.maximum(-(-count // most), 1)
    size = -(-count // parts)
    lacking = parts * size - count

    def stacked(each: Tensor) -> Tensor:
        full = tf.concat([each, tf.repeat(each[-1:], lacking, axis=0)], axis=0)
        return tf.reshape(full, (parts, size, *each.shape[1:]))

    found = in_parts(function, tuple(stacked(each) for each in rows), result)  # (parts, size, …)
    return tf.reshape(found, (-1, *result.shape[1:]))[:count]


def written(whole: Tensor, numbers: Tensor, values: Tensor) -> Tensor:
    """Return `whole` with `values` at the places `numbers`, `(A,)`, of its first axis."""
    return tf.tensor_scatter_nd_update(whole, numbers[:, None], values)

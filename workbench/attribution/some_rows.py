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
    count = tf.shape(image)[0]
    parts = tf.maximum(-(-count // score.probe.max_rows), 1)
    size = -(-count // parts)
    lacking = parts * size - count

    def stacked(rows: Tensor) -> Tensor:
        full = tf.concat([rows, tf.repeat(rows[-1:], lacking, axis=0)], axis=0)
        return tf.reshape(full, (parts, size, *rows.shape[1:]))

    spec = tf.TensorSpec((None, *shape), score.probe.floats)
    found = in_parts(
        lambda part: function(score.of_rows(part[0]), *part), (stacked(image), stacked(given)), spec
    )  # (parts, size, *shape)
    return tf.reshape(found, (-1, *shape))[:count]


def written(whole: Tensor, numbers: Tensor, values: Tensor) -> Tensor:
    """Return `whole` with `values` at the places `numbers`, `(A,)`, of its first axis."""
    return tf.tensor_scatter_nd_update(whole, numbers[:, None], values)

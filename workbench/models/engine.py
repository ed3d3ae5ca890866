"""Compiled functions: traced once for every batch size, kept, and run one at a time.

TensorFlow keeps about a megabyte for each size of batch that a function has seen, for good. So a batch is filled up to
one of a few sizes, and what is computed of the filling is left out.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from workbench.core.errors import WorkbenchError
from workbench.core.kept import Kept
from workbench.core.key_locks import KeyLocks
from workbench.core.types import Array
from workbench.models.files.foreign import said
from workbench.models.turns import TURNS

KEEP = 96
"""Functions that are kept, the ones used last."""
PAUSES, BUSY = 16, 2
"""Functions that may pause at a time, each of which keeps a thread; and threads that the one that runs needs."""


@contextlib.contextmanager
def failure_told(model: Any, *, alone: bool = False) -> Iterator[None]:
    """Raise what a model that runs outside of TensorFlow failed with, in place of what TensorFlow says about it.

    Args:
        model: that is run.
        alone: whether nothing else is: then whatever fails is the model's, and no bug of ours.

    Raises:
        WorkbenchError: where the model itself fails, or memory does not hold what it computes.
    """
    try:
        yield
    except tf.errors.OpError as error:
        failure = getattr(model, "failure", None)
        if failure is None and (alone or isinstance(error, tf.errors.ResourceExhaustedError)):
            failure = WorkbenchError(f"The model cannot be run on these images: {said(error)}")
        if failure is None:
            raise
        raise failure from None


class Engine:
    """Compiles functions of tensors and keeps them by key."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._compiled: Kept[Hashable, Callable[..., Any]] = Kept(KEEP)
        self._tracing: KeyLocks[Hashable] = KeyLocks()

    def compile(
        self, key: Hashable, function: Callable[..., Any], signature: Sequence[Any], *, by_row: bool = False
    ) -> Callable[..., Any]:
        """Return what runs `function`, traced at the first call with this key, on arrays.

        Args:
            key: names `function`; equal keys share one trace.
            function: tensors to a tensor, or to a nest of tensors.
            signature: a `tf.TensorSpec` for each argument.
            by_row: whether all arguments whose first side is open have as many rows as each other, and each row of what
                the function gives is of one of these rows alone; then batches are filled up.

        Returns:
            Arrays to an array, or to the same nest of arrays.
        """
        with self._tracing.held(key):  # what takes long to trace keeps nobody waiting who asks something else
            if (compiled := self._compiled.get(key)) is None:
                traced = tf.function(function, input_signature=list(signature), autograph=False)
                compiled = self._compiled.put(key, traced.get_concrete_function())
        kinds = [spec.dtype for spec in signature]
        batched = [by_row and bool(spec.shape.rank) and spec.shape[0] is None for spec in signature]

        def run(*arrays: Array) -> Any:
            count = next((len(array) for array, has in zip(arrays, batched, strict=True) if has), 0)
            full = _filled(count)
            with TURNS as turn:
                given = (
                    tf.constant(_fill(array, full) if has else array, kind)
                    for array, kind, has in zip(arrays, kinds, batched, strict=True)
                )
                try:
                    found = tf.nest.map_structure(lambda tensor: tensor.numpy(), compiled(*given))
                    return tf.nest.map_structure(lambda array: array[:count], found) if full > count else found
                except tf.errors.OpError:
                    if turn.ended is not None:
                        raise turn.ended from None
                    raise

        return run


def _filled(count: int) -> int:
    """Return the size that a batch of `count` rows is filled up to: 1, 2, 3, 4, 6, 8, 12, 16, 24 and so on."""
    if count < 3:
        return count
    power = 1 << (count - 1).bit_length()  # the next power of two
    return power * 3 // 4 if count <= power * 3 // 4 else power


def _fill(array: Array, count: int) -> Array:
    """Fill a batch up by its last row, which is valid wherever the others are."""
    lacking = count - len(array)
    return np.concatenate([array, np.repeat(array[-1:], lacking, axis=0)]) if lacking else array


def held(array: Array) -> Any:
    """Return a large array as what a compiled function is given, not as a constant of its graph.

    A constant is copied into the graph, and TensorFlow computes with it beforehand, while nobody else can go on.
    """
    with tf.init_scope():
        return tf.constant(array)


def in_parts(function: Callable[[Any], Any], parts: Any, result: tf.TensorSpec) -> Any:
    """Apply `function` to one part after the other, inside a compiled function; others may go first between two.

    Args:
        function: a part to a tensor.
        parts: a tensor, or a nest of some, whose first axis counts the parts.
        result: what `function` gives.

    Returns:
        The tensors, stacked along a new first axis.
    """

    def one(part: Any) -> Any:
        # All of a part begins after the pause, and the pause after all of the part before.
        with tf.control_dependencies([tf.numpy_function(_pause, [], tf.int32)]):
            return function(tf.nest.map_structure(tf.identity, part))

    return tf.map_fn(one, parts, parallel_iterations=1, fn_output_signature=result)


def one_after_the_other(function: Callable[..., tuple[Any, ...]], state: tuple[Any, ...], count: int) -> Any:
    """Go `count` steps, each from where the one before has ended, inside a compiled function; others may go between.

    Args:
        function: the number of the step, `()` int32, and the state, to the next state, of the same shapes.
        state: tensors to begin with.
        count: steps.

    Returns:
        The state after the last step.
    """

    def step(number: Any, *before: Any) -> tuple[Any, ...]:
        with tf.control_dependencies([tf.numpy_function(_pause, [], tf.int32)]):
            return (number + 1, *function(tf.identity(number), *map(tf.identity, before)))

    shapes = (tf.TensorShape(()), *(each.shape for each in state))
    return tf.while_loop(
        lambda number, *_: number < count,
        step,
        (tf.constant(0), *state),
        shape_invariants=shapes,
        parallel_iterations=1,
    )[1:]


def _pause() -> np.int32:
    TURNS.pause(_threads() - BUSY)
    return np.int32(0)


def _threads() -> int:
    """Return how many threads run the operations of compiled functions."""
    chosen = tf.config.threading.get_inter_op_parallelism_threads()
    return chosen or int(os.environ.get("TF_NUM_INTEROP_THREADS", "0")) or os.cpu_count() or 1


with contextlib.suppress(RuntimeError):  # TensorFlow has computed before, and has the threads that it has
    if tf.config.threading.get_inter_op_parallelism_threads() == 0:
        tf.config.threading.set_inter_op_parallelism_threads(PAUSES + BUSY + (os.cpu_count() or 1))

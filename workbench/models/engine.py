"""Compiled functions: traced once for every batch size, kept, and run one at a time."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any

import tensorflow as tf

from workbench.core.kept import Kept
from workbench.core.types import Array
from workbench.models.turns import TURNS

KEEP = 96
"""Functions that are kept, the ones used last."""


@contextlib.contextmanager
def failure_told(model: Any) -> Iterator[None]:
    """Raise what a model that runs outside of TensorFlow failed with, in place of what TensorFlow says about it."""
    try:
        yield
    except tf.errors.OpError:
        failure = getattr(model, "failure", None)
        if failure is None:
            raise
        raise failure from None


class Engine:
    """Compiles functions of tensors and keeps them by key."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._compiled: Kept[Hashable, Callable[..., Any]] = Kept(KEEP)

    def compile(self, key: Hashable, function: Callable[..., Any], signature: Sequence[Any]) -> Callable[..., Any]:
        """Return what runs `function`, traced at the first call with this key, on arrays.

        Args:
            key: names `function`; equal keys share one trace.
            function: tensors to a tensor, or to a nest of tensors.
            signature: a `tf.TensorSpec` for each argument.

        Returns:
            Arrays to an array, or to the same nest of arrays.
        """
        with self.lock:
            if (compiled := self._compiled.get(key)) is None:
                traced = tf.function(function, input_signature=list(signature), autograph=False)
                compiled = self._compiled.put(key, traced.get_concrete_function())
        kinds = [spec.dtype for spec in signature]

        def run(*arrays: Array) -> Any:
            with TURNS:
                given = (tf.constant(array, kind) for array, kind in zip(arrays, kinds, strict=True))
                return tf.nest.map_structure(lambda tensor: tensor.numpy(), compiled(*given))

        return run

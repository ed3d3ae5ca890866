"""Compiled functions: traced once for every batch size, kept, and run one at a time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from workbench.core.types import Array
from workbench.models.turns import TURNS

KEEP = 96
"""Functions that are kept, the ones used last."""


class Engine:
    """Compiles functions of tensors and keeps them by key."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._compiled: OrderedDict[object, Callable[..., Any]] = OrderedDict()

    def compile(self, key: object, function: Callable[..., Any], signature: Sequence[Any]) -> Callable[..., Any]:
        """Return what runs `function`, traced at the first call with this key, on arrays.

        Args:
            key: names `function`; equal keys share one trace.
            function: tensors to a tensor, or to a nest of tensors.
            signature: a `tf.TensorSpec` for each argument.

        Returns:
            Arrays to an array, or to the same nest of arrays.
        """
        with self.lock:
            if key not in self._compiled:
                traced = tf.function(function, input_signature=list(signature), autograph=False)
                self._compiled[key] = traced.get_concrete_function()
                while len(self._compiled) > KEEP:
                    self._compiled.popitem(last=False)
            self._compiled.move_to_end(key)
            compiled = self._compiled[key]
        kinds = [spec.dtype for spec in signature]

        def run(*arrays: Array) -> Any:
            with TURNS:
                given = (tf.constant(array, kind) for array, kind in zip(arrays, kinds, strict=True))
                return tf.nest.map_structure(lambda tensor: tensor.numpy(), compiled(*given))

        return run

"""Compiled functions: traced once for every batch size, kept, and run one at a time."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import tensorflow as tf

from workbench.contracts import Array

KEEP = 96
"""Functions that are kept, the ones used last."""
FIRST, NEXT, LAST = 0, 1, 2
"""Who goes before whom: what somebody waits for, what is shown a moment later, what may take its time."""


class Turns:
    """Lets one compiled function run at a time, those first whose work is waited for.

    TensorFlow 2.21 on CPU gives wrong values, or crashes, when one compiled function runs in two threads at once.
    """

    def __init__(self) -> None:
        self._free, self._running, self._claims = threading.Condition(), False, [0, 0, 0]
        self._mine = threading.local()

    @contextlib.contextmanager
    def claimed(self, rank: int, go_on: Callable[[], None] | None = None) -> Iterator[None]:
        """Begin no function of a later rank while this thread is in here.

        Args:
            rank: of this thread: `FIRST`, which all are that claim nothing, `NEXT` or `LAST`.
            go_on: called before each function of this thread; may raise, to end the work.
        """
        before = getattr(self._mine, "rank", FIRST), getattr(self._mine, "go_on", None)
        self._mine.rank, self._mine.go_on = rank, go_on
        with self._free:
            self._claims[rank] += 1
        try:
            yield
        finally:
            self._mine.rank, self._mine.go_on = before
            with self._free:
                self._claims[rank] -= 1
                self._free.notify_all()

    def __enter__(self) -> None:
        rank = getattr(self._mine, "rank", FIRST)
        if (go_on := getattr(self._mine, "go_on", None)) is not None:
            go_on()
        with self._free:
            self._free.wait_for(lambda: not self._running and not any(self._claims[:rank]))
            self._running = True

    def __exit__(self, *_: object) -> None:
        with self._free:
            self._running = False
            self._free.notify_all()


TURNS = Turns()


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

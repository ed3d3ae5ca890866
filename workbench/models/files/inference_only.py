"""A model that gives predictions and nothing else, as a Keras model: one step, no layers, no gradients."""

from __future__ import annotations

import re
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from workbench.core.errors import WorkbenchError
from workbench.core.types import Array
from workbench.core.wording import plural
from workbench.models.files.foreign import Ending, Foreign
from workbench.models.one_unit import Operation

Tensor = Any
MOST_AT_ONCE = 4096
"""Images that a model may ask for in one call."""
COLOURS = (1, 3)
"""Sizes that an axis has which is the channels' one."""


class InferenceOnly(keras.Model):  # type: ignore[misc]  # Keras ships no types
    """A model of another make that takes `(N, H, W, C)`, and gives `(N, K)`, or (N, 1), of its one output that is so.

    Attributes:
        inference_only: what it is, for a sentence.
        file_fingerprint: of its file.
        failure: why its last run failed, which TensorFlow says in words of its own; None where none did.

    Args:
        foreign: what was found in the file.
        fingerprint: of its file.
        classes: K, where it is known; chooses among several outputs.

    Raises:
        WorkbenchError: if its input is no image.
    """

    def __init__(self, foreign: Foreign, *, fingerprint: str, classes: int | None = None) -> None:
        super().__init__(name=re.sub(r"\W+", "_", foreign.name).strip("_") or "model", trainable=False)
        self.inference_only, self.file_fingerprint = foreign.kind, fingerprint
        self._foreign, self._wanted = foreign, classes
        self._chosen: dict[tuple[int, ...], tuple[int, int]] = {}
        self.failure: WorkbenchError | None = None
        if len(foreign.taken) not in (2, 3, 4):
            raise WorkbenchError(
                f"{foreign.name} must take images, (N, H, W, C) or (N, C, H, W). It takes {_shape(foreign.taken)}."
            )
        at_once = foreign.taken[0] or 1
        if at_once > MOST_AT_ONCE:
            raise WorkbenchError(
                f"{foreign.name} takes {plural(at_once, 'image')} at a time, and at most {MOST_AT_ONCE:,} are given. "
                "Export it with an open batch size."
            )
        self._first = _channels_first(foreign)
        self.built = True

    @property
    def inputs(self) -> list[Any]:
        """Its input as (N, H, W, C), with its dtype."""
        _, *size = self._foreign.taken
        size = [*size[1:], size[0]] if self._first else size
        return [keras.KerasTensor((None, *size), self._foreign.dtype)]

    @property
    def ending(self) -> Operation | None:
        """The operation that gives its output, where the file shows it; known once it was called."""
        endings = self._foreign.endings
        return next((_operation(endings[number]) for number, _ in self._chosen.values() if endings), None)

    @property
    def resolution(self) -> float:
        """The step between the values that its output can have; 0 if it is not quantized."""
        return next(
            (self._foreign.resolutions[number] for number, _ in self._chosen.values() if self._foreign.resolutions), 0.0
        )

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """(None, H, W, C), or as few of these as it takes."""
        return tuple(self.inputs[0].shape)

    def __call__(self, images: Tensor, training: bool = False) -> Tensor:
        """`(N, H, W, C)` of what it is given to `(N, K)` float32; no gradient passes."""
        given = tf.transpose(images, (0, 3, 1, 2)) if self._first else tf.convert_to_tensor(images)
        given = _typed(given, np.dtype(self._foreign.dtype))
        size = tuple(given.shape[1:])
        if size not in self._chosen:
            with tf.init_scope():
                self._chosen[size] = self._choose(size)
        number, classes = self._chosen[size]
        if self._foreign.taken[0] is None:
            scores = self._run(given, number)
        else:
            scores = self._in_batches(given, number, self._foreign.taken[0])
        return tf.stop_gradient(tf.reshape(scores, (tf.shape(given)[0], classes)))

    def _run(self, given: Tensor, number: int) -> Tensor:
        """Run the file's model inside of TensorFlow; float32."""

        def run(images: Array) -> Array:
            try:
                return np.asarray(self._foreign.run(images, [number])[0], np.float32)
            except WorkbenchError as error:
                self.failure = error
                raise
            except ValueError as error:
                self.failure = WorkbenchError(f"{self._foreign.name} cannot be run on these images: {error}")
                raise

        return tf.numpy_function(run, [given], tf.float32, stateful=False)

    def _in_batches(self, given: Tensor, number: int, batch: int) -> Tensor:
        """Run a model that takes `batch` images at a time, neither more nor fewer."""
        count = tf.shape(given)[0]
        parts = -(-count // batch)
        padded = tf.pad(given, [[0, parts * batch - count], *[[0, 0]] * (given.shape.rank - 1)])
        stacked = tf.reshape(padded, (parts, batch, *given.shape[1:]))
        classes = self._chosen[tuple(given.shape[1:])][1]

        def scores(part: Tensor) -> Tensor:
            return tf.reshape(self._run(part, number), (batch, classes))

        spec = tf.TensorSpec((batch, classes), tf.float32)
        found = tf.map_fn(scores, stacked, parallel_iterations=1, fn_output_signature=spec)
        return tf.reshape(found, (parts * batch, classes))[:count]

    def _choose(self, size: tuple[int, ...]) -> tuple[int, int]:
        """Run it once on black images, and return which output is (N, K), and K; 1 for one score of two classes."""
        foreign, rows = self._foreign, self._foreign.taken[0] or 2
        black = np.zeros((rows, *size), foreign.dtype)
        try:
            given = foreign.run(black, range(len(foreign.outputs)))
        except WorkbenchError:
            raise
        except ValueError as error:
            raise WorkbenchError(f"{foreign.name} cannot be run on images of shape {size}: {error}") from None
        found = [tuple(each.shape) for each in given]
        fits = [
            (number, max(shape[1:], default=1))
            for number, shape in enumerate(found)
            if shape[:1] == (rows,) and int(np.prod(shape[1:])) == max(shape[1:], default=1)
        ]
        several = [each for each in fits if each[1] > 1]
        single = [(number, size) for number, size in fits if size == 1 and given[number].dtype.kind not in "biu"]
        first, second = (single, several) if self._wanted == 2 else (several, single)
        right = [each for each in several if each[1] == self._wanted] or first or second
        if not right or (len(right) > 1 and right[0][1] != self._wanted):
            shapes = ", ".join(
                f"{name!r} {_shape((None, *shape[1:]))}" for name, shape in zip(foreign.outputs, found, strict=True)
            )
            whole = [each for each in fits if each[1] == 1 and given[each[0]].dtype.kind in "iu"]
            index = " A whole number is that of a class, as an argmax gives it: export the model without it."
            index = index if whole and not several else ""
            raise WorkbenchError(
                f"{foreign.name} must have one output with a score for each of K ≥ 2 classes, (N, K), or one score for "
                f"two classes, (N, 1). It has {shapes}.{index}"
            )
        return right[0]

    def get_config(self) -> dict[str, Any]:
        """It has none: what it is stands in its file alone.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(f"{self._foreign.name} is {self.inference_only}; it cannot be built again.")


def _operation(table: Ending, number: int = 0) -> Operation | None:
    """The operation of a table, with those before it."""
    if number >= len(table):
        return None
    kind, before = table[number]
    return Operation(kind, [lambda each=each: _operation(table, each) for each in before])


def _shape(sizes: tuple[int | None, ...]) -> str:
    return f"({', '.join(['N', *('?' if size is None else str(size) for size in sizes[1:])])})"


def _channels_first(foreign: Foreign) -> bool:
    """Tell (N, C, H, W) from (N, H, W, C) by which axis has the size of colours."""
    if len(foreign.taken) != 4:
        return False
    first, last = (foreign.taken[axis] in COLOURS for axis in (1, 3))
    return first if first != last else foreign.channels_first


def _typed(given: Tensor, dtype: np.dtype[Any]) -> Tensor:
    """Bring floats to what the model takes; whole numbers are rounded, and cut off at the ends of their range."""
    if dtype.kind in "iu":
        ends = np.iinfo(dtype)
        given = tf.clip_by_value(tf.round(given), max(ends.min, -(2**24)), min(ends.max, 2**24))
    return tf.cast(given, dtype.name)

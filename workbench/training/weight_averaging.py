"""A running mean of the weights over the steps of a training; it is often a better network than the last step's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.types import Array

if TYPE_CHECKING:
    import keras


class Averages:
    """Running means of a model's floating-point weights, the statistics of BatchNormalization among them.

    After step t (counted from 0) the mean is `m · mean + (1 − m) · weights`, `m = min(momentum, (1 + t) / (10 + t))`;
    so it does not cling to the first weights. Keras's own `use_ema` leaves the statistics of BatchNormalization out,
    and writes the means over the weights at the end of each call of `fit`.

    Source: Polyak and Juditsky 1992, doi:10.1137/0330046, for averaging; the exponential form and its warm-up are
    those of `tf.train.ExponentialMovingAverage`.

    Args:
        model: whose weights are averaged.
        momentum: in (0, 1).
        before: what `state` returned, to go on from there; None begins with the model's weights.
    """

    def __init__(self, model: keras.Model, momentum: float, before: Mapping[str, Array] | None = None) -> None:
        import tensorflow as tf

        self._momentum = momentum
        self._weights = [weight for weight in model.weights if "float" in str(weight.dtype)]
        first = [np.asarray(weight) for weight in self._weights]
        means = first if before is None else [before[f"mean{number}"] for number in range(len(first))]
        self._steps = tf.Variable(0 if before is None else int(before["steps"]), dtype=tf.int64)
        self._means = [tf.Variable(mean) for mean in means]
        self._step = tf.function(self._update)

    def _update(self) -> None:
        import tensorflow as tf

        done = tf.cast(self._steps, tf.float32)
        momentum = tf.minimum(tf.constant(self._momentum, tf.float32), (1.0 + done) / (10.0 + done))
        for mean, weight in zip(self._means, self._weights, strict=True):
            now = tf.convert_to_tensor(weight.value)
            mean.assign(now + tf.cast(momentum, now.dtype) * (mean - now))
        self._steps.assign_add(1)

    def callback(self) -> Any:
        """Return a Keras callback that counts each step, and lends the means to the model while it is validated."""
        import keras

        averages = self

        class Averaging(keras.callbacks.Callback):  # type: ignore[misc]  # Keras is untyped
            def on_train_batch_end(self, batch: int, logs: object = None) -> None:
                averages._step()

            def on_test_begin(self, logs: object = None) -> None:
                averages._lend()

            def on_test_end(self, logs: object = None) -> None:
                averages._restore()

        return Averaging()

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Give the model the means inside, and its own weights back after it."""
        self._lend()
        try:
            yield
        finally:
            self._restore()

    def keep(self) -> None:
        """Give the model the means for good."""
        self._lend()

    def _lend(self) -> None:
        self._own = [np.asarray(weight) for weight in self._weights]
        for weight, mean in zip(self._weights, self._means, strict=True):
            weight.assign(mean)

    def _restore(self) -> None:
        for weight, own in zip(self._weights, self._own, strict=True):
            weight.assign(own)

    def state(self) -> dict[str, Array]:
        """Return what a checkpoint keeps."""
        return {
            "steps": np.asarray(self._steps),
            **{f"mean{number}": np.asarray(m) for number, m in enumerate(self._means)},
        }

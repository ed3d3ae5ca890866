"""The explained score as tensors: its value, and its gradients by pixels and by feature maps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import tensorflow as tf

from workbench.contracts import Score as ScoreKind

Tensor = Any


@dataclass(frozen=True)
class Trace:
    """Tensors of one walk through the model: every step's output by name, `(B, K)` logits, `(B, D)` embeddings."""

    outputs: dict[str, Tensor]
    logits: Tensor
    embeddings: Tensor


class Tracer(Protocol):
    """What a scorer needs of a probe."""

    max_rows: int

    def trace(self, images: Tensor) -> Trace:
        """Walk through the model."""


class Scorer:
    """The explained score of each image, as tensors inside one compiled function.

    Images have shape (B, H, W, C), or (B, S, H, W, C) for S changed copies of each; scores have (B,) or (B, S).

    Args:
        target: `(B,)` int64, the explained class.
        against: `(B,)` int64, the class it is contrasted with; used by the contrast only.
        kind: "logit" f_c, "probability" softmax(f)_c, or "contrast" f_c - f_c'.
    """

    def __init__(self, probe: Tracer, target: Tensor, against: Tensor, kind: ScoreKind) -> None:
        self.probe, self.target, self.against, self.kind = probe, target, against, kind

    def __call__(self, images: Tensor) -> Tensor:
        """Score of each image."""
        return self._by_rows(lambda rows, *classes: self._pick(self.probe.trace(rows).logits, *classes), images)

    def gradient(self, images: Tensor) -> Tensor:
        """Gradient of each image's score by its own pixels, of the shape of `images`."""

        def gradient(rows: Tensor, *classes: Tensor) -> Tensor:
            with tf.GradientTape() as tape:
                tape.watch(rows)
                scores = self._pick(self.probe.trace(rows).logits, *classes)
            return tape.gradient(scores, rows, unconnected_gradients="zero")

        return self._by_rows(gradient, images)

    def feature_maps_and_gradients(self, images: Tensor, layer: str | None) -> tuple[Tensor, Tensor]:
        """Outputs of `layer` and the score's gradient by them, `(B, h, w, F)` each; only the head runs backward."""
        with tf.GradientTape() as tape:
            tape.watch(images)
            trace = self.probe.trace(images)
            scores = self._pick(trace.logits, self.target, self.against)
        maps = trace.outputs[str(layer)]
        gradients = tape.gradient(scores, maps, unconnected_gradients="zero")
        return tf.cast(maps, tf.float32), tf.cast(gradients, tf.float32)

    def _pick(self, logits: Tensor, target: Tensor, against: Tensor) -> Tensor:
        values = tf.nn.softmax(logits) if self.kind == "probability" else logits
        chosen = tf.gather(values, target, batch_dims=1)
        return chosen - tf.gather(values, against, batch_dims=1) if self.kind == "contrast" else chosen

    def _by_rows(self, function: Callable[..., Tensor], images: Tensor) -> Tensor:
        """Apply `function` to (rows, H, W, C); copies are folded into rows, at most `max_rows` a call."""
        if images.shape.rank == 4:
            return function(images, self.target, self.against)
        copies, size = images.shape[1], self.probe.max_rows
        rows = tf.reshape(images, (-1, *images.shape[2:]))
        arguments = (rows, tf.repeat(self.target, copies), tf.repeat(self.against, copies))
        if copies <= size:  # the caller chose B so that B x S fits
            output = function(*arguments)
        else:
            parts = -(-tf.shape(rows)[0] // size)
            padding = parts * size - tf.shape(rows)[0]
            padded = [tf.pad(each, [[0, padding], *[[0, 0]] * (each.shape.rank - 1)]) for each in arguments]
            stacked = [tf.reshape(each, (parts, size, *each.shape[1:])) for each in padded]
            spec = tf.TensorSpec(function(*(each[0] for each in stacked)).shape, tf.float32)
            # One part at a time: see `_ONE_AT_A_TIME` in probe.py.
            output = tf.map_fn(
                lambda part: function(*part), tuple(stacked), parallel_iterations=1, fn_output_signature=spec
            )
            output = tf.reshape(output, (parts * size, *output.shape[2:]))[: tf.shape(rows)[0]]
        return tf.reshape(output, (-1, copies, *output.shape[1:]))

"""What a probe walks, as a model that can be converted."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from workbench.core.types import Array
from workbench.models.forward_passes.onnx_graph import to_onnx
from workbench.models.graph import Tensor
from workbench.models.preprocessing import Preprocessing
from workbench.models.score_reading import ScoreReading
from workbench.models.trace import Trace

SCORES = "scores"
"""Names the outputs that every converted model has: logits and embeddings."""


class Walked(Protocol):
    """What is asked of a probe."""

    image_shape: tuple[int, int, int]
    max_rows: int
    values: int
    examples: Callable[[], Array] | None
    scores: ScoreReading
    preprocessing: Preprocessing

    def trace(self, images: Tensor, known: Mapping[str, Tensor] | None = None) -> Trace:
        """Walk through the model."""

    @property
    def images(self) -> Any:
        """Signature of its images."""

    def compile(
        self, key: Hashable, function: Callable[..., Any], signature: Sequence[Any], *, by_row: bool = False
    ) -> Callable[..., Any]:
        """Compile a function once for every batch size."""


class TracedModel:
    """The model of a probe, in float32.

    Attributes:
        image_shape: (H, W, C).
        rows: images that are passed forward at a time.
        values: that its layers compute for an image.

    Args:
        probe: whose weights are those of the model.
    """

    def __init__(self, probe: Walked) -> None:
        self._probe = probe
        self.image_shape, self.rows, self.values = probe.image_shape, probe.max_rows, probe.values

    @property
    def about(self) -> str:
        """What its outputs depend on besides its weights: shapes, scaling, how its scores are read."""
        read = {
            name: value for name, value in vars(self._probe.scores).items() if isinstance(value, bool | int | float)
        }
        return f"{self.image_shape} {self._probe.preprocessing.name} {read}"

    def some_images(self) -> Array:
        """`(n, H, W, C)` float32 images of the data, or none."""
        examples = self._probe.examples
        return np.zeros((0, *self.image_shape), np.float32) if examples is None else examples()

    def by_tensorflow(self, images: Array, outputs: str) -> list[Array]:
        """Compute logits and embeddings, or the output of a layer, by TensorFlow."""
        probe = self._probe
        run = probe.compile(
            ("all outputs", outputs), lambda batch: self._outputs(batch, outputs), (probe.images,), by_row=True
        )
        parts = [run(images[start : start + self.rows]) for start in range(0, len(images), self.rows)]
        return [np.concatenate(each) for each in zip(*parts, strict=True)]

    def converted(self, outputs: str) -> bytes:
        """Return an ONNX model that gives the same."""
        signature = [tf.TensorSpec((None, *self.image_shape), tf.float32, name="images")]
        return bytes(to_onnx(lambda images: self._outputs(images, outputs), signature).SerializeToString())

    def _outputs(self, images: Tensor, outputs: str) -> list[Tensor]:
        trace = self._probe.trace(images)
        found = [trace.logits, trace.embeddings] if outputs == SCORES else [trace.maps(outputs)]
        return [tf.cast(each, tf.float32) for each in found]

"""The way from an explained score back to the pixels, or to the channels of a layer, and through some of these only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

from workbench.models.graph import Tensor
from workbench.models.passable_steps import passable_steps, start_of
from workbench.models.relevance import RelevancePass, Rules
from workbench.models.score_start import start_relevance
from workbench.models.trace import Trace, Tracer


@dataclass(frozen=True, eq=False, kw_only=True)
class WayBack:
    """Layer-wise relevance propagation from the scores of some images, inside a compiled function.

    Attributes:
        probe: the model.
        trace: its walk.
        relevance: of the values at which the pass begins, each times the slope of what is explained by it.
        slope: that slope, where they are the logits themselves.
    """

    probe: Tracer
    trace: Trace
    relevance: Tensor
    slope: Tensor | None
    _back: RelevancePass

    @classmethod
    def of(cls, probe: Tracer, images: Tensor, score: Callable[[Trace], Tensor], rules: Rules) -> WayBack:
        """Walk through the model, and find where the way begins.

        Args:
            probe: the model.
            images: `(B, H, W, C)`.
            score: `(B,)` of a trace, what is explained.
            rules: which rule each linear map has.
        """
        with probe.weights_in_place():
            trace = probe.trace(images)
            relevance, slope = start_relevance(trace, score(trace))
            ends = tf.stack([tf.zeros_like(images[0]), tf.ones_like(images[0])])
            steps = passable_steps(trace.steps, trace.head, trace.given)
        back = RelevancePass(steps, rules, probe.floats, lambda: probe.trace(ends).steps)
        return cls(probe=probe, trace=trace, relevance=relevance, slope=slope, _back=back)

    @property
    def start(self) -> Tensor:
        """`(B,)`, what all scores begin with together."""
        return tf.reduce_sum(tf.reshape(self.relevance, (tf.shape(self.relevance)[0], -1)), axis=1)

    def pixels(self) -> Tensor:
        """Return the relevance of each pixel, `(B, H, W, C)`."""
        with self.probe.weights_in_place():
            return self.probe.at_pixels(self._to(self.trace.given))

    def maps(self, layer: str) -> Tensor:
        """Return the relevance of each channel of a layer at each place, `(B, h, w, F)`."""
        with self.probe.weights_in_place():
            return self.trace.places(layer, self._to(self.trace.outputs[layer]))

    def through(self, layer: str, parts: Tensor) -> Tensor:
        """Return the relevance of each pixel that comes through some channels of a layer, `(B, H, W, C)`.

        Of all channels it is the whole, where no way goes around the layer. Source: Achtibat et al. 2023,
        arXiv:2206.03208, equation 5: relevance of other channels is set to zero there, and what is left handed on.

        Args:
            layer: its name.
            parts: `(B, F)`, of the relevance of each of its channels the part that is handed on.
        """
        held = self.trace.outputs[layer]
        with self.probe.weights_in_place():
            found = self._to(held)
            kept = found * tf.reshape(parts, (-1, *[1] * (len(held.shape) - 2), held.shape[-1]))
            return self.probe.at_pixels(self._back.run(self.trace.given, held, kept, None))

    def _to(self, end: Tensor) -> Tensor:
        return self._back.run(end, start_of(self.trace.head), self.relevance, self.slope)

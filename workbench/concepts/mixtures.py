"""What a model makes of images of whose feature maps some factors are weakened or taken away."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from workbench.attribution.designs import sobol_design
from workbench.concepts.factors import Factors
from workbench.core.progress import report
from workbench.core.types import Array
from workbench.models.probe import Probe
from workbench.models.scorer import Tensor, continued

LEAST = 1e-12
"""Variance of the scores, relative to their square, below which no factor matters."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Mixtures:
    """Images whose feature maps are known as sums of factors.

    Attributes:
        probe: the model.
        layer: whose feature maps were factorised.
        factors: R of them.
        images: `(n, H, W, C)` float32 in [0, 1].
        coefficients: `(n, h, w, R)` of the images.
    """

    probe: Probe
    layer: str
    factors: Factors
    images: Array
    coefficients: Array

    def scores(self, shares: Array, *, rest: bool) -> Array:
        """Continue the model from feature maps with other shares of the factors.

        Args:
            shares: `(S, R)` in [0, 1], how much of each factor is kept.
            rest: whether what the factors do not explain of the maps stays, A less what is taken away; if not, they are
                U W alone.

        Returns:
            `(n, S, K)` logits.
        """
        probe, layer, signed = self.probe, self.layer, self.factors.signed
        size = max(1, min(len(shares), probe.max_rows))

        def some(batch: Tensor, parts: Tensor, kept: Tensor, basis: Tensor) -> Tensor:
            whole = probe.trace(batch)
            maps = tf.cast(whole.maps(layer), probe.floats)
            mixed = tf.einsum("bhwr,sr,rf->bshwf", parts, kept - 1 if rest else kept, basis)
            channels = int(maps.shape[-1])
            if signed:
                mixed = mixed[..., :channels] - mixed[..., channels:]
            changed = maps[:, None] + mixed if rest else mixed
            # What is taken away may be more than there is.
            trace = continued(probe, batch, whole, layer, changed if signed else tf.nn.relu(changed))
            return tf.reshape(trace.scores, (tf.shape(batch)[0], -1, probe.classes))

        basis, places, given = (
            each.astype(probe.floats) for each in (self.factors.basis, self.coefficients, np.asarray(shares))
        )
        shapes = ((None, *places.shape[1:]), (None, len(self.factors)), basis.shape)
        signature = (probe.images, *(tf.TensorSpec(shape, probe.floats) for shape in shapes))
        run = probe.compile(("mixtures", layer, signed, rest, shapes), some, signature)
        batch, lines = max(1, probe.max_rows // size), []
        for start in range(0, len(places), batch):
            part = slice(start, start + batch)
            pieces = [given[n : n + size] for n in range(0, len(given), size)]
            lines.append(
                np.concatenate([run(self.images[part], places[part], piece, basis) for piece in pieces], axis=1)
            )
            report("Concepts weakened", min(start + batch, len(places)), len(places))
        return np.concatenate(lines) if lines else np.zeros((0, len(given), probe.classes), np.float32)

    def total_indices(self, target: int, *, designs: int = 32, seed: int = 0) -> Array:
        """Total Sobol index of each factor for the logit of a class: `(n, R)`, share of its variance.

        The variance is that over random shares of all factors, of maps U W alone. Source: CRAFT, arXiv:2211.10154,
        section 3.3; Jansen's estimator.

        Args:
            target: the class.
            designs: random designs, each of R + 1 rows.
            seed: for them.
        """
        count = len(self.factors)
        scores = self.scores(sobol_design(count, designs, seed), rest=False)[..., target].astype(np.float64)
        scores = scores.reshape(len(scores), count + 1, designs)
        changes = ((scores[:, 1:] - scores[:, :1]) ** 2).mean(axis=-1) / 2
        variance = scores[:, 0].var(axis=-1, ddof=1, keepdims=True)
        none = variance <= LEAST * np.square(scores[:, 0]).max(axis=-1, keepdims=True)
        return np.where(none, 0.0, changes / np.where(none, 1.0, variance))

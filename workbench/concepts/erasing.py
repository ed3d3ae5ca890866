"""What a model says of images whose feature maps lie nowhere along a vector."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from workbench.concepts.vectors import cells_of, spread
from workbench.core.types import Array
from workbench.models.probe import Probe
from workbench.models.scorer import Tensor, continued


def logits_without(probe: Probe, images: Array, layer: str, vector: Array, coordinate: float) -> Array:
    """Move the feature maps of each image along a vector until its coordinate is a given one, and continue the model.

    Args:
        probe: the model.
        images: `(n, H, W, C)` float32 in [0, 1].
        layer: whose feature maps are changed.
        vector: `(g, g', F)`, of length 1, over the cells of the maps.
        coordinate: Σ vector · cells, that all images get.

    Returns:
        `(n, K)` logits.
    """

    def scores(batch: Tensor, moves: Tensor, along: Tensor) -> Tensor:
        whole = probe.trace(batch)
        maps = tf.cast(whole.maps(layer), probe.floats)
        changed = maps + moves[:, None, None, None] * along
        return continued(probe, batch, whole, layer, changed[:, None]).logits

    maps = tf.TensorSpec((None,), probe.floats)
    parts = []
    for start in range(0, len(images), probe.max_rows):
        part = images[start : start + probe.max_rows]
        found = probe.feature_maps(part, layer)
        along = spread(vector, found.shape[1:3]).astype(probe.floats)
        run = probe.compile(
            ("erased", layer, found.shape[1:]), scores, (probe.images, maps, tf.TensorSpec(along.shape, probe.floats))
        )
        moves = coordinate - np.einsum("nghf,ghf->n", cells_of(found), vector)
        parts.append(run(part, moves.astype(probe.floats), along))
    return np.concatenate(parts)

"""Influence of training images on a prediction: products of gradients of the last layer."""

from __future__ import annotations

import numpy as np

from workbench.core.types import Array


def residuals(probabilities: Array, classes: Array) -> Array:
    """Gradient of the cross-entropy of a class by the logits: `p - e_c`, `(N, K)` float64.

    Args:
        probabilities: `(N, K)`, softmax of the logits.
        classes: `(N,)` int, the class whose loss is meant.
    """
    values = np.array(probabilities, np.float64)
    values[np.arange(len(values)), classes] -= 1
    return values


def influence(residual: Array, embedding: Array, residuals: Array, embeddings: Array, *, bias: bool = True) -> Array:
    """Measure how much one training step on each of N images lowers the loss of one image, through the last layer.

    With logits `W h + b`, the gradients of two cross-entropies by W and b multiply to `(r · r') (h · h' + 1)`, the
    change of one loss for a small step on the other image, per length of that step. It is taken at the final
    weights, so it measures the influence of these images now, not over all epochs.

    Source: Pruthi et al. 2020, arXiv:2002.08484, equation 3 with one checkpoint, last layer as in section 4.

    Args:
        residual: `(K,)`, `p - e_c` of the image that is explained; c may be any class.
        embedding: `(D,)`, what its last layer receives.
        residuals: `(N, K)`, those of the training images, for their labels.
        embeddings: `(N, D)`, what the last layer receives from them.
        bias: whether the last layer has one.

    Returns:
        `(N,)` float64, nats per unit of learning rate; positive where training on the image supports c.
    """
    alike = np.asarray(residuals @ np.asarray(residual, np.float64))
    return np.asarray(alike * (embeddings @ np.asarray(embedding, np.float64) + float(bias)))

"""Influence of training images on others: products of gradients of the last layer, at one or several checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workbench.core.types import Array


@dataclass(frozen=True, eq=False)
class LastLayer:
    """What the last layer receives from some images and what it says of them, at one checkpoint.

    Attributes:
        embeddings: `(N, D)`, what it receives.
        residuals: `(N, U)` of U outputs, gradients of the losses by these, see `residuals`; of one unit `(N, 1)`.
        rate: learning rate at the checkpoint; 1 where it is not known.
    """

    embeddings: Array
    residuals: Array
    rate: float = 1.0


BLOCK = 2**12
"""Training images that are multiplied together, in float64."""


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
    change of one loss for a small step on the other image, per length of that step. It is taken at one set of
    weights: with the final ones it measures the influence of these images now, not over all epochs (`traced`).

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


def traced(images: Sequence[LastLayer], training: Sequence[LastLayer], *, bias: bool = True) -> Array:
    """Add up the influence of N training images on n images over checkpoints, each times its learning rate: TracInCP.

    Source: Pruthi et al. 2020, arXiv:2002.08484, section 3.2: `Σ_t η_t ∇ℓ(w_t, z) · ∇ℓ(w_t, z')`, by the last layer.

    Args:
        images: of the n images that are explained, for each checkpoint.
        training: of the N training images, for the same checkpoints.
        bias: whether the last layer has one.

    Returns:
        `(n, N)` float64, nats up to the batch size and the number of steps, by which a step in training differs from
        one of the rate on one image; positive where training on the image lowered the loss.
    """
    total = np.zeros((len(images[0].embeddings), len(training[0].embeddings)))
    for one, other in zip(images, training, strict=True):
        errors, received = (each.astype(np.float64) for each in (one.residuals, one.embeddings))
        for start in range(0, total.shape[1], BLOCK):
            some = slice(start, start + BLOCK)
            alike = errors @ other.residuals[some].T.astype(np.float64)
            alike *= received @ other.embeddings[some].T.astype(np.float64) + float(bias)
            total[:, some] += other.rate * alike
    return total


def self_influence(training: Sequence[LastLayer], *, bias: bool = True) -> Array:
    """Influence of each of N training images on its own loss: `(N,)` float64, in the unit of `traced`, never negative.

    `Σ_t η_t |r_t|² (|h_t|² + 1)`: large where an image was, or is, hard to fit, as one with a wrong label.

    Args:
        training: of the images, for each checkpoint.
        bias: whether the last layer has one.
    """
    total = np.zeros(len(training[0].embeddings))
    for each in training:
        squares = np.einsum("nd,nd->n", each.embeddings, each.embeddings, dtype=np.float64) + float(bias)
        total += each.rate * np.einsum("nk,nk->n", each.residuals, each.residuals, dtype=np.float64) * squares
    return total

"""Blur integrated gradients."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
import tensorflow as tf
from keras import ops
from pydantic import Field

from workbench.attribution.bisected_steps import AutoSteps, Tolerance, integrate, rows_of_a_way
from workbench.attribution.explainer import Explainer
from workbench.data.blur import blur_matrix
from workbench.models.engine import held
from workbench.models.probe import Probe
from workbench.models.scorer import Scorer, Tensor

USUAL = 60
"""Steps that most images have by the usual tolerance."""
SHARP = 0.01
"""Standard deviation in pixels below which a blur is none: its weight of the next pixel is exactly 0."""


class BlurIG(Explainer):
    """Each pixel's share of what the score gains while the image grows sharp.

    Integrated gradients along a path of ever less blurred copies: the gradient at each blur times the change of the
    pixel with it. Shares sum to the score less that of the most blurred copy but for the trapezoid rule's error, the
    completeness gap. The k-th of m blurs is (k / m)² of the widest, so that steps are fine where details are lost; auto
    steps halve these, see `integrate`. Source: Xu, Venugopalan and Sundararajan 2020, arXiv:2004.03383, section 3;
    borders as in `blur_matrix`.
    """

    title: ClassVar[str] = "Blur IG"
    paper: ClassVar[str] = "arXiv:2004.03383, sec. 3"
    signed: ClassVar[bool] = True
    use: ClassVar[str] = "Good for contributions without a reference colour; not for flat areas: blurring keeps them."

    steps: AutoSteps = None
    blur: Annotated[
        float, Field(ge=0.02, le=2, description="widest blur: standard deviation, in shorter sides of the image")
    ] = 0.5
    tolerance: Tolerance = 0.05

    def copies(self, probe: Probe) -> int:
        return USUAL if self.steps is None else self.steps + 1

    def at_once(self, probe: Probe) -> int:
        return self.copies(probe) if self.steps else rows_of_a_way(probe, 1, probe.image_shape[2])

    def formula(self, score: Scorer, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        ways = GrowingSharp(images, self.blur)
        if self.steps is None:
            found = integrate(score, ways, difference := score(images) - score(ways.begin()), self.tolerance)
            return found.shares, found.told(difference)
        path = ways.evenly(self.steps)
        shares, _ = gathered(path, score.gradient(path))
        return shares, {"completeness gap": ops.sum(shares, axis=(1, 2)) + score(path[:, 0]) - score(images)}


class GrowingSharp:
    """The ways of images from their most blurred copies: at α the blur is (1 - α)² of the widest.

    Args:
        images: `(P, H, W, C)`.
        widest: standard deviation, in shorter sides of the image.
    """

    def __init__(self, images: Tensor, widest: float) -> None:
        self.images, self.held = images, [int(side) for side in images.shape[1:]]
        self.widest = widest * min(self.held[:2])

    def begin(self) -> Tensor:
        """Most blurred copies, `(P, H, W, C)`."""
        return self.evenly(1)[:, 0]

    def evenly(self, steps: int) -> Tensor:
        """All copies of a number of steps, the most blurred first, `(P, steps + 1, H, W, C)`."""
        sigmas = [self.widest * (k / steps) ** 2 for k in range(steps, -1, -1)]
        down, across = (
            ops.cast(held(np.stack([blur_matrix(side, sigma) for sigma in sigmas])), self.images.dtype)
            for side in self.held[:2]
        )
        return ops.einsum("sHh,bhwc,sWw->bsHWc", down, self.images, across)

    def points(self, number: Tensor, along: Tensor) -> Tensor:
        sigma = self.widest * tf.square(1 - along)
        down, across = (blur_matrices(side, sigma) for side in self.held[:2])
        lines = tf.einsum("mHh,mhwc->mHwc", down, tf.gather(self.images, number))
        return tf.einsum("mWw,mHwc->mHWc", across, lines)

    def hold(self, number: Tensor, gradient: Tensor) -> Tensor:
        return gradient

    def trapezoid(self, numbers: Tensor, along: Tensor, slopes: Tensor) -> tuple[Tensor, Tensor]:
        places = tf.shape(along)[1]
        path = self.points(tf.repeat(numbers, places), tf.reshape(along, (-1,)))
        return gathered(tf.reshape(path, tf.shape(slopes)), slopes)


def gathered(path: Tensor, slopes: Tensor) -> tuple[Tensor, Tensor]:
    """Take the integral of the gradient along paths by the trapezoid rule.

    Args:
        path: `(A, n, H, W, C)` images.
        slopes: `(A, n, H, W, C)`, the gradient there.

    Returns:
        `(A, H, W)`, added over channels; and `(A, n - 1)`, the length of each step's change of the gradient times that
        of the pixels.
    """
    change = path[:, 1:] - path[:, :-1]
    shares = ops.sum((slopes[:, 1:] + slopes[:, :-1]) / 2 * change, axis=(1, -1))
    jumps = ops.sum((slopes[:, 1:] - slopes[:, :-1]) * change, axis=-1)
    return shares, ops.sqrt(ops.sum(ops.square(jumps), axis=(2, 3)))


def blur_matrices(side: int, sigma: Tensor) -> Tensor:
    """`blur_matrix` of one side for each of M standard deviations in pixels, `(M,)`: `(M, n, n)`."""
    apart = tf.constant(np.subtract.outer(np.arange(side), np.arange(side)) ** 2, tf.float64)  # (n, n)
    wide = tf.maximum(tf.cast(sigma, tf.float64), SHARP)[:, None, None]
    weights = tf.exp(-apart / (2 * tf.square(wide)))  # exact: in nearly flat copies rounding decides what is pooled
    return tf.cast(weights / tf.reduce_sum(weights, axis=2, keepdims=True), sigma.dtype)

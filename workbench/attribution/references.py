"""Reference images: what integrated gradients starts from, and what occlusion fills with."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from keras import ops
from pydantic import Field

from workbench.core.params import OnlyWith
from workbench.core.types import Array
from workbench.data.blur import SHARE, blur_matrix
from workbench.models.scorer import Scorer, Tensor

BACKGROUND = 5
"""Training images that a session hands over to be compared with."""
Reference = Annotated[
    Literal["black", "grey", "white", "mean", "blurred"],
    Field(
        description="reference image without evidence: black, grey, white, the image's mean colour, or its blurred copy"
    ),
]
Start = Annotated[
    Literal["black", "grey", "white", "mean", "blurred", "training"],
    Field(description="reference image without evidence; training: average over a few random training images"),
]
Rule = Literal["trapezoid", "gauss-legendre"]
"""How an integral over [0, 1] is taken."""
RuleOfSteps = Annotated[
    Rule,
    Field(description="quadrature with a number of steps: intervals of the trapezoid rule, or Gauss points"),
    OnlyWith("steps", 8),
]

GREYS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Levels of the references "greys"."""


def reference_images(kind: str, images: Tensor) -> Tensor:
    """`(B, H, W, C)` images to their references, of the same shape."""
    if kind == "mean":
        return ops.zeros_like(images) + ops.mean(images, axis=(1, 2), keepdims=True)
    if kind == "blurred":
        sides = [int(side) for side in images.shape[1:3]]
        rows, columns = (ops.cast(blur_matrix(side, SHARE * min(sides)), images.dtype) for side in sides)
        return ops.einsum("Hh,bhwc,Ww->bHWc", rows, images, columns)
    return ops.zeros_like(images) + {"black": 0.0, "grey": 0.5, "white": 1.0}[kind]


def starts(kind: str, score: Scorer, images: Tensor) -> Tensor:
    """`(B, H, W, C)` images to the R references that each of them is compared with, `(B, R, H, W, C)`."""
    if kind == "training" and score.background is not None:
        return ops.zeros_like(images)[:, None] + score.background[None]
    if kind == "greys":
        return ops.zeros_like(images)[:, None] + ops.cast(np.array(GREYS), images.dtype)[:, None, None, None]
    return reference_images(kind, images)[:, None]


def path_to(images: Tensor, start: Tensor, steps: int, rule: Rule = "trapezoid") -> tuple[Tensor, Tensor]:
    """Walk straight from each reference to its image.

    Args:
        images: `(B, H, W, C)`.
        start: `(B, R, H, W, C)`.
        steps: intervals of the trapezoid rule, or points of Gauss and Legendre's.
        rule: how the integral over the way, [0, 1], is taken.

    Returns:
        `(B, R P, H, W, C)` points, P of each way, and their weights, `(P,)`.
    """
    places, weights = quadrature(steps, rule)
    along = ops.cast(places, images.dtype)[:, None, None, None]
    path = start[:, :, None] + along * (images[:, None] - start)[:, :, None]  # (B, R, P, H, W, C)
    return ops.reshape(path, (-1, start.shape[1] * len(places), *images.shape[1:])), ops.cast(weights, images.dtype)


def quadrature(steps: int, rule: Rule) -> tuple[Array, Array]:
    """Return the points of a rule in [0, 1] and their weights, `(P,)` float64 each; P is `steps`, or one more."""
    if rule == "gauss-legendre":
        places, weights = np.polynomial.legendre.leggauss(steps)
        return (places + 1) / 2, weights / 2
    weights = np.full(steps + 1, 1 / steps)
    weights[[0, -1]] /= 2
    return np.linspace(0, 1, steps + 1), weights

"""FullGrad."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, ClassVar, Literal

import numpy as np
from keras import ops
from pydantic import Field

from workbench.attribution.explainer import Explainer
from workbench.core.attribution import half_pixel
from workbench.core.types import Array
from workbench.models.scorer import Scorer, Tensor

TINY = 1e-30
"""Span of a map below which it is flat."""


class FullGrad(Explainer):
    """What the pixels and the biases of all layers contribute to the score, each where it acts.

    Pixels: brightness times gradient; layers: what each adds by itself times the gradient by its output, enlarged to
    the image. "signed" adds them up: with the biases of layers without places, a number beside the map, they are the
    score. "paper" adds magnitudes, each layer's stretched to 0…1. Source: Srinivas and Fleuret 2019, arXiv:1905.00780.
    """

    title: ClassVar[str] = "FullGrad"
    paper: ClassVar[str] = "arXiv:1905.00780, prop. 1"
    signed: ClassVar[bool] = True
    use: ClassVar[str] = (
        "Good for all that the score is made of, biases too; not for detail: layers' maps are enlarged."
    )

    addition: Annotated[
        Literal["signed", "paper"],
        Field(description="signed: contributions; paper: magnitudes, each layer's stretched to 0…1"),
    ] = "signed"

    def formula(self, score: Scorer, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        pixels, placed, others, scores = score.full_gradient(images)
        placeless = sum((_sum(each) for each in others), ops.zeros_like(scores))
        gap = sum((_sum(each) for each in placed), _sum(pixels)) + placeless - scores
        if self.addition == "paper":
            values = sum(_enlarged(_stretched(each), images, half_pixel) for each in (pixels, *placed))
        else:
            values = sum(_enlarged(each, images, spreading) for each in (pixels, *placed))
        return values, {"completeness gap": gap, "biases without a place": placeless}


def _sum(parts: Tensor) -> Tensor:
    """`(B, …)` to `(B,)`."""
    return ops.sum(ops.reshape(parts, (ops.shape(parts)[0], -1)), axis=1)


def _stretched(parts: Tensor) -> Tensor:
    """Magnitudes of `(B, h, w, F)` contributions, stretched to 0…1 in each image."""
    sizes = ops.abs(parts)
    sizes -= ops.min(sizes, axis=(1, 2, 3), keepdims=True)
    return sizes / ops.maximum(ops.max(sizes, axis=(1, 2, 3), keepdims=True), TINY)


def _enlarged(parts: Tensor, images: Tensor, matrix: Callable[[int, int], Array]) -> Tensor:
    """Add the channels of `(B, h, w, F)` and enlarge what they give to the image, `(B, H, W)`."""
    rows, columns = (
        ops.cast(matrix(int(small), int(large)), images.dtype)
        for small, large in zip(parts.shape[1:3], images.shape[1:3], strict=True)
    )
    return ops.matmul(ops.matmul(rows, ops.sum(parts, axis=-1)), ops.transpose(columns))


def spreading(small: int, large: int) -> Array:
    """Enlarging that adds up to what there was: `(large, small)`, `half_pixel` with columns that add up to 1.

    Where there are fewer places than values, each value goes to the places nearest to it.
    """
    weights = half_pixel(small, large) if small <= large else half_pixel(large, small).T
    return np.asarray(weights / weights.sum(axis=0))

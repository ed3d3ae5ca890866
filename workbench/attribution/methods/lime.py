"""LIME."""

from __future__ import annotations

from typing import Annotated, ClassVar

from keras import ops
from pydantic import Field

from workbench.attribution.coalitions import coin_coalitions
from workbench.attribution.surrogate import Surrogate, least_squares
from workbench.core.types import Array
from workbench.models.scorer import Tensor


class Lime(Surrogate):
    """Weight of each region in a linear model fitted to the network's scores near the image.

    Its R² measures the fit. Source: Ribeiro, Singh and Guestrin 2016, arXiv:1602.04938, section 3.4, equation 2.
    """

    title: ClassVar[str] = "LIME"
    paper: ClassVar[str] = "arXiv:1602.04938, eq. 2"
    signed: ClassVar[bool] = True
    unit: ClassVar[str] = "score per region"
    use: ClassVar[str] = "Good for a simple local account of any model; not for images on which its R² is low."

    width: Annotated[float, Field(ge=0.05, le=5, description="kernel width, a distance from the image")] = 0.25

    def coalitions(self, count: int) -> Array:
        return coin_coalitions(count, self.samples, self.seed)

    def fit(self, shown: Tensor, scores: Tensor, present: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        share = ops.matmul(present, ops.transpose(shown)) / ops.maximum(ops.sum(present, axis=1, keepdims=True), 1)
        weights = ops.exp(-(((1 - ops.sqrt(share)) / self.width) ** 2))  # of the cosine distance between z and 1
        parts = weights / ops.sum(weights, axis=1, keepdims=True)
        design = present[:, None] * shown  # (B, S, d)
        middle, level = ops.matmul(parts[:, None], design), ops.sum(parts * scores, axis=1, keepdims=True)
        found = least_squares(design - middle, weights, scores - level, ridge=1)
        return found, level - ops.sum(found * middle[:, 0], axis=1, keepdims=True), weights

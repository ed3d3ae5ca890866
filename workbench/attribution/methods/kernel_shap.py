"""KernelSHAP."""

from __future__ import annotations

from typing import ClassVar

from keras import ops

from workbench.attribution.coalitions import shapley_coalitions
from workbench.attribution.surrogate import Surrogate, least_squares
from workbench.core.types import Array
from workbench.models.scorer import Tensor


class KernelShap(Surrogate):
    """Shapley value of each region: what it adds to the score, averaged over all orders of adding regions.

    Together the regions' values are the score less that of the reference image.
    Source: Lundberg and Lee 2017, arXiv:1705.07874, theorem 2.
    """

    title: ClassVar[str] = "KernelSHAP"
    paper: ClassVar[str] = "arXiv:1705.07874, theorem 2"
    signed: ClassVar[bool] = True
    unit: ClassVar[str] = "score per region"
    use: ClassVar[str] = "Good for contributions that add up, with any model; not for detail finer than a region."

    def coalitions(self, count: int) -> Array:
        return shapley_coalitions(count, self.samples, self.seed)[0]

    def fit(self, shown: Tensor, scores: Tensor, present: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        weights = shapley_coalitions(shown.shape[1], self.samples, self.seed)[1][None]
        count = ops.maximum(ops.sum(present, axis=1, keepdims=True), 1)
        part = ops.matmul(present, ops.transpose(shown)) / count  # (B, S), share of the regions that is shown
        empty, gain = scores[:, :1], scores[:, 1:2] - scores[:, :1]  # v(0), v(1) - v(0)
        # phi = gain / d + u with sum u = 0 meets both constraints; u is fitted, by z phi = gain k / d + (z - k / d) u
        design = present[:, None] * (shown - part[..., None])
        u = least_squares(design, weights, scores - empty - gain * part, ridge=1e-8 * weights.size)
        return present * gain / count + u, empty, weights

"""Blur integrated gradients."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from keras import ops
from pydantic import Field

from workbench.attribution.explainer import Explainer
from workbench.core.types import Array
from workbench.data.blur import blur_matrix
from workbench.models.engine import held
from workbench.models.probe import Probe
from workbench.models.scorer import Scorer, Tensor


class BlurIG(Explainer):
    """Each pixel's share of what the score gains while the image grows sharp.

    Integrated gradients along a path of ever less blurred copies: the gradient at each blur times the change of the
    pixel with it. Shares sum to the score less that of the most blurred copy but for the trapezoid rule's error, the
    completeness gap. The k-th of m blurs is (k / m)² of the widest, so that steps are fine where details are lost.
    Source: Xu, Venugopalan and Sundararajan 2020, arXiv:2004.03383, section 3; borders as in `blur_matrix`.
    """

    title: ClassVar[str] = "Blur IG"
    paper: ClassVar[str] = "arXiv:2004.03383, sec. 3"
    signed: ClassVar[bool] = True
    use: ClassVar[str] = "Good for contributions without a reference colour; not for flat areas: blurring keeps them."

    steps: Annotated[int, Field(ge=2, le=500, description="blurs on the way, intervals of the trapezoid rule")] = 50
    blur: Annotated[
        float, Field(ge=0.02, le=2, description="widest blur: standard deviation, in shorter sides of the image")
    ] = 0.5

    def copies(self, probe: Probe) -> int:
        return self.steps + 1

    def blurs(self, side: int, shorter: int) -> Array:
        """Weights of all blurs along one side, the widest first: `(steps + 1, n, n)`."""
        widest = self.blur * shorter
        return np.stack([blur_matrix(side, widest * (k / self.steps) ** 2) for k in range(self.steps, -1, -1)])

    def formula(self, score: Scorer, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        height, width = (int(side) for side in images.shape[1:3])
        down, across = (ops.cast(held(self.blurs(side, min(height, width))), images.dtype) for side in (height, width))
        path = ops.einsum("sHh,bhwc,sWw->bsHWc", down, images, across)  # (B, steps + 1, H, W, C)
        slopes = score.gradient(path)
        shares = ops.sum((slopes[:, 1:] + slopes[:, :-1]) / 2 * (path[:, 1:] - path[:, :-1]), axis=(1, -1))
        return shares, {"completeness gap": ops.sum(shares, axis=(1, 2)) + score(path[:, 0]) - score(images)}

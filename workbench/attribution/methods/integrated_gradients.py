"""Integrated gradients."""

from __future__ import annotations

from typing import Annotated, ClassVar

from keras import ops
from pydantic import Field

from workbench.attribution.explainer import Explainer
from workbench.attribution.references import BACKGROUND, Start, path_to, starts
from workbench.models.probe import Probe
from workbench.models.scorer import Scorer, Tensor


class IntegratedGradients(Explainer):
    """Each pixel's share of the score's difference to a reference image.

    They sum to that difference but for the trapezoid rule's error, the completeness gap. Source: Sundararajan et al.
    2017, arXiv:1703.01365, equations 1 and 3; several references: Erion et al. 2019, arXiv:1906.10670, equation 3.
    """

    title: ClassVar[str] = "Integrated gradients"
    paper: ClassVar[str] = "arXiv:1703.01365, eq. 1, 3"
    signed: ClassVar[bool] = True
    use: ClassVar[str] = "Good for contributions that add up; not for pixels equal to the reference: they get 0."

    steps: Annotated[int, Field(ge=2, le=500, description="integration steps, intervals of the trapezoid rule")] = 50
    reference: Start = "black"

    def copies(self, probe: Probe) -> int:
        return (self.steps + 1) * (BACKGROUND if self.needs_background else 1)

    def formula(self, score: Scorer, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        start = starts(self.reference, score, images)  # (B, R, H, W, C)
        path, weights = path_to(images, start, self.steps)  # (B, R (steps + 1), H, W, C), (steps + 1,)
        slopes = ops.reshape(score.gradient(path), (-1, start.shape[1], self.steps + 1, *images.shape[1:]))
        shares = (images[:, None] - start) * ops.einsum("m,brmhwc->brhwc", weights, slopes)
        gap = ops.mean(ops.sum(shares, axis=(2, 3, 4)) + score(start), axis=1) - score(images)
        return ops.mean(ops.sum(shares, axis=-1), axis=1), {"completeness gap": gap}

"""Blur integrated gradients."""

from __future__ import annotations

from typing import Annotated, ClassVar

from keras import ops
from pydantic import Field

from workbench.attribution.bisected_steps import AutoSteps, Tolerance, integrate, rows_of_a_way
from workbench.attribution.explainer import Explainer
from workbench.attribution.growing_sharp import GrowingSharp, gathered
from workbench.models.probe import Probe
from workbench.models.scorer import Scorer, Tensor

USUAL = 60
"""Steps that most images have by the usual tolerance."""


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

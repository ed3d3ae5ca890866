"""Sobol attribution."""

from __future__ import annotations

from typing import Annotated, ClassVar

from keras import ops
from pydantic import Field

from workbench.attribution.designs import sobol_design
from workbench.attribution.hidden_regions import HiddenRegions
from workbench.attribution.regions import regions_of
from workbench.core.params import Seed
from workbench.models.probe import Probe
from workbench.models.scorer import Scorer, Tensor

ROUNDING = 1e-6
"""Standard deviation of scores, as a share of the largest, below which they do not vary."""


class Sobol(HiddenRegions):
    """Total Sobol index of each region: share of the score's variance that dimming it causes, alone and with others.

    Every region is mixed with the reference to a random degree. Shares add up to more than 1 where regions interact.
    Source: Fel et al. 2021, arXiv:2111.04138, section 3; Jansen's estimator: Jansen 1999.
    """

    title: ClassVar[str] = "Sobol"
    paper: ClassVar[str] = "arXiv:2111.04138, sec. 3"
    unit: ClassVar[str] = "share of the variance"
    use: ClassVar[str] = (
        "Good for regions that matter only together, with any model; not for whether they speak for it."
    )

    designs: Annotated[
        int, Field(ge=4, le=256, description="random designs; each takes a copy for every region and one more")
    ] = 32
    seed: Seed = Field(0, description="seed for the designs")

    def copies(self, probe: Probe) -> int:
        return self.designs * (self.most(probe) + 1)

    def formula(self, score: Scorer, images: Tensor) -> Tensor:
        regions = regions_of(self.regions, images, self.side)
        scores = self.scores_of(score, images, regions, sobol_design(regions.count, self.designs, self.seed))
        scores = ops.reshape(scores, (-1, regions.count + 1, self.designs))
        changes = ops.mean(ops.square(scores[:, 1:] - scores[:, :1]), axis=-1) / 2  # (B, d)
        variance = ops.var(scores[:, 0], axis=-1, keepdims=True) * self.designs / (self.designs - 1)
        varies = variance > (ROUNDING * ops.max(ops.abs(scores[:, 0]), axis=-1, keepdims=True)) ** 2
        shares = ops.where(varies, changes / ops.where(varies, variance, 1), 0)
        return regions.at_pixels(ops.cast(shares, images.dtype))

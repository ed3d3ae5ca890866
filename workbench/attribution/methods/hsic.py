"""HSIC attribution."""

from __future__ import annotations

from typing import Annotated, ClassVar

from keras import ops
from pydantic import Field

from workbench.attribution.designs import halved_design
from workbench.attribution.hidden_regions import HiddenRegions
from workbench.attribution.regions import regions_of
from workbench.core.params import Seed
from workbench.models.engine import held
from workbench.models.probe import Probe
from workbench.models.scorer import Scorer, Tensor

ROUNDING = 1e-6
"""Least width of the scores' kernel, as a share of the largest score: less is rounding."""


class Hsic(HiddenRegions):
    """How much the score depends on whether each region is shown: Hilbert-Schmidt independence criterion.

    tr(KHLH) / (n - 1)² over random masks; K is 1 where two masks both show or both hide the region; L is a Gaussian
    kernel of their scores, as wide as the scores' standard deviation. Source: Novello, Fel and Vigouroux 2022,
    arXiv:2206.06219, section 3; the estimator: Gretton et al. 2005.
    """

    title: ClassVar[str] = "HSIC"
    paper: ClassVar[str] = "arXiv:2206.06219, sec. 3"
    unit: ClassVar[str] = "HSIC"
    use: ClassVar[str] = (
        "Good for dependence of any kind from few masks; not for whether a region speaks for the class."
    )

    masks: Annotated[int, Field(ge=10, le=5000, description="number of random masks")] = 500
    seed: Seed = Field(0, description="seed for the random masks")

    def copies(self, probe: Probe) -> int:
        return self.masks

    def formula(self, score: Scorer, images: Tensor) -> Tensor:
        regions = regions_of(self.regions, images, self.side)
        shown = halved_design(regions.count, self.masks, self.seed)
        scores = self.scores_of(score, images, regions, shown)  # (B, n)
        width = ops.std(scores, axis=1, keepdims=True) + ROUNDING * ops.max(ops.abs(scores), axis=1, keepdims=True)
        scaled = scores / (width + 1e-300)
        alike = ops.exp(-ops.square(scaled[:, :, None] - scaled[:, None]) / 2)  # L, (B, n, n)
        means = ops.mean(alike, axis=1, keepdims=True)
        centred = alike - means - ops.transpose(means, (0, 2, 1)) + ops.mean(means, axis=2, keepdims=True)  # HLH
        sides = 2 * ops.cast(held(shown), "float64") - 1  # (n, d): K = (1 + s sᵀ) / 2, whose constant H takes out
        depends = ops.sum(ops.matmul(centred, sides) * sides, axis=1) / 2  # (B, d)
        return regions.at_pixels(ops.cast(ops.maximum(depends, 0) / (self.masks - 1) ** 2, images.dtype))

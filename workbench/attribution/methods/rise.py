"""RISE."""

from __future__ import annotations

from typing import ClassVar

from keras import ops
from pydantic import Field

from workbench.attribution.explainer import Perturbation
from workbench.attribution.masks import Count, Grid, Normalised, Probability, random_masks
from workbench.attribution.patches import masked_copies
from workbench.core.params import Seed
from workbench.models.probe import Probe
from workbench.models.scorer import Scorer, Tensor


class Rise(Perturbation):
    """Mean score over random black masks that leave the pixel visible; the paper explains the probability.

    Source: Petsiuk, Das and Saenko 2018, arXiv:1806.07421, equation 6.
    """

    title: ClassVar[str] = "RISE"
    paper: ClassVar[str] = "arXiv:1806.07421, eq. 6"
    signed: ClassVar[bool] = True
    use: ClassVar[str] = "Good for what any model needs to see; not for fine detail: masks are coarse."
    masks: Count = 1000
    grid: Grid = 7
    probability: Probability = 0.5
    normalised: Normalised = "paper"
    seed: Seed = Field(0, description="seed for the random masks")

    def copies(self, probe: Probe) -> int:
        return self.masks

    def formula(self, score: Scorer, images: Tensor) -> Tensor:
        masks = random_masks(images.shape[1:], self.masks, self.grid, self.probability, self.seed)
        scores = score.of_copies(self.masks, masked_copies(lambda n: masks.at(n, images.dtype), images))
        paper = self.normalised == "paper"
        shown = masks.total(scores) / (self.masks * self.probability) if paper else masks.mean(scores)
        return shown - ops.mean(scores, axis=1)[:, None, None] if self.normalised == "centred" else shown

"""GradientSHAP."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from keras import ops
from pydantic import Field

from workbench.attribution.noise import Noisy
from workbench.attribution.references import starts
from workbench.core.types import Array
from workbench.models.scorer import Scorer, Tensor


class GradientShap(Noisy):
    """Expected share of each pixel in the score's difference to random reference images, from random points between.

    A sample is the gradient at a random point between a random reference and a noisy copy of the image, times their
    difference; points are drawn from as many equal parts of the way as there are samples. Shares sum to the mean
    difference but for noise and chance, the completeness gap. Source: Lundberg and Lee 2017,
    arXiv:1705.07874, as their library has it; the expectation: Erion et al. 2019, arXiv:1906.10670, equation 3.
    """

    title: ClassVar[str] = "GradientSHAP"
    paper: ClassVar[str] = "arXiv:1705.07874; arXiv:1906.10670, eq. 3"
    signed: ClassVar[bool] = True
    use: ClassVar[str] = "Good for contributions against many references; not for exact sums: few samples leave a gap."

    noise: Annotated[
        float, Field(ge=0, le=1, description="standard deviation of the noise, as a share of the image's range")
    ] = 0.05
    reference: Annotated[
        Literal["greys", "black", "grey", "white", "mean", "blurred", "training"],
        Field(
            description="references to draw from: greys, five flat images from black to white; a few training images; "
            "or one, as integrated gradients has it"
        ),
    ] = "greys"

    def draws(self, references: int) -> tuple[Array, Array]:
        """Draw each sample's reference, `(samples,)` int, and how far from it the sample lies, of 0 to 1."""
        chance = np.random.default_rng(self.seed)
        which = chance.permutation(np.arange(self.samples) % references)
        return which, (np.arange(self.samples) + chance.random(self.samples)) / self.samples

    def formula(self, score: Scorer, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        references = starts(self.reference, score, images)  # (B, R, H, W, C)
        which, along = self.draws(references.shape[1])
        start = ops.take(references, which, axis=1)  # (B, samples, H, W, C)
        way, far = self.noisy(images) - start, ops.cast(along, images.dtype)[:, None, None, None]
        shares = ops.sum(ops.mean(way * score.gradient(start + far * way), axis=1), axis=-1)
        often = ops.cast(np.bincount(which, minlength=references.shape[1]) / self.samples, images.dtype)
        gap = ops.sum(shares, axis=(1, 2)) + ops.sum(score(references) * often, axis=1) - score(images)
        return shares, {"completeness gap": gap}

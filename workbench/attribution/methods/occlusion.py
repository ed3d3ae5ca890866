"""Occlusion."""

from __future__ import annotations

from typing import ClassVar

from pydantic import model_validator

from workbench.attribution.explainer import Perturbation
from workbench.attribution.patches import Size, Stride, masked_copies, refuse_gaps, sliding_patches
from workbench.attribution.references import Reference, reference_images
from workbench.models.probe import Probe
from workbench.models.scorer import Scorer, Tensor


class Occlusion(Perturbation):
    """Drop of the score when a patch is hidden, averaged over all patches that cover the pixel.

    Source: Zeiler and Fergus 2013, arXiv:1311.2901, section 4.2.
    """

    title: ClassVar[str] = "Occlusion"
    paper: ClassVar[str] = "arXiv:1311.2901, sec. 4.2"
    signed: ClassVar[bool] = True
    use: ClassVar[str] = "Good for a direct test of any model; not for evidence spread over more than one patch."
    size: Size = None
    stride: Stride = None
    reference: Reference = "black"

    @model_validator(mode="after")
    def _without_gaps(self) -> Occlusion:
        return refuse_gaps(self)

    def copies(self, probe: Probe) -> int:
        return len(sliding_patches(probe.image_shape, self.size, self.stride))

    def formula(self, score: Scorer, images: Tensor) -> Tensor:
        patches = sliding_patches(images.shape[1:], self.size, self.stride)
        hidden = masked_copies(
            lambda n: 1 - patches.at(n, images.dtype), images, reference_images(self.reference, images)
        )
        return patches.mean(score(images)[:, None] - score.of_copies(len(patches), hidden))

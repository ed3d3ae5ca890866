"""Occlusion."""

from __future__ import annotations

from typing import ClassVar

from keras import ops

from workbench.explainers.base import Explainer
from workbench.explainers.patches import Size, Stride, sliding_patches
from workbench.explainers.references import Reference, reference_images
from workbench.scorer import Scorer, Tensor


class Occlusion(Explainer):
    """How much the score drops when a patch over the pixel is hidden.

    It is the mean over all patches that cover the pixel.

    Source: Zeiler and Fergus 2013, arXiv:1311.2901, section 4.2.
    """

    title: ClassVar[str] = "Occlusion"
    paper: ClassVar[str] = "arXiv:1311.2901, sec. 4.2"
    signed: ClassVar[bool] = True

    size: Size = None
    stride: Stride = None
    reference: Reference = "black"

    def copies(self, image_shape: tuple[int, int, int]) -> int:
        return len(sliding_patches(image_shape, self.size, self.stride))

    def formula(self, score: Scorer, images: Tensor) -> Tensor:
        patches = sliding_patches(images.shape[1:], self.size, self.stride)  # (S, H, W, 1)
        hidden = images[:, None] * (1 - patches) + reference_images(self.reference, images)[:, None] * patches
        drops = score(images)[:, None] - score(hidden)  # (B, S)
        return ops.einsum("bs,shw->bhw", drops, patches[..., 0]) / patches[..., 0].sum(axis=0)

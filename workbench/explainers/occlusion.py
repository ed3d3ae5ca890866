"""Occlusion."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from keras import ops
from pydantic import Field

from workbench.contracts import Array
from workbench.explainers.base import Explainer
from workbench.explainers.references import Reference, reference_images
from workbench.scorer import Scorer, Tensor


class Occlusion(Explainer):
    """How much the score drops when a patch over a pixel is hidden: the mean over the patches that cover it.

    The last patch of a row or column is moved inside, so that every pixel is covered.

    Source: Zeiler and Fergus 2013, arXiv:1311.2901, section 4.2.
    """

    title: ClassVar[str] = "Occlusion"
    paper: ClassVar[str] = "arXiv:1311.2901, sec. 4.2"
    signed: ClassVar[bool] = True

    size: Annotated[
        int | None, Field(ge=1, le=512, description="side of the patch in pixels; a seventh of the image, if not given")
    ] = None
    stride: Annotated[
        int | None, Field(ge=1, le=512, description="pixels from patch to patch; half the size, if not given")
    ] = None
    reference: Reference = "black"

    def copies(self, image_shape: tuple[int, int, int]) -> int:
        return len(self._patches(image_shape))

    def _patches(self, image_shape: tuple[int, ...]) -> Array:
        """`(S, H, W, 1)` float32, 1 where a patch hides the image."""
        size = min(self.size or max(1, min(image_shape[:2]) // 7), *image_shape[:2])
        stride = min(self.stride or max(1, size // 2), size)  # a longer stride would leave pixels uncovered
        tops, lefts = ([*range(0, side - size, stride), side - size] for side in image_shape[:2])
        patches = np.zeros((len(tops) * len(lefts), *image_shape[:2], 1), np.float32)
        for patch, (top, left) in zip(patches, ((top, left) for top in tops for left in lefts), strict=True):
            patch[top : top + size, left : left + size] = 1
        return patches

    def formula(self, score: Scorer, images: Tensor) -> Tensor:
        patches = self._patches(images.shape[1:])
        hidden = images[:, None] * (1 - patches) + reference_images(self.reference, images)[:, None] * patches
        drops = score(images)[:, None] - score(hidden)  # (B, S)
        return ops.einsum("bs,shw->bhw", drops, patches[..., 0]) / patches[..., 0].sum(axis=0)

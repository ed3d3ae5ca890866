"""Integrated gradients."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from keras import ops
from pydantic import Field

from workbench.explainers.base import Explainer
from workbench.explainers.references import Reference, reference_images
from workbench.scorer import Scorer, Tensor


class IntegratedGradients(Explainer):
    """Each pixel's share of the score's difference to a reference image.

    They sum to that difference up to the trapezoid rule's error; a pixel equal to its reference gets exactly zero.

    Source: Sundararajan et al. 2017, arXiv:1703.01365, equations 1 and 3.
    """

    title: ClassVar[str] = "Integrated gradients"
    paper: ClassVar[str] = "arXiv:1703.01365, eq. 1, 3"
    signed: ClassVar[bool] = True

    steps: Annotated[int, Field(ge=2, le=500, description="intervals of the trapezoid rule")] = 50
    reference: Reference = "black"

    def copies(self, image_shape: tuple[int, int, int]) -> int:
        return self.steps + 1

    def formula(self, score: Scorer, images: Tensor) -> Tensor:
        start = reference_images(self.reference, images)
        along = np.linspace(0, 1, self.steps + 1, dtype=np.float32)[:, None, None, None]
        weights = np.where((along == 0) | (along == 1), 0.5, 1).astype(np.float32) / self.steps
        path = start[:, None] + along * (images - start)[:, None]  # (B, steps + 1, H, W, C)
        mean = ops.sum(weights * score.gradient(path), axis=1)
        return ops.sum((images - start) * mean, axis=-1)

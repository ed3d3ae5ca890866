"""Grad-CAM."""

from __future__ import annotations

from typing import ClassVar

from keras import ops

from workbench.attribution.explainer import Explainer, Layer
from workbench.models.scorer import Scorer, Tensor


class GradCAM(Explainer):
    """Feature maps of one layer, weighted by the score's mean gradient; positive evidence only.

    Source: Selvaraju et al. 2017, arXiv:1610.02391, equations 1 and 2.
    """

    title: ClassVar[str] = "Grad-CAM"
    paper: ClassVar[str] = "arXiv:1610.02391, eq. 1-2"
    use: ClassVar[str] = "Good for where the evidence for a class is; not for detail finer than the layer's grid."

    layer: Layer = None

    def formula(self, score: Scorer, images: Tensor) -> Tensor:
        maps, gradients = score.feature_maps_and_gradients(images, self.layer)  # both (B, h, w, F)
        weights = ops.mean(gradients, axis=(1, 2), keepdims=True)
        return ops.relu(ops.sum(weights * maps, axis=-1))

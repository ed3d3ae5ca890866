"""XGrad-CAM."""

from __future__ import annotations

from typing import ClassVar

from keras import ops

from workbench.attribution.channels import ROUNDING, add_up
from workbench.attribution.explainer import Explainer, Layer
from workbench.models.scorer import Scorer, Tensor


class XGradCAM(Explainer):
    """Feature maps of one layer, weighted by the score's gradient where they are active; positive evidence only.

    Before what is negative is cut off, the map adds up to that of HiResCAM. Source: Fu et al. 2020, arXiv:2008.02312,
    weights of XGrad-CAM. A map that sums to zero has no weight: the printed fraction would divide by zero.
    """

    title: ClassVar[str] = "XGrad-CAM"
    paper: ClassVar[str] = "arXiv:2008.02312"
    use: ClassVar[str] = (
        "Good for a Grad-CAM that adds up to the score; not for layers without ReLU: sums near 0 blow up."
    )

    layer: Layer = None

    def formula(self, score: Scorer, images: Tensor) -> Tensor:
        maps, gradients = score.feature_maps_and_gradients(images, self.layer)  # both (B, h, w, F)
        total = ops.sum(maps, axis=(1, 2))
        empty = ops.abs(total) <= ROUNDING * ops.sum(ops.abs(maps), axis=(1, 2))
        weights = ops.sum(maps * gradients, axis=(1, 2)) / ops.where(empty, ops.ones_like(total), total)
        return add_up(maps, ops.where(empty, ops.zeros_like(total), weights))

"""Grad-CAM++."""

from __future__ import annotations

from typing import ClassVar

from keras import ops

from workbench.attribution.channels import add_up
from workbench.attribution.explainer import Explainer, Layer
from workbench.models.scorer import Scorer, Tensor


class GradCAMPlusPlus(Explainer):
    """Feature maps of one layer, weighted by the score's positive gradients; positive evidence only.

    Source: Chattopadhyay et al. 2017, arXiv:1710.11063, equations 7, 10 and 19. The printed alpha is 1 / (2 + S G) of
    the gradient G and the sum S of a map. exp(score), a factor of all weights, is left out. S below zero, as a layer
    without ReLU can give, counts as zero: the printed fraction would turn its sign there, or divide by zero.
    """

    title: ClassVar[str] = "Grad-CAM++"
    paper: ClassVar[str] = "arXiv:1710.11063, eq. 7, 10, 19"
    use: ClassVar[str] = "Good for several objects of one class; not for amounts: it is not linear in the score."

    layer: Layer = None

    def formula(self, score: Scorer, images: Tensor) -> Tensor:
        maps, gradients = score.feature_maps_and_gradients(images, self.layer)  # both (B, h, w, F)
        rises = ops.relu(gradients)
        total = ops.relu(ops.sum(maps, axis=(1, 2), keepdims=True))
        return add_up(maps, ops.sum(rises / (2 + total * rises), axis=(1, 2)))

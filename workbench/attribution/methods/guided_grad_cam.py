"""Guided Grad-CAM."""

from __future__ import annotations

from typing import ClassVar

from keras import ops

from workbench.attribution.explainer import Layer
from workbench.attribution.methods.grad_cam import GradCAM
from workbench.attribution.methods.guided_backprop import GuidedBackprop
from workbench.core.attribution import half_pixel
from workbench.models.scorer import Scorer, Tensor


class GuidedGradCAM(GuidedBackprop):
    """Fine structure where the evidence for the class is: guided backpropagation times Grad-CAM.

    Grad-CAM is upsampled to the image's size bilinearly, with half-pixel centres.
    Source: Selvaraju et al. 2017, arXiv:1610.02391, section 3.2.
    """

    title: ClassVar[str] = "Guided Grad-CAM"
    paper: ClassVar[str] = "arXiv:1610.02391, sec. 3.2"
    unit: ClassVar[str] = "score² per unit of brightness"
    use: ClassVar[str] = (
        "Good for fine detail at a class's place; not for amounts: the detail hardly depends on the class."
    )
    family: ClassVar[str] = "gradient"

    layer: Layer = None

    def formula(self, score: Scorer, images: Tensor) -> Tensor:
        cam = GradCAM(layer=self.layer).formula(score, images)  # (B, h, w)
        rows, columns = (
            ops.cast(half_pixel(*sizes), images.dtype) for sizes in zip(cam.shape[1:], images.shape[1:3], strict=True)
        )
        return ops.einsum("Hh,bhw,Ww->bHW", rows, cam, columns) * super().formula(score, images)

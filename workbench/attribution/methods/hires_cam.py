"""HiResCAM."""

from __future__ import annotations

from typing import ClassVar

from keras import ops

from workbench.attribution.explainer import Explainer, Layer
from workbench.models.scorer import Scorer, Tensor


class HiResCAM(Explainer):
    """Contribution of each place of a layer to the score: its activations times the score's gradient.

    Under one linear layer the map adds up to the score less its bias. The paper's ReLU is left out: evidence against
    the class stays negative. Source: Draelos and Carin 2020, arXiv:2011.08891, definition of HiResCAM.
    """

    title: ClassVar[str] = "HiResCAM"
    paper: ClassVar[str] = "arXiv:2011.08891"
    signed: ClassVar[bool] = True
    use: ClassVar[str] = (
        "Good for which places count for and against a class; not for whole objects: maps can be patchy."
    )

    layer: Layer = None

    def formula(self, score: Scorer, images: Tensor) -> Tensor:
        maps, gradients = score.feature_maps_and_gradients(images, self.layer)  # both (B, h, w, F)
        return ops.sum(gradients * maps, axis=-1)

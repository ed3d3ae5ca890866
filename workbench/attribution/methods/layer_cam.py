"""LayerCAM."""

from __future__ import annotations

from typing import ClassVar

from keras import ops

from workbench.attribution.channels import Further, fuse
from workbench.attribution.explainer import Explainer, Layer
from workbench.core.types import Score
from workbench.models.scorer import Scorer, Tensor


class LayerCAM(Explainer):
    """Activations of a layer times the score's positive gradients; for early layers too, or several fused.

    Several are fused as in section III of the paper: tanh(2 M / max M) of each map, enlarged to the largest, and of
    those the maximum. Source: Jiang et al. 2021, LayerCAM, IEEE Transactions on Image Processing 30.
    """

    title: ClassVar[str] = "LayerCAM"
    paper: ClassVar[str] = "Jiang et al. 2021, IEEE TIP 30, sec. III"
    use: ClassVar[str] = "Good for fine detail from early layers; not for evidence against a class: it is cut off."

    layer: Layer = None
    fuse: Further = ()

    def in_units_of(self, score: Score) -> str:
        return "share of 0…0.96" if self.fuse else super().in_units_of(score)

    def formula(self, score: Scorer, images: Tensor) -> Tensor:
        found = []
        for layer in dict.fromkeys((self.layer, *self.fuse)):
            maps, gradients = score.feature_maps_and_gradients(images, layer)  # both (B, h, w, F)
            found.append(ops.relu(ops.sum(ops.relu(gradients) * maps, axis=-1)))
        return fuse(found) if self.fuse else found[0]

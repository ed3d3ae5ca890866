"""Layer-wise relevance propagation."""

from __future__ import annotations

from typing import Annotated, ClassVar

from keras import ops
from pydantic import Field

from workbench.attribution.composites import COMPOSITES, Name
from workbench.attribution.layer_by_layer import LayerByLayer
from workbench.core.params import OnlyWith
from workbench.models.scorer import Scorer, Tensor


class Lrp(LayerByLayer):
    """Each pixel's share of the score, handed back from layer to layer in the shares of what was summed there.

    Channels are summed. Conservation is the sum of the map divided by the score: biases and ε take the rest.
    Source: Bach et al. 2015, doi:10.1371/journal.pone.0130140; mixtures of rules: Kohlbrenner et al. 2019,
    arXiv:1910.09840, and Anders et al. 2021, arXiv:2106.13200.
    """

    title: ClassVar[str] = "LRP"
    paper: ClassVar[str] = "Bach et al. 2015, PLoS ONE 10(7); arXiv:1910.09840"
    use: ClassVar[str] = "Good for which pixels carried the score through the layers; not for where biases decide."

    composite: Name = "epsilon-plus"
    epsilon: Annotated[
        float,
        Field(ge=0, le=1, description="ε of the ε rule, a share of the root mean square of a layer's outputs"),
        OnlyWith("composite", "epsilon"),
    ] = 0.01
    gamma: Annotated[
        float, Field(ge=0, le=100, description="γ of the γ rule"), OnlyWith("composite", "epsilon-gamma-box")
    ] = 0.25

    def formula(self, score: Scorer, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        rules = COMPOSITES[self.composite].rules(epsilon=self.epsilon, gamma=self.gamma)
        pixels, start = score.relevance(images, rules)
        values = ops.sum(pixels, axis=-1)
        share = ops.sum(values, axis=(1, 2)) / ops.where(start == 0, ops.ones_like(start), start)
        return values, {
            "conservation": ops.where(start == 0, ops.ones_like(start), share)
        }  # of nothing, nothing is lost

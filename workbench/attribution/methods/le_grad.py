"""LeGrad."""

from __future__ import annotations

from functools import reduce
from typing import ClassVar

from keras import ops

from workbench.attribution.token_attention import AttentionMethod
from workbench.models.scorer import Scorer, Tensor


class LeGrad(AttentionMethod):
    """How much more attention to each place would raise the score, added up over layers.

    The positive part of the score's gradient by the attention, averaged over heads and over the tokens that attend. The
    paper asks at each layer for the score that the classifier gives to that layer's tokens; here all layers are asked
    for the model's own, as not every model can be ended early. It also stretches the sum to 0…1, which is left out.
    Source: Bousselham et al. 2024, arXiv:2404.03214, section 3.
    """

    title: ClassVar[str] = "LeGrad"
    paper: ClassVar[str] = "after arXiv:2404.03214, sec. 3"
    use: ClassVar[str] = (
        "Good for what a transformer is sensitive to; not for amounts: the attention itself is left out."
    )

    def formula(self, score: Scorer, images: Tensor) -> Tensor:
        gradients = [ops.relu(each) for _, each in score.attention_and_gradients(images)]
        total = reduce(ops.add, [ops.mean(each, axis=(1, 2)) for each in gradients])  # (B, T)
        return score.probe.attention.grid.spread(total)

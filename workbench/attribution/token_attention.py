"""What the methods share that read how tokens attend to each other."""

from __future__ import annotations

from abc import ABC
from typing import ClassVar

from keras import ops

from workbench.attribution.explainer import Explainer
from workbench.models.probe import Probe
from workbench.models.scorer import Scorer, Tensor


class AttentionMethod(Explainer, ABC):
    """Reads the attention of every layer, and no feature maps."""

    family: ClassVar[str] = "attention"

    @classmethod
    def missing(cls, probe: Probe) -> str | None:
        none = None if probe.attention.numbers else probe.no_attention(cls.title)
        return none or super().missing(probe)


def read_of(score: Scorer, relevance: Tensor) -> Tensor:
    """Take what the tokens that the score is read from got from each place of the image, their mean.

    Args:
        score: of a model with attention.
        relevance: `(B, T, T)`, of each token to each.

    Returns:
        `(B, h, w)`: of a model with a class token that token's row; of one that averages all tokens, that of all rows.
    """
    attention = score.probe.attention
    rows = ops.take(relevance, list(attention.read), axis=1)
    return attention.grid.spread(ops.mean(rows, axis=1))

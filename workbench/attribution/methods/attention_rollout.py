"""Attention rollout."""

from __future__ import annotations

from typing import ClassVar

from keras import ops

from workbench.attribution.token_attention import AttentionMethod, read_of
from workbench.models.scorer import Scorer, Tensor


class AttentionRollout(AttentionMethod):
    """How much of each place reaches the tokens that are classified, by attention alone; the same for every class.

    R = Ā_L … Ā_1 with Ā = (A + I) / 2: the mean over heads, and as much of the token itself for what goes around the
    attention. Read in the class token's row; where all tokens are averaged, in the mean of all rows.
    Source: Abnar and Zuidema 2020, arXiv:2005.00928, section 3.
    """

    title: ClassVar[str] = "Attention rollout"
    paper: ClassVar[str] = "arXiv:2005.00928, sec. 3"
    unit: ClassVar[str] = "share of the attention"
    use: ClassVar[str] = "Good for where a transformer looks; not for why a class was predicted: all share one map."
    of_class: ClassVar[bool] = False
    differentiates: ClassVar[bool] = False

    def formula(self, score: Scorer, images: Tensor) -> Tensor:
        first, *rest = [ops.mean(each, axis=1) for each in score.attention(images)]
        own = ops.eye(score.probe.attention.grid.count, dtype=first.dtype)
        rollout = (first + own) / 2
        for attention in rest:
            rollout = ops.matmul((attention + own) / 2, rollout)
        return read_of(score, rollout)

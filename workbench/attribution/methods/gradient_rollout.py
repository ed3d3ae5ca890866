"""Gradient-weighted attention rollout."""

from __future__ import annotations

from typing import ClassVar

from keras import ops

from workbench.attribution.token_attention import AttentionMethod, read_of
from workbench.models.scorer import Scorer, Tensor


class GradientRollout(AttentionMethod):
    """Attention that raises the score of the class, followed through all layers to the tokens that are classified.

    Ā = mean over heads of (∇A ∘ A)⁺, and R ← R + Ā R, beginning with R = I, which is taken off again in the end: it is
    no evidence, and where all tokens are averaged would be the same everywhere.
    Source: Chefer et al. 2021, arXiv:2103.15679, equations 5 and 6; after arXiv:2012.09838.
    """

    title: ClassVar[str] = "Gradient rollout"
    paper: ClassVar[str] = "arXiv:2103.15679, eq. 5-6"
    use: ClassVar[str] = "Good for a class's evidence in a transformer; not for evidence against it: that is cut off."

    def formula(self, score: Scorer, images: Tensor) -> Tensor:
        own = ops.eye(score.probe.attention.grid.count, dtype=images.dtype)
        relevance = own[None]
        for attention, gradient in score.attention_and_gradients(images):
            raised = ops.mean(ops.relu(gradient * attention), axis=1)  # (B, T, T)
            relevance = relevance + ops.matmul(raised, relevance)
        return read_of(score, relevance - own)

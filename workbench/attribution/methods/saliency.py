"""Saliency."""

from __future__ import annotations

from typing import ClassVar

from keras import ops

from workbench.attribution.explainer import Explainer
from workbench.models.scorer import Scorer, Tensor


class Saliency(Explainer):
    """How strongly the score reacts to a small change of each pixel.

    The sign of the change is left out. For a colour pixel the strongest channel counts.

    Source: Simonyan et al. 2013, arXiv:1312.6034, section 3.1.
    """

    title: ClassVar[str] = "Saliency"
    paper: ClassVar[str] = "arXiv:1312.6034, sec. 3.1"
    unit: ClassVar[str] = "score per unit of brightness"
    use: ClassVar[str] = "Good for what the model is sensitive to; not for contributions, and it is noisy."

    def formula(self, score: Scorer, images: Tensor) -> Tensor:
        return ops.max(ops.abs(score.gradient(images)), axis=-1)

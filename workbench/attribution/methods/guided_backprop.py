"""Guided backpropagation."""

from __future__ import annotations

from typing import ClassVar, Literal

from keras import ops

from workbench.attribution.explainer import Explainer
from workbench.models.probe import Probe
from workbench.models.scorer import Scorer, Tensor


class GuidedBackprop(Explainer):
    """Fine structure that excites the class: a gradient in which each ReLU passes back positive values only.

    A ReLU also stops what it stopped in the forward pass. Channels are summed.
    Source: Springenberg et al. 2014, arXiv:1412.6806, section 3.4 and figure 1.
    """

    title: ClassVar[str] = "Guided backpropagation"
    paper: ClassVar[str] = "arXiv:1412.6806, sec. 3.4"
    signed: ClassVar[bool] = True
    unit: ClassVar[str] = "score per unit of brightness"
    use: ClassVar[str] = (
        "Good for sharp edges and strokes; not for differences between classes: it hardly uses the last layers."
    )

    rule: ClassVar[Literal["guided", "deconvolved"]] = "guided"

    @classmethod
    def missing(cls, probe: Probe) -> str | None:
        none = f"{cls.title} changes the backward pass of ReLUs. This model has none."
        return super().missing(probe) or (None if probe.rectified else none)

    def formula(self, score: Scorer, images: Tensor) -> Tensor:
        return ops.sum(score.rectified_gradient(images, self.rule), axis=-1)

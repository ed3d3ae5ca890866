"""Input × gradient."""

from __future__ import annotations

from typing import ClassVar

from keras import ops

from workbench.attribution.explainer import Explainer
from workbench.models.scorer import Scorer, Tensor


class InputXGradient(Explainer):
    """Each pixel's brightness times the score's gradient: its contribution if the model were linear.

    Channels are summed.
    Source: Shrikumar et al. 2016, arXiv:1605.01713; as a formula: Ancona et al. 2017, arXiv:1711.06104, table 1.
    """

    title: ClassVar[str] = "Input × Gradient"
    paper: ClassVar[str] = "arXiv:1605.01713; arXiv:1711.06104, tab. 1"
    signed: ClassVar[bool] = True
    use: ClassVar[str] = "Good for quick estimates of contributions; not for black pixels: they get exactly zero."

    def formula(self, score: Scorer, images: Tensor) -> Tensor:
        return ops.sum(images * score.gradient(images), axis=-1)

"""VarGrad."""

from __future__ import annotations

from typing import ClassVar

from keras import ops

from workbench.attribution.noise import Noisy
from workbench.models.scorer import Scorer, Tensor


class VarGrad(Noisy):
    """How much the score's gradient varies over noisy copies of the image; variances are added over channels.

    The variance is the unbiased one, of the samples that SmoothGrad and SquareGrad take too:
    SquareGrad = (n - 1)/n VarGrad + the sum of SmoothGrad² of each channel.

    Source: Hooker et al. 2019, arXiv:1806.10758, section 4.1; Adebayo et al. 2018, arXiv:1810.03292.
    """

    title: ClassVar[str] = "VarGrad"
    paper: ClassVar[str] = "arXiv:1806.10758, sec. 4.1"
    unit: ClassVar[str] = "(score per unit of brightness)²"
    use: ClassVar[str] = (
        "Good for where gradients vary, as at edges; not for steady evidence: a constant gradient gives 0."
    )

    def formula(self, score: Scorer, images: Tensor) -> Tensor:
        gradients = self.gradients(score, images)  # (B, samples, H, W, C)
        away = gradients - ops.mean(gradients, axis=1, keepdims=True)
        return ops.sum(ops.square(away), axis=(1, -1)) / (self.samples - 1)

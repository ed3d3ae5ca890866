"""SquareGrad."""

from __future__ import annotations

from typing import ClassVar

from keras import ops

from workbench.attribution.noise import Noisy
from workbench.models.scorer import Scorer, Tensor


class SquareGrad(Noisy):
    """Mean squared gradient of the score over noisy copies of the image; the squares are added over channels.

    Source: Hooker et al. 2019, arXiv:1806.10758, section 4.1, "SmoothGrad-Squared".
    """

    title: ClassVar[str] = "SquareGrad"
    paper: ClassVar[str] = "arXiv:1806.10758, sec. 4.1"
    unit: ClassVar[str] = "(score per unit of brightness)²"
    use: ClassVar[str] = "Good for which pixels matter; not for whether they count for or against the class."

    def formula(self, score: Scorer, images: Tensor) -> Tensor:
        return ops.sum(ops.mean(ops.square(self.gradients(score, images)), axis=1), axis=-1)

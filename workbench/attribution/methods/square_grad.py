"""SquareGrad."""

from __future__ import annotations

from typing import ClassVar

from keras import ops

from workbench.attribution.noise import Averaged
from workbench.models.scorer import Tensor


class SquareGrad(Averaged):
    """Mean squared gradient of the score over noisy copies of the image; the squares are added over channels.

    Source: Hooker et al. 2019, arXiv:1806.10758, section 4.1, "SmoothGrad-Squared".
    """

    title: ClassVar[str] = "SquareGrad"
    paper: ClassVar[str] = "arXiv:1806.10758, sec. 4.1"
    unit: ClassVar[str] = "(score per unit of brightness)²"
    use: ClassVar[str] = "Good for which pixels matter; not for whether they count for or against the class."

    def averaged(self, gradients: Tensor) -> Tensor:
        return ops.sum(ops.square(gradients), axis=-1)

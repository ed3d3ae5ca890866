"""SmoothGrad."""

from __future__ import annotations

from typing import ClassVar

from keras import ops

from workbench.attribution.noise import Averaged
from workbench.models.scorer import Tensor


class SmoothGrad(Averaged):
    """Mean gradient of the score over noisy copies of the image; channels are summed.

    Source: Smilkov et al. 2017, arXiv:1706.03825, section 3.
    """

    title: ClassVar[str] = "SmoothGrad"
    paper: ClassVar[str] = "arXiv:1706.03825, sec. 3"
    signed: ClassVar[bool] = True
    unit: ClassVar[str] = "score per unit of brightness"
    use: ClassVar[str] = "Good for less noisy gradients; not for contributions: it shows the effect of small changes."

    def averaged(self, gradients: Tensor) -> Tensor:
        return ops.sum(gradients, axis=-1)

"""SmoothGrad."""

from __future__ import annotations

from typing import Annotated, ClassVar

import keras
from keras import ops
from pydantic import Field

from workbench.explainers.base import Explainer
from workbench.scorer import Scorer, Tensor


class SmoothGrad(Explainer):
    """Mean gradient of the score over noisy copies of the image.

    Channels are summed. The same noise serves every image, so that a map does not depend on its neighbours in a batch.

    Source: Smilkov et al. 2017, arXiv:1706.03825, section 3.
    """

    title: ClassVar[str] = "SmoothGrad"
    paper: ClassVar[str] = "arXiv:1706.03825, sec. 3"
    signed: ClassVar[bool] = True
    unit: ClassVar[str] = "score per unit of brightness"

    samples: Annotated[int, Field(ge=1, le=500, description="noisy copies of each image")] = 50
    noise: Annotated[float, Field(ge=0, le=1, description="standard deviation, as a share of the image's range")] = 0.15
    seed: Annotated[int, Field(ge=0, le=2**31 - 1, description="of the noise")] = 0

    def copies(self, image_shape: tuple[int, int, int]) -> int:
        return self.samples

    def formula(self, score: Scorer, images: Tensor) -> Tensor:
        span = ops.max(images, axis=(1, 2, 3)) - ops.min(images, axis=(1, 2, 3))
        noise = keras.random.normal((1, self.samples, *images.shape[1:]), seed=self.seed)
        noisy = images[:, None] + self.noise * span[:, None, None, None, None] * noise  # (B, samples, H, W, C)
        return ops.sum(ops.mean(score.gradient(noisy), axis=1), axis=-1)

"""What the methods share that look at noisy copies of an image."""

from __future__ import annotations

from abc import ABC
from typing import Annotated

import keras
from keras import ops
from pydantic import Field

from workbench.attribution.explainer import Explainer
from workbench.core.params import Seed
from workbench.models.probe import Probe
from workbench.models.scorer import Scorer, Tensor


class Noisy(Explainer, ABC):
    """Gradients of noisy copies of an image.

    The same noise serves every image, so that a map does not depend on its neighbours in a batch.
    """

    samples: Annotated[int, Field(ge=2, le=500, description="noisy copies of each image")] = 50
    noise: Annotated[
        float, Field(ge=0, le=1, description="standard deviation of the noise, as a share of the image's range")
    ] = 0.15
    seed: Seed = Field(0, description="seed for the noise")

    def copies(self, probe: Probe) -> int:
        return self.samples

    def gradients(self, score: Scorer, images: Tensor) -> Tensor:
        """`(B, H, W, C)` images to the score's gradients by each noisy copy, `(B, samples, H, W, C)`."""
        return score.gradient(self.noisy(images))

    def noisy(self, images: Tensor) -> Tensor:
        """`(B, H, W, C)` images to their noisy copies, `(B, samples, H, W, C)`."""
        span = ops.max(images, axis=(1, 2, 3)) - ops.min(images, axis=(1, 2, 3))
        noise = keras.random.normal((1, self.samples, *images.shape[1:]), dtype="float32", seed=self.seed)
        deviation = self.noise * span[:, None, None, None, None]
        return images[:, None] + deviation * ops.cast(noise, images.dtype)

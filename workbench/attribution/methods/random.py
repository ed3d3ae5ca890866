"""Random."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from keras import ops
from pydantic import Field

from workbench.attribution.explainer import Explainer
from workbench.core.params import Seed
from workbench.models.scorer import Scorer, Tensor

PRIME = 2**31 - 1


class Random(Explainer):
    """Random numbers in [0, 1): the control that every other method must beat.

    Each image has its own, whatever its batch: universal hashing of its pixels as 0…255 (Carter and Wegman 1979).
    """

    title: ClassVar[str] = "Random"
    paper: ClassVar[str] = "a control; arXiv:1806.10758, sec. 4.1"
    unit: ClassVar[str] = "random number"
    use: ClassVar[str] = "Good for a control that others must beat; not for learning about the model or the image."
    family: ClassVar[str] = "control"
    of_class: ClassVar[bool] = False
    differentiates: ClassVar[bool] = False

    seed: Seed = Field(0, description="seed for the random numbers")

    def formula(self, score: Scorer, images: Tensor) -> Tensor:
        chance = np.random.default_rng(self.seed)
        weights = chance.integers(0, PRIME, images.shape[1:])  # (H, W, C)
        slopes, shifts = chance.integers(0, PRIME, (2, *images.shape[1:3]))  # (H, W) each
        pixels = ops.cast(ops.round(ops.cast(images, "float32") * 255), "int64")  # of float32, as they were given
        image = ops.mod(ops.sum(pixels * weights, axis=(1, 2, 3)), PRIME)[:, None, None]  # below 2^31, as all others
        values = ops.mod(image * slopes + shifts, PRIME)  # (B, H, W), never above 2^62 on the way
        return ops.cast(values // 2**7, images.dtype) / 2**24

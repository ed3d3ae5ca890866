"""What the methods share that look at noisy copies of an image."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, Literal

import keras
from keras import ops
from pydantic import Field

from workbench.attribution.explainer import Explainer
from workbench.attribution.sure_mean import AT_ONCE, USUAL, share_of_map, sure_mean
from workbench.core.params import OnlyWith, Seed
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
        noise = ops.cast(self.drawn(images.shape[1:]), images.dtype)
        return images[:, None] + self.deviation(images)[:, None, None, None, None] * noise

    def drawn(self, shape: tuple[int, ...]) -> Tensor:
        """Noise of deviation 1 for copies of an image of this shape, `(1, samples, H, W, C)`."""
        return keras.random.normal((1, self.samples, *shape), dtype="float32", seed=self.seed)

    def deviation(self, images: Tensor) -> Tensor:
        """`(B, H, W, C)` images to the standard deviation of their noise, `(B,)`."""
        return self.noise * (ops.max(images, axis=(1, 2, 3)) - ops.min(images, axis=(1, 2, 3)))


class Averaged(Noisy, ABC):
    """The mean of something of these gradients, with its standard error.

    Antithetic copies come in pairs, of a noise and its opposite, in which what is odd in the noise cancels; at least
    two pairs, since the error is that between them. Adaptive draws are pairs until the error is within the tolerance,
    at most 500 copies, see `sure_mean`.
    """

    samples: Annotated[
        int,
        Field(ge=2, le=500, description="noisy copies of each image; adaptive draws: what each image needs, 16 to 500"),
        OnlyWith("draws", "independent"),
    ] = 50
    draws: Annotated[
        Literal["independent", "antithetic", "adaptive"],
        Field(description="independent noise; antithetic: pairs of opposite noise; adaptive: pairs until it is enough"),
    ] = "independent"
    tolerance: Annotated[
        float,
        Field(ge=0.05, le=1, description="of adaptive draws: largest standard error, as a share of the map"),
        OnlyWith("draws", "adaptive"),
    ] = 0.2

    def copies(self, probe: Probe) -> int:
        return {"independent": self.samples, "antithetic": 2 * self.pairs, "adaptive": USUAL}[self.draws]

    def at_once(self, probe: Probe) -> int:
        return AT_ONCE if self.draws == "adaptive" else self.copies(probe)

    @property
    def pairs(self) -> int:
        """How many pairs there are of antithetic copies; an odd number of copies is one more."""
        return max(2, -(-self.samples // 2))

    @abstractmethod
    def averaged(self, gradients: Tensor) -> Tensor:
        """`(…, H, W, C)` gradients to what the map is the mean of, `(…, H, W)`."""

    def drawn(self, shape: tuple[int, ...]) -> Tensor:
        if self.draws == "independent":
            return super().drawn(shape)
        noise = keras.random.normal((1, self.pairs, *shape), dtype="float32", seed=self.seed)
        return ops.concatenate([noise, -noise], axis=1)

    def formula(self, score: Scorer, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        if self.draws == "adaptive":
            found = sure_mean(
                score, images, self.deviation(images), self.averaged, seed=self.seed, tolerance=self.tolerance
            )
            return found.values, {"standard error": share_of_map(found.error, found.values), "samples": found.samples}
        each = self.averaged(self.gradients(score, images))  # (B, S, H, W)
        if self.draws == "antithetic":
            each = (each[:, : self.pairs] + each[:, self.pairs :]) / 2
        values, count = ops.mean(each, axis=1), each.shape[1]
        squares = ops.sum(ops.square(each - values[:, None]), axis=(1, 2, 3))
        return values, {"standard error": share_of_map(ops.sqrt(squares / (count * (count - 1))), values)}

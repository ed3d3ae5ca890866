"""Infidelity."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
import tensorflow as tf
from pydantic import Field

from workbench.attribution.references import Reference
from workbench.core.types import Array
from workbench.faithfulness.measure import Better, Measure, Seed, Subject
from workbench.faithfulness.scoring import explained_scores, references, scores_of_copies
from workbench.models.scorer import Tensor


class Infidelity(Measure):
    """Mean squared error of the map's forecast of the score lost under perturbations of the image.

    A perturbation I sets random square patches to the reference, or is noise; each is drawn on its own. Lost is
    s(x) - s(x - I). A map like a gradient forecasts I · φ; since it has one value a pixel, I is the same in every
    channel. A map of contributions forecasts the sum over the patch, which becomes the reference. With `scaled` the
    forecasts of an image are first multiplied by the factor that fits best, so that maps of any unit compare; an
    empty map then gives the mean squared loss.
    Source: Yeh et al. 2019, arXiv:1901.09392, definition 2.1; scaling: section 5.
    """

    title: ClassVar[str] = "Infidelity"
    paper: ClassVar[str] = "arXiv:1901.09392, def. 2.1"
    unit: ClassVar[str] = "score²"
    better: ClassVar[Better] = "lower"
    use: ClassVar[str] = (
        "Tells how well the map forecasts the score; not across models or images: it grows with the score."
    )

    disturb: Annotated[
        Literal["patch", "noise"], Field(description="set a square patch to the reference, or add noise to all pixels")
    ] = "patch"
    size: Annotated[
        int | None, Field(ge=1, le=512, description="side of a patch, pixels; auto: a quarter of the shorter side")
    ] = None
    reference: Reference = "black"
    noise: Annotated[float, Field(gt=0, le=1, description="standard deviation of the noise, for pixels in 0 … 1")] = 0.2
    scaled: Annotated[bool, Field(description="multiply the map by the factor that fits best")] = True
    samples: Annotated[int, Field(ge=2, le=1000, description="perturbations of each image")] = 200
    seed: Seed = 0

    def missing(self, subject: Subject) -> str | None:
        """Say so where a map of contributions cannot forecast what noise does."""
        if self.disturb == "noise" and not subject.of_changes:
            return (
                f"{self.title} under noise needs maps that show the effect of small changes, such as gradients. "
                f"{subject.method.title} shows contributions: use patches."
            )
        return super().missing(subject)

    def formula(self, subject: Subject) -> Array:
        """`(N,)`, at least 0."""
        forecast, left = self._noise(subject) if self.disturb == "noise" else self._patches(subject)
        lost = explained_scores(subject, subject.images)[:, None] - left
        if self.scaled:
            fits, sizes = (forecast * lost).sum(axis=1), (forecast**2).sum(axis=1)
            forecast = forecast * np.divide(fits, sizes, out=np.zeros_like(fits), where=sizes > 0)[:, None]
        return np.mean((forecast - lost) ** 2, axis=1)

    def noises(self, height: int, width: int) -> Array:
        """`(samples, H, W)` float32."""
        drawn = np.random.default_rng(self.seed).standard_normal((self.samples, height, width), np.float32)
        return np.float32(self.noise) * drawn

    def corners(self, height: int, width: int) -> tuple[Array, int]:
        """`(samples, 2)` int32, the top left pixels of the patches, anywhere inside; and the patches' side."""
        size = min(self.size or max(1, min(height, width) // 4), height, width)
        drawn = np.random.default_rng(self.seed).integers(0, (height - size + 1, width - size + 1), (self.samples, 2))
        return drawn.astype(np.int32), size

    def _noise(self, subject: Subject) -> tuple[Array, Array]:
        noises = self.noises(*subject.maps.shape[1:])

        def disturbed(images: Tensor, noises: Tensor) -> Tensor:
            return images[:, None] - noises[None, ..., None]

        left = scores_of_copies(
            subject, (self.name, "noise"), disturbed, len(noises), by_copy=[noises], title=self.title
        )
        return np.einsum("nhw,shw->ns", subject.maps.astype(np.float64), noises, optimize=True), left

    def _patches(self, subject: Subject) -> tuple[Array, Array]:
        """Forecasts, and scores that are left, `(N, samples)` each."""
        height, width = subject.maps.shape[1:]
        corners, size = self.corners(height, width)
        ends, maps = references(subject, self.reference), subject.maps.astype(np.float64)
        if subject.of_changes:
            grey = (subject.images - ends).mean(axis=-1, keepdims=True)
            ends, maps = subject.images - grey, maps * grey[..., 0]

        def disturbed(images: Tensor, ends: Tensor, corners: Tensor) -> Tensor:
            offsets = [tf.range(side) - corners[:, axis, None] for axis, side in enumerate((height, width))]
            rows, columns = ((each >= 0) & (each < size) for each in offsets)  # (s, H), (s, W)
            patch = rows[:, :, None] & columns[:, None]
            return tf.where(patch[None, ..., None], ends[:, None], images[:, None])

        left = scores_of_copies(
            subject, (self.name, size), disturbed, len(corners), by_image=[ends], by_copy=[corners], title=self.title
        )
        sums = np.pad(maps.cumsum(axis=1).cumsum(axis=2), ((0, 0), (1, 0), (1, 0)))  # over all above and to the left
        (top, left_side), (bottom, right) = corners.T, corners.T + size
        inside = sums[:, bottom, right] - sums[:, top, right] - sums[:, bottom, left_side] + sums[:, top, left_side]
        return inside, left

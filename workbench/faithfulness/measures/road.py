"""ROAD."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from pydantic import AfterValidator, Field
from scipy.special import expit

from workbench.core.progress import report
from workbench.core.types import Array
from workbench.faithfulness.curves import order_of
from workbench.faithfulness.imputation import impute
from workbench.faithfulness.measure import Better, Measure, Seed, Subject
from workbench.faithfulness.scoring import log_odds


def _percent(values: tuple[int, ...]) -> tuple[int, ...]:
    if not all(1 <= value <= 99 for value in values):
        raise ValueError("each percentage must lie in 1…99")
    return values


class Road(Measure):
    """Half the difference in probability between removing the least and the most relevant pixels.

    Some percent of the pixels are removed and imputed from those around them, with a little noise, so that no hole
    gives the class away. It is the mean over the percentages of (p without the least relevant - p without the most
    relevant) / 2. Source: Rong et al. 2022, arXiv:2202.00449, noisy linear imputation; both orders as one number as in
    pytorch-grad-cam.
    """

    title: ClassVar[str] = "ROAD"
    paper: ClassVar[str] = "arXiv:2202.00449, noisy linear imputation"
    unit: ClassVar[str] = "probability"
    better: ClassVar[Better] = "higher"
    use: ClassVar[str] = "Tells which pixels the prediction depends on; not single ones: neighbours fill them in."
    of_probability: ClassVar[bool] = True

    percentages: Annotated[
        tuple[int, ...], AfterValidator(_percent), Field(min_length=1, description="percentages of pixels to remove")
    ] = (20, 40, 60, 80)
    noise: Annotated[float, Field(ge=0, le=1, description="standard deviation of the noise on imputed pixels")] = 0.01
    seed: Seed = 0

    def noises(self, image_shape: tuple[int, ...]) -> Array:
        """`(percentages, H, W, C)` float32, the same for every image and both orders."""
        drawn = np.random.default_rng(self.seed).standard_normal((len(self.percentages), *image_shape), np.float32)
        return np.float32(self.noise) * drawn

    def formula(self, subject: Subject) -> Array:
        """`(N,)` in [-0.5, 0.5]."""
        order = order_of(subject.maps, np.ones(subject.maps.shape, bool), self.seed)
        noises, total = self.noises(subject.probe.image_shape), len(order)
        size = max(1, subject.probe.max_rows // (2 * len(noises)))
        found = []
        for start in range(0, total, size):
            rows = range(start, min(start + size, total))
            images = np.stack([self._without(subject.images[row], order[row], noises) for row in rows])
            most, least = np.split(expit(log_odds(subject, images, start)), 2, axis=1)  # (B, percentages) each
            found.append(np.mean(least - most, axis=1) / 2)
            report(self.title, rows.stop, total)
        return np.concatenate(found)

    def _without(self, image: Array, order: Array, noises: Array) -> Array:
        """`(2 percentages, H, W, C)` float32: without the most, then without the least relevant pixels."""
        counts = [min(round(percent / 100 * order.size), order.size - 1) for percent in self.percentages]
        filled = np.empty((2, *noises.shape), np.float32)
        for number, ranks in enumerate((order, order.size - 1 - order)):
            for each, count, noise in zip(filled[number], counts, noises, strict=True):
                removed = ranks < count
                each[:] = impute(image, removed) + noise * removed[..., None]
        return filled.reshape(-1, *image.shape)

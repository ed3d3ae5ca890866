"""What the methods share that put a linear model of the shown regions in the place of the network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated

import numpy as np
from keras import ops
from pydantic import Field

from workbench.attribution.hidden_regions import HiddenRegions
from workbench.attribution.references import reference_images
from workbench.attribution.regions import regions_of
from workbench.core.params import Seed
from workbench.core.types import Array
from workbench.models.engine import held
from workbench.models.probe import Probe
from workbench.models.scorer import Scorer, Tensor

UNSEEN = 1e-6
"""Difference of a pixel from its reference, of a range of 1, that is rounding."""


class Surrogate(HiddenRegions, ABC):
    """Scores of the image with some regions hidden, and a linear model fitted to them.

    Every pixel of a region gets the region's coefficient as it is: a map is in score per region, and a large region
    does not count more than a small one. A region that looks like the reference cannot be hidden: it is left out of the
    fit and gets 0. All images share their coalitions. Fits are made in float64.
    """

    samples: Annotated[int, Field(ge=10, le=20000, description="random coalitions of regions")] = 1000
    seed: Seed = Field(0, description="seed for the coalitions")

    @abstractmethod
    def coalitions(self, count: int) -> Array:
        """Which of d regions each copy shows: `(S, d)` float32 of 0 and 1."""

    @abstractmethod
    def fit(self, shown: Tensor, scores: Tensor, present: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Fit the linear model, in float64.

        Args:
            shown: `(S, d)` coalitions.
            scores: `(B, S)`, v(z) of each.
            present: `(B, d)`, 0 for a region that an image does not have, or that looks the same when it is hidden;
                its coefficient must be 0.

        Returns:
            `(B, d)` coefficients, `(B, 1)` constants, and weights of the coalitions in the fit, `(B, S)` or `(1, S)`.
        """

    def copies(self, probe: Probe) -> int:
        return len(self.coalitions(self.most(probe)))

    def formula(self, score: Scorer, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        regions = regions_of(self.regions, images, self.side)
        coalitions = self.coalitions(regions.count)
        scores = self.scores_of(score, images, regions, coalitions)
        shown = ops.cast(held(coalitions), "float64")
        away = ops.abs(images - reference_images(self.reference, images))
        present = regions.with_any(ops.max(away, axis=-1) > UNSEEN)
        found, constant, weights = self.fit(shown, scores, present)
        fitted = constant + ops.matmul(found, ops.transpose(shown))
        values = regions.at_pixels(ops.cast(found, images.dtype))
        return values, {"R²": ops.cast(r_squared(scores, fitted, weights), images.dtype)}


def least_squares(design: Tensor, weights: Tensor, values: Tensor, ridge: float) -> Tensor:
    """Minimise sum_s w_s (y_s - x_s b)^2 + ridge |b|^2.

    Args:
        design: `(B, S, d)` or `(1, S, d)`, x.
        weights: `(B, S)` or `(1, S)`, w.
        values: `(B, S)`, y.
        ridge: what keeps b small where the design leaves it open.

    Returns:
        `(B, d)`, b.
    """
    weighted = ops.transpose(design * weights[..., None], (0, 2, 1))
    gram = ops.matmul(weighted, design) + ridge * np.eye(design.shape[2]) + ops.zeros_like(values[:, :1, None])
    return ops.solve(gram, ops.matmul(weighted, values[..., None]))[..., 0]


def r_squared(values: Tensor, fitted: Tensor, weights: Tensor) -> Tensor:
    """R², the share of the weighted variance of `(B, S)` values that a fit explains: `(B,)`, at most 1.

    Values that do not vary beyond rounding are explained by their mean: 1.
    """
    total = ops.sum(weights, axis=1, keepdims=True)
    level = ops.sum(weights * values, axis=1, keepdims=True) / ops.maximum(total, 1e-300)
    rounding = total[:, 0] * (1e-6 * ops.max(ops.abs(values), axis=1)) ** 2 + 1e-300
    spread = ops.sum(weights * (values - level) ** 2, axis=1)
    return 1 - ops.sum(weights * (values - fitted) ** 2, axis=1) / (spread + rounding)

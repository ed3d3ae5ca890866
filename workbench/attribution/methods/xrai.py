"""XRAI."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

import numpy as np
import tensorflow as tf
from keras import ops
from pydantic import Field

from workbench.attribution.bisected_steps import USUAL, AutoSteps, Tolerance, integrated, rows_of_a_way
from workbench.attribution.explainer import Explainer
from workbench.attribution.methods.integrated_gradients import evenly_integrated
from workbench.attribution.references import reference_images
from workbench.attribution.regions import Kind, regions_of
from workbench.core.types import Array
from workbench.models.probe import Probe
from workbench.models.scorer import Scorer, Tensor

REFERENCES = ("black", "white")
SIZES = 6
"""Segmentations, each with half as many segments as the one before."""


class Xrai(Explainer):
    """Regions in the order of what their pixels contribute: mean integrated gradients of what each region adds.

    Segments of several sizes are taken one after the other, always the one whose pixels that no other has taken yet
    contribute most on average; these pixels get that mean. Integrated gradients are the mean of those from black and
    from white; the map adds up to what they do, and gap, steps and error are theirs. Source: Kapishnikov et al. 2019,
    arXiv:1906.02825, section 3; segments are those of `regions_of` and are not dilated.
    """

    title: ClassVar[str] = "XRAI"
    paper: ClassVar[str] = "arXiv:1906.02825, sec. 3"
    signed: ClassVar[bool] = True
    use: ClassVar[str] = "Good for whole regions with evidence; not for detail finer than the smallest segments."

    steps: AutoSteps = None
    tolerance: Tolerance = 0.05
    regions: Kind = "slic"
    finest: Annotated[int, Field(ge=3, le=30, description="cells along each side, of the smallest segments")] = 10

    def copies(self, probe: Probe) -> int:
        return len(REFERENCES) * (USUAL if self.steps is None else self.steps + 1)

    def at_once(self, probe: Probe) -> int:
        return self.copies(probe) if self.steps else rows_of_a_way(probe, len(REFERENCES))

    def formula(self, score: Scorer, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        start = ops.stack([reference_images(each, images) for each in REFERENCES], axis=1)  # (B, 2, H, W, C)
        if self.steps is None:
            contributions, told = integrated(score, images, start, self.tolerance)
        else:
            contributions, told = evenly_integrated(score, images, start, self.steps)
        sides = sorted({max(2, round(self.finest / 2 ** (k / 2))) for k in range(SIZES)}, reverse=True)
        flat = ops.zeros_like(contributions, dtype="int32")
        labels = ops.stack([regions_of(self.regions, images, side).labels + flat for side in sides], axis=1)
        found = tf.numpy_function(_all_taken, [contributions, labels], contributions.dtype, stateful=False)
        return ops.reshape(found, ops.shape(contributions)), told


def taken(contributions: Array, labels: Array) -> Array:
    """Take segments one after the other, always the one whose pixels that are left contribute most on average.

    Args:
        contributions: `(H, W)`.
        labels: `(P, H, W)` int, number of each pixel's segment in each of P segmentations.

    Returns:
        `(H, W)` float64, mean contribution of the pixels that were taken together.
    """
    values = contributions.astype(np.float64).ravel()
    counts = labels.max(axis=(1, 2)) + 1
    numbers = labels.reshape(len(labels), -1) + (np.cumsum(counts) - counts)[:, None]  # of all segments together
    areas = np.bincount(numbers.ravel(), minlength=counts.sum())
    sums = np.bincount(numbers.ravel(), np.tile(values, len(labels)), minlength=counts.sum())
    left, found = np.ones(values.size, bool), np.zeros(values.size)
    while left.any():
        best = int(np.argmax(np.where(areas > 0, sums / np.maximum(areas, 1), -np.inf)))
        new = left & (numbers == best).any(axis=0)
        found[new] = values[new].mean()
        left &= ~new
        hit = numbers[:, new].ravel()
        areas -= np.bincount(hit, minlength=len(areas))
        sums -= np.bincount(hit, np.tile(values[new], len(labels)), minlength=len(areas))
    return found.reshape(contributions.shape)


def _all_taken(contributions: Array, labels: Array) -> Array:
    """`(B, H, W)` contributions and `(B, P, H, W)` labels to `(B, H, W)`."""
    maps: Sequence[Array] = [taken(one, each) for one, each in zip(contributions, labels, strict=True)]
    return np.array(maps, contributions.dtype).reshape(contributions.shape)

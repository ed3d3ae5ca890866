"""Max-sensitivity."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from workbench.core.progress import report
from workbench.core.types import Array
from workbench.faithfulness.measure import Better, Measure, Seed, Subject


class MaxSensitivity(Measure):
    """Largest change of the map under tiny changes of the image, as a share of the map's norm.

    It is the largest |φ(x + e) - φ(x)| / |φ(x)| over some e in [-r, r], of the same class; an e that changes what the
    model predicts does not count. Not defined for an empty map, and where every e changes the prediction.
    Source: Yeh et al. 2019, arXiv:1901.09392, definition 3.1.
    """

    title: ClassVar[str] = "Max-sensitivity"
    paper: ClassVar[str] = "arXiv:1901.09392, def. 3.1"
    unit: ClassVar[str] = "share of the map"
    better: ClassVar[Better] = "lower"
    use: ClassVar[str] = (
        "Tells whether the map is stable; not whether it is right: one that ignores the image is most stable."
    )

    radius: Annotated[float, Field(gt=0, le=0.5, description="largest change of a pixel, r, for pixels in 0 … 1")] = (
        0.02
    )
    samples: Annotated[int, Field(ge=1, le=100, description="random changes of each image")] = 10
    seed: Seed = 0

    def changes(self, image_shape: tuple[int, ...]) -> Array:
        """`(samples, H, W, C)` float32, the same for every image."""
        chance = np.random.default_rng(self.seed)
        return chance.uniform(-self.radius, self.radius, (self.samples, *image_shape)).astype(np.float32)

    def formula(self, subject: Subject) -> Array:
        """`(N,)`, at least 0."""
        found, probe = subject.attribution, subject.probe
        predicted = probe.logits(subject.images).argmax(axis=1)
        largest = np.full(len(found), np.nan)
        for number, change in enumerate(self.changes(probe.image_shape)):
            moved = subject.images + change
            maps = subject.method.attribute(
                probe, moved, found.target, against=found.against, score=found.score, background=subject.background
            ).values
            share = _share(maps - found.values, found.values)
            same = probe.logits(moved).argmax(axis=1) == predicted
            largest = np.fmax(largest, np.where(same, share, np.nan))  # fmax passes over NaN
            report(self.title, number + 1, self.samples)
        return largest


def _share(difference: Array, maps: Array) -> Array:
    """Norm of each difference, `(N, h, w)`, in norms of its map; NaN where that is 0."""
    one, other = (np.linalg.norm(each.reshape(len(each), -1).astype(np.float64), axis=1) for each in (difference, maps))
    return np.divide(one, other, out=np.full(len(one), np.nan), where=other > 0)

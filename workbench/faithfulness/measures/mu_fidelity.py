"""µFidelity."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
import tensorflow as tf
from pydantic import Field
from scipy.stats import rankdata

from workbench.attribution.references import Reference
from workbench.core.types import Array
from workbench.faithfulness.measure import Better, Measure, Seed, Subject
from workbench.faithfulness.scoring import references, scores_of_copies
from workbench.models.scorer import Tensor

SMALL, CELLS = 32, 7
"""Images up to SMALL pixels a side are divided into pixels, larger ones into CELLS × CELLS cells."""
ROUNDING = 1e-6
"""Spread, as a share of the largest value, below which numbers are equal but for rounding."""


class MuFidelity(Measure):
    """Correlation of the map's sum over random parts of the image with the score lost without them.

    A part is a random subset S of single pixels or of square cells. Lost is s(x) - s(x without S). Not
    defined where the map's sum is the same for every part, as of a flat map, or the score never changes.
    Source: Bhatt et al. 2020, arXiv:2005.00631, definition 3.
    """

    title: ClassVar[str] = "µFidelity"
    paper: ClassVar[str] = "arXiv:2005.00631, def. 3"
    unit: ClassVar[str] = "correlation"
    better: ClassVar[Better] = "higher"
    use: ClassVar[str] = (
        "Tells whether larger values matter more; not whether their scale is right, or single pixels are."
    )

    samples: Annotated[int, Field(ge=2, le=1000, description="random parts")] = 200
    share: Annotated[float, Field(gt=0, lt=1, description="share of the pixels or cells in a part")] = 0.2
    cells: Annotated[
        int | None, Field(ge=2, le=512, description="cells a side; auto: single pixels up to 32 pixels a side, else 7")
    ] = None
    reference: Reference = "black"
    correlation: Annotated[
        Literal["pearson", "spearman"],
        Field(description="correlation of the values (as in the paper) or of their ranks"),
    ] = "pearson"
    seed: Seed = 0

    def cell_numbers(self, height: int, width: int) -> Array:
        """`(H, W)` int32, the cell of each pixel: 0 … d - 1, row by row."""
        most = max(height, width) if max(height, width) <= SMALL else CELLS
        sides = [min(self.cells or most, side) for side in (height, width)]
        rows, columns = (np.arange(n) * cells // n for n, cells in zip((height, width), sides, strict=True))
        return np.asarray(rows[:, None] * sides[1] + columns, np.int32)

    def parts(self, count: int) -> Array:
        """`(samples, d)` bool of d cells, True for a share of them, at least one and never all."""
        size = min(max(1, round(self.share * count)), count - 1)
        ranks = np.random.default_rng(self.seed).random((self.samples, count)).argsort(axis=1).argsort(axis=1)
        return np.asarray(ranks < size)

    def formula(self, subject: Subject) -> Array:
        """`(N,)` in [-1, 1]."""
        cells = self.cell_numbers(*subject.maps.shape[1:])
        parts = self.parts(int(cells.max()) + 1)

        def without(images: Tensor, filling: Tensor, parts: Tensor) -> Tensor:
            gone = tf.gather(parts, cells, axis=1)[None, ..., None]  # (1, s, H, W, 1)
            return tf.where(gone, filling[:, None], images[:, None])

        left = scores_of_copies(
            subject,
            (self.name, self.cells),
            without,
            len(parts),
            title=self.title,
            by_image=[references(subject, self.reference)],
            by_copy=[parts],
        )
        flat = subject.maps.reshape(len(subject.maps), -1).astype(np.float64)
        by_cell = np.stack([np.bincount(cells.ravel(), each) for each in flat])  # (N, d)
        # Of s(x) - left only the sign of `left` matters to a correlation, and its size tells what is rounding.
        return correlations(by_cell @ parts.T, -left, ranks=self.correlation == "spearman")


def correlations(one: Array, other: Array, *, ranks: bool) -> Array:
    """Correlate the rows of two `(N, S)` arrays: `(N,)`, NaN where one of them is flat but for rounding."""
    flat = np.any([np.ptp(each, axis=1) <= ROUNDING * np.abs(each).max(axis=1) for each in (one, other)], axis=0)
    if ranks:
        one, other = (rankdata(each, axis=1) for each in (one, other))
    one, other = (each - each.mean(axis=1, keepdims=True) for each in (one, other))
    sizes = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return np.divide((one * other).sum(axis=1), sizes, out=np.full(len(one), np.nan), where=~flat)

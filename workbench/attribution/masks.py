"""Random smooth masks that show some of an image and hide the rest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal

import numpy as np
from keras import ops
from pydantic import Field

from workbench.core.types import Array
from workbench.models.engine import held
from workbench.models.scorer import Tensor

Count = Annotated[int, Field(ge=10, le=20000, description="number of random masks")]
Grid = Annotated[int, Field(ge=2, le=32, description="cells along each side of a mask")]
Probability = Annotated[float, Field(ge=0.05, le=0.95, description="probability that a mask cell is open")]
Normalised = Annotated[
    Literal["paper", "self", "centred"],
    Field(
        description="paper: divide the sum of score times mask by its expected coverage; self: by the actual coverage "
        "(less noise); centred: self minus the mean score, so that 0 is no effect"
    ),
]


@dataclass(frozen=True, eq=False)
class Masks:
    """S masks of an image, kept as coarse grids, so that they never lie in memory at full size all at once.

    Mask s is its grid, made larger (bilinear) than the image by one cell, and cut to the image at its offset.

    Attributes:
        grids: `(S, g, g)` float32 of 0 and 1.
        offsets: `(S, 2)` int32, rows and columns that are cut off above and on the left.
        rows: `(c, H, g)` float64, what a row of the image takes from each row of the grid, for each of c offsets.
        columns: `(c', W, g)`, the same for columns.
    """

    grids: Array
    offsets: Array
    rows: Array
    columns: Array

    def __len__(self) -> int:
        return len(self.grids)

    @cached_property
    def _given(self) -> Tensor:
        return held(self.grids)

    def at(self, numbers: Tensor, dtype: str = "float32") -> Tensor:
        """Return the masks of these numbers, `(s,)` int32 to `(s, H, W, 1)` in [0, 1]."""
        rows, columns = (
            ops.take(ops.cast(weights, dtype), ops.take(self.offsets[:, axis], numbers), axis=0)
            for axis, weights in enumerate((self.rows, self.columns))
        )
        grids = ops.cast(ops.take(self._given, numbers, axis=0), dtype)
        return ops.matmul(ops.matmul(rows, grids), ops.transpose(columns, (0, 2, 1)))[..., None]

    def total(self, values: Tensor) -> Tensor:
        """Add all masks, each times a number: `(B, S)` to `(B, H, W)`.

        Masks of one offset are added as grids, so that only one mask an offset is made large.
        """
        (down, height, side), (across, width, _) = self.rows.shape, self.columns.shape
        rows, columns, grids = (ops.cast(each, values.dtype) for each in (self.rows, self.columns, self._given))
        weighted = ops.transpose(values)[:, :, None, None] * grids[:, None]  # (S, B, g, g)
        place = self.offsets[:, 0] * across + self.offsets[:, 1]
        sums = ops.segment_sum(weighted, ops.convert_to_tensor(place, "int32"), down * across)
        sums = ops.reshape(sums, (down, across, -1, side, side))
        sums = ops.reshape(ops.transpose(sums, (2, 0, 3, 1, 4)), (-1, down * side, across * side))
        tall = ops.reshape(ops.transpose(rows, (1, 0, 2)), (height, down * side))
        wide = ops.reshape(ops.transpose(columns, (1, 0, 2)), (width, across * side))
        return ops.matmul(ops.matmul(tall, sums), ops.transpose(wide))

    def mean(self, values: Tensor) -> Tensor:
        """Average numbers over the masks, each as much as it shows the pixel: `(B, S)` to `(B, H, W)`.

        A pixel that no mask shows gets the plain mean.
        """
        level = ops.mean(values, axis=1, keepdims=True)  # taken out meanwhile: numbers that are equal stay exactly so
        shown = ops.maximum(self.total(ops.ones_like(values[:1])), 1e-6)
        return level[..., None] + self.total(values - level) / shown


def random_masks(image_shape: tuple[int, ...], count: int, grid: int, probability: float, seed: int) -> Masks:
    """Draw masks whose pixels are each shown with `probability` on average.

    Args:
        image_shape: (H, W, C).
        count: masks, S.
        grid: cells along a side of the coarse grid, g.
        probability: of a cell to show what is under it.
        seed: of the draw; equal seeds give equal masks.
    """
    chance = np.random.default_rng(seed)
    cells = [-(-side // grid) for side in image_shape[:2]]  # pixels along a cell, c
    grids = (chance.random((count, grid, grid), np.float32) < probability).astype(np.float32)
    offsets = np.stack([chance.integers(0, cell, count, np.int32) for cell in cells], axis=1)
    rows, columns = (_cuts(side, cell, grid) for side, cell in zip(image_shape[:2], cells, strict=True))
    return Masks(grids, offsets, rows, columns)


def _cuts(side: int, cell: int, grid: int) -> Array:
    """`(cell, side, grid)` weights: `grid` values become (grid + 1) x cell, of which `side` are taken from each offset.

    Bilinear with half-pixel centres; beyond the outermost centres the outermost value goes on.
    """
    large = (grid + 1) * cell
    centres = (np.arange(large) + 0.5) * grid / large - 0.5
    weights = np.stack([np.interp(centres, np.arange(grid), one) for one in np.eye(grid)], axis=1)  # (large, grid)
    return np.stack([weights[offset : offset + side] for offset in range(cell)])

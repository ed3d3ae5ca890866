"""Square patches that slide over an image and cover every pixel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar

import numpy as np
from keras import ops
from pydantic import BaseModel, Field

from workbench.core.errors import WorkbenchError
from workbench.core.types import Array
from workbench.models.scorer import Tensor

MethodT = TypeVar("MethodT", bound=BaseModel)
Size = Annotated[
    int | None,
    Field(ge=1, le=512, description="side of the patch, pixels; auto: a seventh of the image, or the stride"),
]
Stride = Annotated[
    int | None,
    Field(ge=1, le=512, description="step from patch to patch, pixels, at most the size; auto: half the size"),
]


@dataclass(frozen=True, eq=False)
class Patches:
    """S = T x L patches, row by row: patch n is where strip n // L of rows crosses strip n % L of columns.

    Attributes:
        rows: `(T, H)` float32, 1 in the rows of each strip, else 0.
        columns: `(L, W)`, the same of columns.
    """

    rows: Array
    columns: Array

    def __len__(self) -> int:
        return len(self.rows) * len(self.columns)

    def at(self, numbers: Tensor, dtype: str = "float32") -> Tensor:
        """Return the patches of these numbers, `(s,)` int32 to `(s, H, W, 1)`: 1 where the patch lies, else 0."""
        across = len(self.columns)
        rows = ops.take(ops.cast(self.rows, dtype), numbers // across, axis=0)
        return (rows[:, :, None] * ops.take(ops.cast(self.columns, dtype), numbers % across, axis=0)[:, None])[
            ..., None
        ]

    def mean(self, values: Tensor) -> Tensor:
        """Average a number of each patch over the patches that cover a pixel: `(B, S)` to `(B, H, W)`."""
        rows, columns = ops.cast(self.rows, values.dtype), ops.cast(self.columns, values.dtype)
        placed = ops.reshape(values, (-1, len(self.rows), len(self.columns)))
        total = ops.matmul(ops.matmul(ops.transpose(rows), placed), columns)
        return total / (ops.sum(rows, axis=0)[:, None] * ops.sum(columns, axis=0))


def sliding_patches(image_shape: tuple[int, ...], size: int | None, stride: int | None) -> Patches:
    """Place patches row by row; the last of a row or column is moved inside, and none is longer than the image.

    Args:
        image_shape: (H, W, C).
        size: side in pixels; None for a seventh of the shorter side, or the stride where that is more.
        stride: pixels from patch to patch, at most the size; None for half the size.
    """
    size = size or max(1, min(image_shape[:2]) // 7, stride or 0)
    stride = stride or max(1, size // 2)
    return Patches(*(_strips(side, min(size, side), stride) for side in image_shape[:2]))


def refuse_gaps(method: MethodT) -> MethodT:
    """Return a method with `size` and `stride`; raise a WorkbenchError if they leave pixels between the patches."""
    size, stride = (method.model_dump()[name] for name in ("size", "stride"))
    if size and stride and stride > size:
        raise WorkbenchError(
            "`stride` must be at most `size`, so that a patch covers every pixel. "
            f"Got stride {stride} with size {size}: choose a size of {stride} or more, or a shorter stride."
        )
    return method


def _strips(side: int, size: int, stride: int) -> Array:
    starts = np.array([*range(0, side - size, stride), side - size])[:, None]
    return ((np.arange(side) >= starts) & (np.arange(side) < starts + size)).astype(np.float32)


def masked_copies(
    masks: Tensor | Callable[[Tensor], Tensor], images: Tensor, filling: Tensor | float = 0.0
) -> Callable[[Tensor], Tensor]:
    """Return what makes some masked copies of each image, for `Scorer.of_copies`.

    Args:
        masks: `(S, H, W, 1)` for all images, or `(B, S, H, W, 1)`; 1 keeps the pixel, 0 puts the filling there. Or what
            makes some of them: numbers, `(s,)` int32, to `(s, H, W, 1)` or `(B, s, H, W, 1)`.
        images: `(B, H, W, C)`.
        filling: of the shape of `images`, or a number.
    """

    def copies(numbers: Tensor) -> Tensor:
        chosen = masks(numbers) if callable(masks) else ops.take(masks, numbers, axis=len(masks.shape) - 4)
        filled = filling if isinstance(filling, float) else filling[:, None]
        # The channels of a mask are repeated and not left to broadcasting, which takes twice the time.
        return filled + (images[:, None] - filled) * ops.repeat(chosen, images.shape[-1], axis=-1)

    return copies

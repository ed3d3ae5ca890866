"""Square patches that slide over an image and cover every pixel."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from workbench.contracts import Array

Size = Annotated[int | None, Field(ge=1, le=512, description="side of the patch; a seventh of the image, if not given")]
Stride = Annotated[int | None, Field(ge=1, le=512, description="pixels from patch to patch; half the size at default")]


def sliding_patches(image_shape: tuple[int, ...], size: int | None, stride: int | None) -> Array:
    """Place patches row by row; the last of a row or column is moved inside.

    Args:
        image_shape: (H, W, C).
        size: side in pixels; None for a seventh of the shorter side.
        stride: pixels from patch to patch; None for half the size. A stride longer than the size is the size.

    Returns:
        `(S, H, W, 1)` float32, 1 where a patch lies, else 0.
    """
    size = min(size or max(1, min(image_shape[:2]) // 7), *image_shape[:2])
    stride = min(stride or max(1, size // 2), size)
    tops, lefts = ([*range(0, side - size, stride), side - size] for side in image_shape[:2])
    patches = np.zeros((len(tops) * len(lefts), *image_shape[:2], 1), np.float32)
    for patch, (top, left) in zip(patches, ((top, left) for top in tops for left in lefts), strict=True):
        patch[top : top + size, left : left + size] = 1
    return patches

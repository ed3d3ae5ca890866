"""Images shrunk by whole blocks, and grey ones in colour."""

from __future__ import annotations

import numpy as np

from workbench.core.types import Array


def small(images: Array, side: int = 96) -> Array:
    """Shrink `(…, H, W, C)` uint8 pictures to at most `side` pixels by averaging whole blocks; small ones stay."""
    height, width = images.shape[-3:-1]
    step = -(-max(height, width) // side)
    if step <= 1:
        return np.asarray(images)
    h, w = max(height // step, 1), max(width // step, 1)
    cut = images[..., : h * min(step, height), : w * min(step, width), :]
    blocks = cut.reshape(*images.shape[:-3], h, cut.shape[-3] // h, w, cut.shape[-2] // w, images.shape[-1])
    return np.asarray(blocks.mean(axis=(-4, -2)).round().astype(np.uint8))


def as_rgb(image: Array) -> Array:
    """`(H, W, 1 or 3)` uint8 to `(H, W, 3)`."""
    return np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else image

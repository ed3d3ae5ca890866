"""Images as they are after they were saved as JPEG."""

from __future__ import annotations

import io

import numpy as np

from workbench.core.types import Array


def recompressed(images: Array, quality: int) -> Array:
    """Save `(N, H, W, 1 or 3)` uint8 images as JPEG in memory, and read them again: uint8.

    Args:
        images: the images.
        quality: of JPEG, 1 to 95.
    """
    from PIL import Image

    made = np.empty_like(images)
    for place, image in enumerate(images):
        stream = io.BytesIO()
        Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(stream, "JPEG", quality=quality)
        made[place] = np.asarray(Image.open(stream)).reshape(image.shape)
    return made

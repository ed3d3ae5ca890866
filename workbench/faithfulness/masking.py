"""What a model sees of an image through its map."""

from __future__ import annotations

import numpy as np

from workbench.core.types import Array
from workbench.faithfulness.measure import Subject
from workbench.faithfulness.scoring import log_odds


def mask_images(maps: Array, images: Array) -> Array:
    """Darken each pixel of `(N, H, W, C)` images by its map, `(N, H, W)`, stretched to [0, 1] for each image.

    A flat map has no range to be stretched, and shows nothing: its image is black.
    """
    low = maps.min(axis=(1, 2), keepdims=True)
    span = maps.max(axis=(1, 2), keepdims=True) - low
    share = np.divide(maps - low, span, out=np.zeros_like(maps), where=span > 0)
    return np.asarray(images * share[..., None], np.float32)


def log_odds_with_and_without(subject: Subject) -> tuple[Array, Array]:
    """Log-odds of the explained class in each image, and in what its map shows of it: two `(N,)` float64."""
    shown = mask_images(subject.maps, subject.images)
    before, after = log_odds(subject, np.stack([subject.images, shown], axis=1)).T
    return before, after

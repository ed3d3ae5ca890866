"""How much of the object leaves the image when augmentation moves, turns or enlarges it."""

from __future__ import annotations

import numpy as np

from workbench.core.types import Array
from workbench.training.augmentation.draws import Draws


def share_outside(masks: Array, draws: Draws) -> Array:
    """Return the share of each object's pixels whose centre is outside the image after what was drawn for it.

    Args:
        masks: `(N, H, W)` bool, where the object is; in the order of `draws`, not in that of an epoch.
        draws: for N images of H × W pixels.

    Returns:
        `(N,)` float64 in [0, 1]; NaN where the mask is empty.
    """
    height, width = masks.shape[1:]
    middle_y, middle_x = (height - 1) / 2, (width - 1) / 2
    shares = np.full(len(masks), np.nan)
    for place, mask in enumerate(masks):
        rows, columns = np.nonzero(mask)
        if not len(rows):
            continue
        x = width - 1 - columns if draws.mirrored[place] else columns
        y, x = rows + draws.moves[place, 0], x + draws.moves[place, 1]
        outside = (y < 0) | (y >= height) | (x < 0) | (x >= width)
        angle, scale = float(draws.angles[place]), float(draws.scales[place])
        cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
        across = middle_x + cosine * (x - middle_x) + sine * (y - middle_y)
        down = middle_y - sine * (x - middle_x) + cosine * (y - middle_y)
        outside |= (down < -0.5) | (down > height - 0.5) | (across < -0.5) | (across > width - 0.5)
        shares[place] = outside.mean()
    return shares


def erased_share(masks: Array, draws: Draws) -> Array:
    """Return the share of each object's pixels that the erased rectangle lies on, where nothing else is moved.

    Returns:
        `(N,)` float64 in [0, 1]; NaN where the mask is empty.
    """
    rows, columns = np.arange(masks.shape[1])[None, :, None], np.arange(masks.shape[2])[None, None, :]
    top, left, bottom, right = (draws.boxes[:, side, None, None] for side in range(4))
    inside = (rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)
    counts = masks.sum(axis=(1, 2)).astype(np.float64)
    return np.divide((masks & inside).sum(axis=(1, 2)), counts, out=np.full(len(masks), np.nan), where=counts > 0)

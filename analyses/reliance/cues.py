"""Images reduced to one cue: silhouette, edges, texture, background or frame."""

from __future__ import annotations

import numpy as np

from workbench.core.types import Array
from workbench.data.objects import background_images, plain

CUES = ("silhouette", "edges", "texture", "background", "frame")
"""The cues, in the order of the tables."""
NEED_AN_OBJECT = ("silhouette", "texture", "background")


def only(cue: str, images: Array, masks: Array, *, seed: int = 0) -> Array:
    """Reduce each image to one cue.

    The silhouette is the object in one colour, the mean of all objects. Edges are the length of the gradient
    (Sobel), scaled to the picture's own largest value. Texture is the object's own pixels in random order. Of the
    background everything but the object is left, and of the frame the outermost 1/14 of each side.

    Source: the cues are those of Geirhos et al. 2019, arXiv:1811.12231, section 2, where an object stands before a
    plain background.

    Args:
        cue: one of `CUES`.
        images: `(N, H, W, C)` float in [0, 1].
        masks: `(N, H, W)` bool from `object_masks`.
        seed: for the order of the pixels.

    Returns:
        `(N, H, W, C)` float32 in [0, 1].
    """
    behind = np.broadcast_to(background_images(images, masks), images.shape) if len(images) else images
    inside = masks[..., None]
    if cue == "silhouette":
        colour = images[masks].mean(axis=0) if masks.any() else 1.0
        changed = np.where(inside, colour, behind)
    elif cue == "edges":
        changed = _edges(images)
    elif cue == "texture":
        changed, chance = np.where(inside, images, behind), np.random.default_rng(seed)
        for picture, mask in zip(changed, masks, strict=True):
            picture[mask] = chance.permutation(picture[mask])
    elif cue == "background":
        changed = np.where(inside, behind, images)
    else:
        changed = np.where(frame(images.shape[1:3])[..., None], images, behind)
    return np.asarray(changed, np.float32)


def frame(shape: tuple[int, ...]) -> Array:
    """`(H, W)` bool, the outermost 1/14 of each side, one pixel at least."""
    height, width = shape
    around = np.ones((height, width), bool)
    tall, wide = max(1, height // 14), max(1, width // 14)
    around[tall : height - tall, wide : width - wide] = False
    return around


def rings(masks: Array) -> Array:
    """Return where each object's outline is, 1/28 of the picture's side to both sides: `(N, H, W)` bool.

    Nothing is where there is no plain background.
    """
    from scipy import ndimage

    reach, square = max(1, min(masks.shape[1:]) // 28), np.ones((1, 3, 3), bool)
    wide = ndimage.binary_dilation(masks, square, reach)
    narrow = ndimage.binary_erosion(masks, square, reach, border_value=1)
    return np.asarray(wide & ~narrow & plain(masks)[:, None, None])


def _edges(images: Array) -> Array:
    from scipy import ndimage

    slopes = [ndimage.sobel(images, axis=axis, mode="nearest") for axis in (1, 2)]
    length = np.hypot(*slopes)
    return np.asarray(length / np.maximum(length.max(axis=(1, 2, 3), keepdims=True), 1e-6))

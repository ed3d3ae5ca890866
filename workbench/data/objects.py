"""Where objects are in a picture, if they stand before a plain background."""

from __future__ import annotations

import numpy as np

from workbench.core.types import Array

TOLERANCE = 0.04
"""How far a pixel of the background may be from the background's colour, of a range of 1."""
ANOTHER = 0.5
"""Size of another object, as a share of the largest one's; what is smaller is a speck, or a mark beside the object."""
PLAIN = 0.6
"""Share of the border's pixels that must have the background's colour, so that there is a background."""


def object_masks(images: Array) -> Array:
    """Tell objects from their background.

    The background's colour is the median of the picture's border. Objects are the connected parts of what differs from
    it, closed by a 3×3 square and with their holes filled: the largest, and others of at least `ANOTHER` of its size.

    Args:
        images: `(N, H, W, C)` float in [0, 1], or uint8.

    Returns:
        `(N, H, W)` bool; wholly True where there is no plain background, as in most photographs, or nothing before it.
    """
    return np.stack([_mask(image) for image in images]) if len(images) else np.zeros(images.shape[:3], bool)


def _mask(image: Array) -> Array:
    from scipy import ndimage

    pixels = image / 255.0 if image.dtype == np.uint8 else image
    border = np.concatenate([pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1]])  # (P, C)
    colour = np.median(border, axis=0)
    if (np.abs(border - colour).max(axis=-1) <= TOLERANCE).mean() < PLAIN:
        return np.ones(pixels.shape[:2], bool)
    differs = np.abs(pixels - colour).max(axis=-1) > TOLERANCE
    padded = np.pad(differs, 1)  # closing must not eat what touches the border
    closed = ndimage.binary_fill_holes(ndimage.binary_closing(padded, np.ones((3, 3), bool)))[1:-1, 1:-1]
    parts, count = ndimage.label(closed, np.ones((3, 3), int))
    if count == 0:
        return np.ones(pixels.shape[:2], bool)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return np.asarray((sizes >= ANOTHER * sizes.max())[parts])


def background_images(images: Array, masks: Array) -> Array:
    """Return what each picture is without its object: `(N, 1, 1, C)` float, one colour.

    It is the colour of the plain background, the median of the border; where there is none, the mean of the picture.

    Args:
        images: `(N, H, W, C)` float in [0, 1].
        masks: `(N, H, W)` bool from `object_masks`.
    """
    border = np.concatenate([images[:, 0], images[:, -1], images[:, 1:-1, 0], images[:, 1:-1, -1]], axis=1)
    colours = np.where(plain(masks)[:, None], np.median(border, axis=1), images.mean(axis=(1, 2)))
    return np.asarray(colours[:, None, None])


def plain(masks: Array) -> Array:
    """Say for each of `(N, H, W)` masks whether it tells an object from a background: `(N,)` bool."""
    return np.asarray(~masks.reshape(len(masks), int(np.prod(masks.shape[1:]))).all(axis=1))

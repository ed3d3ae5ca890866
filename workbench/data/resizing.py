"""Pixels of one size -> pixels of another, as Keras' readers of image files make them; numpy alone.

`keras.utils.image_dataset_from_directory` resizes with `tf.image.resize`, without antialiasing whatever the scale: a
bilinear value is of four pixels, also where a photo is made smaller twentyfold. A model that learned from such images
must be given such images. The numbers here are those of `tf.image.resize`, rounded to 8 bits and cut to 0…255.

Source: tensorflow/core/kernels/image, resize_{bilinear,nearest_neighbor,bicubic,area}_op and scale_and_translate_op,
all with half-pixel centres.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Literal, get_args

import numpy as np

from workbench.core.types import Array

Fit = Literal["stretch", "pad", "crop"]
Interpolation = Literal[
    "bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic", "antialias"
]
FITS: tuple[Fit, ...] = get_args(Fit)
INTERPOLATIONS: tuple[Interpolation, ...] = get_args(Interpolation)
STRETCH: Fit = "stretch"
BILINEAR: Interpolation = "bilinear"
OVERSHOOTING = ("bicubic", "lanczos3", "lanczos5", "mitchellcubic")
"""Those with negative weights: beside an edge their values lie beyond those of the pixels."""


def fitted(pixels: Array, size: tuple[int, int], fit: Fit = STRETCH, interpolation: Interpolation = BILINEAR) -> Array:
    """Fit one image to a size.

    Args:
        pixels: `(h, w, C)` uint8.
        size: (H, W).
        fit: "stretch" to the size, whatever the proportions; "pad" with black what is missing to them, as
            `pad_to_aspect_ratio`; or "crop" to the middle of those proportions first, as `crop_to_aspect_ratio` and
            `smart_resize`.
        interpolation: as `image_dataset_from_directory` names it, none of which antialiases but "area", which averages;
            or "antialias", bilinear with antialiasing, as `load_img(interpolation="bilinear")` and Pillow do it.

    Returns:
        `(H, W, C)` uint8, rounded; Keras' readers give the same numbers before rounding, and keep those beyond 0…255
        that `OVERSHOOTING` interpolations give beside edges.
    """
    height, width = size
    if pixels.shape[:2] == (height, width):
        return pixels
    if fit == "crop":
        top, left, *inner = cropped(pixels.shape[:2], size)
        return resized(pixels[top : top + inner[0], left : left + inner[1]], size, interpolation)
    if fit == "pad":
        top, left, *inner = padded(pixels.shape[:2], size)
        canvas = np.zeros((height, width, pixels.shape[2]), np.uint8)
        canvas[top : top + inner[0], left : left + inner[1]] = resized(pixels, (inner[0], inner[1]), interpolation)
        return canvas
    return resized(pixels, size, interpolation)


def other_proportions(shape: tuple[int, int], size: tuple[int, int]) -> bool:
    """Whether an image of `shape`, (h, w), has other proportions than `size`, (H, W), by more than a pixel."""
    (h, w), (height, width) = shape, size
    return abs(h * width - w * height) > max(height, width, h, w)


def cropped(shape: tuple[int, int], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return (top, left, height, width) of what is left of `shape` in the proportions of `size`."""
    (h, w), (height, width) = shape, size
    inner = max(min(h, int(float(w * height) / width)), 1), max(min(w, int(float(h * width) / height)), 1)
    return int((h - inner[0]) / 2), int((w - inner[1]) / 2), *inner


def padded(shape: tuple[int, int], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return (top, left, height, width) of the place that an image of `shape` takes in one of `size`."""
    (h, w), (height, width) = shape, size
    ratio = max(w / width, h / height)
    top, left = (max(0, int((side - own / ratio) / 2)) for side, own in ((height, h), (width, w)))
    # An image a thousand times as wide as high keeps a row, where TensorFlow stops.
    inner = (min(max(1, int(own / ratio + 1e-6)), side) for own, side in ((h, height), (w, width)))
    return top, left, *inner  # type: ignore[return-value]  # two of them


def resized(pixels: Array, size: tuple[int, int], interpolation: Interpolation = BILINEAR) -> Array:
    """Resize `(h, w, C)` uint8 to `(H, W, C)` uint8, whatever the proportions."""
    made = pixels
    if made.shape[0] != size[0] or interpolation not in ("nearest", "bilinear", "area"):
        made = _along_rows(made, *taps(pixels.shape[0], size[0], interpolation))
    if made.shape[1] != size[1] or interpolation not in ("nearest", "bilinear", "area"):
        across = _along_rows(made.swapaxes(0, 1), *taps(pixels.shape[1], size[1], interpolation))
        made = across.swapaxes(0, 1)
    return made if made.dtype == np.uint8 else np.clip(np.rint(made), 0, 255).astype(np.uint8)


def _along_rows(pixels: Array, places: Array, weights: Array) -> Array:
    """Weighted sums of rows: `(H, w, C)` of `(h, w, C)`; float32, or uint8 where rows are only chosen."""
    if places.shape[1] == 1:
        return pixels[places[:, 0]]
    made = np.zeros((len(places), *pixels.shape[1:]), np.float32)
    for place, weight in zip(places.T, weights.T, strict=True):
        made += pixels[place] * weight[:, None, None]
    return made


@lru_cache(256)
def taps(before: int, after: int, interpolation: Interpolation) -> tuple[Array, Array]:
    """Return which of `before` pixels make each of `after`, and with which weights.

    Returns:
        `(after, taps)` int64, and `(after, taps)` float32 whose rows add up to 1.
    """
    scale = before / after
    centres = (np.arange(after) + 0.5) * scale  # in pixels of before, from its edge
    if interpolation == "nearest":
        places = np.minimum(np.floor(centres).astype(np.int64), before - 1)[:, None]
        return places, np.ones((after, 1), np.float32)
    if interpolation == "bilinear":
        below = np.floor(centres - 0.5)
        share = (centres - 0.5 - below)[:, None]
        places = np.clip(np.stack([below, below + 1], axis=1), 0, before - 1).astype(np.int64)
        return places, np.hstack([1 - share, share]).astype(np.float32)
    if interpolation == "antialias":
        reach = max(scale, 1.0)
        steps = np.floor(centres - reach).astype(np.int64)[:, None] + np.arange(int(np.ceil(2 * reach)) + 2)
        weights = np.clip(1 - np.abs(steps + 0.5 - centres[:, None]) / reach, 0, None)
    elif interpolation == "area":
        starts, ends = np.arange(after) * scale, (np.arange(after) + 1) * scale
        steps = np.floor(starts).astype(np.int64)[:, None] + np.arange(int(np.ceil(scale)) + 1)
        weights = np.clip(np.minimum(ends[:, None], steps + 1) - np.maximum(starts[:, None], steps), 0, None)
    else:
        reach, kernel = KERNELS[interpolation]
        steps = np.ceil(centres - reach - 0.5).astype(np.int64)[:, None] + np.arange(int(2 * reach) + 1)
        far = np.abs(steps + 0.5 - centres[:, None])
        weights = kernel(far) * (far < reach)
    weights = weights * ((steps >= 0) & (steps < before))  # nothing is made up beyond the edge
    weights = weights / weights.sum(axis=1, keepdims=True)
    return np.clip(steps, 0, before - 1), weights.astype(np.float32)


def _lanczos(reach: float) -> Callable[[Array], Array]:
    return lambda x: np.sinc(x) * np.sinc(x / reach)


def _gaussian(x: Array) -> Array:
    return np.asarray(np.exp(-(x**2) / 0.5))  # a deviation of half a pixel


def _mitchell(x: Array) -> Array:
    near, far = (7 * x**3 - 12 * x**2 + 16 / 3) / 6, (-7 / 3 * x**3 + 12 * x**2 - 20 * x + 32 / 3) / 6
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def _keys(x: Array) -> Array:
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0))


KERNELS: dict[str, tuple[float, Callable[[Array], Array]]] = {
    "bicubic": (2.0, _keys),
    "lanczos3": (3.0, _lanczos(3.0)),
    "lanczos5": (5.0, _lanczos(5.0)),
    "gaussian": (1.5, _gaussian),
    "mitchellcubic": (2.0, _mitchell),
}
"""How far each reaches, in pixels, and its weight at a distance."""

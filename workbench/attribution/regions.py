"""Regions of an image that are shown or hidden as one: the cells of a grid, or segments of like colour (SLIC)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import tensorflow as tf
from keras import ops
from pydantic import Field

from workbench.core.types import Array
from workbench.models.scorer import Tensor

Kind = Annotated[
    Literal["grid", "slic"], Field(description="grid: cells of one size; slic: superpixels, segments of similar colour")
]
Side = Annotated[int, Field(ge=2, le=20, description="cells along each side; at most side x side superpixels")]


@dataclass(frozen=True, eq=False)
class Regions:
    """Up to d regions of each image.

    Attributes:
        labels: `(H, W)` for all images, or `(B, H, W)`; int32 number of each pixel's region, from 0 on without a gap.
        count: d. An image with fewer regions has none of the last numbers.
    """

    labels: Tensor
    count: int

    def masks(self, shown: Tensor) -> Tensor:
        """Paint coalitions: `(s, d)`, 1 where a region is shown, to `(s, H, W, 1)` or `(B, s, H, W, 1)`."""
        painted = ops.take(ops.transpose(shown), self.labels, axis=0)  # (…, H, W, s): whole rows are copied
        return ops.moveaxis(painted, -1, -3)[..., None]

    def with_any(self, pixels: Tensor) -> Tensor:
        """Which regions have one of the `(B, H, W)` bool pixels: `(B, d)` float64 of 0 and 1."""
        images = ops.arange(ops.shape(pixels)[0], dtype="int32")
        numbers = self.labels + self.count * images[:, None, None]  # (B, H, W), of the regions of all images together
        found = tf.math.unsorted_segment_max(ops.cast(pixels, "float64"), numbers, self.count * ops.shape(pixels)[0])
        return ops.reshape(ops.maximum(found, 0), (-1, self.count))

    def at_pixels(self, values: Tensor) -> Tensor:
        """Give each pixel the value of its region: `(B, d)` to `(B, H, W)`."""
        if len(self.labels.shape) == 2:
            return ops.take(values, self.labels, axis=1)
        flat = ops.reshape(self.labels, (-1, self.labels.shape[1] * self.labels.shape[2]))
        return ops.reshape(ops.take_along_axis(values, flat, axis=1), (-1, *self.labels.shape[1:]))


def most_regions(kind: str, image_shape: tuple[int, ...], side: int) -> int:
    """Count the regions d that an (H, W, C) image has at most."""
    height, width = image_shape[:2]
    return min(side, height) * min(side, width) if kind == "grid" else min(side * side, height * width)


def regions_of(kind: str, images: Tensor, side: int) -> Regions:
    """Divide `(B, H, W, C)` images; a cell or a segment is never smaller than a pixel."""
    shape = tuple(images.shape[1:])
    count = most_regions(kind, shape, side)
    if kind == "grid":
        rows, columns = (np.arange(length) * min(side, length) // length for length in shape[:2])
        return Regions(ops.convert_to_tensor(rows[:, None] * min(side, shape[1]) + columns, "int32"), count)

    def segment(batch: Array) -> Array:
        return np.array([segments(image, count) for image in batch], np.int32).reshape(batch.shape[:3])

    labels = tf.numpy_function(segment, [images], tf.int32, stateful=False)
    return Regions(tf.ensure_shape(labels, (None, *shape[:2])), count)


def segments(image: Array, most: int) -> Array:
    """Divide one image into segments of like colour and place by SLIC.

    Source: Achanta et al. 2012, TPAMI 34 (11), as scikit-image has it, with its compactness of 10 in Lab colours. In
    noise that gives one segment, so there the compactness is doubled until half as many come out as were asked for;
    where more come out than `most`, fewer are asked for.

    Args:
        image: `(H, W, C)` floats in [0, 1], rounded to 256 levels; three channels are red, green and blue, of any
            other number the mean is grey.
        most: segments that there may be.

    Returns:
        `(H, W)` int, 0 … at most `most` - 1 without a gap.
    """
    from skimage.segmentation import slic

    grey = image if image.shape[2] == 3 else np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2)
    pixels = np.clip(np.rint(255 * grey), 0, 255).astype(np.uint8)
    wanted, compactness = most, 10.0
    while True:
        labels = np.unique(slic(pixels, wanted, compactness, start_label=0), return_inverse=True)[1]
        found = int(labels.max()) + 1
        if found > most and wanted > 1:
            wanted -= max(1, wanted // 10)
        elif 2 * found < wanted and compactness < 1e4:
            compactness *= 2
        else:
            return np.asarray(np.minimum(labels, most - 1)).reshape(pixels.shape[:2])

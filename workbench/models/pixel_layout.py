"""Images as a model takes them, with channels last, first or in one row; and back to where the pixels are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

Tensor = Any


def as_input(images: Tensor, input_shape: Sequence[int], *, channels_first: bool) -> Tensor:
    """Lay `(B, H, W, C)` numbers out in the shape in which a model takes one image."""
    images = tf.transpose(images, (0, 3, 1, 2)) if channels_first else images
    return tf.reshape(images, (-1, *input_shape))


def as_pixels(given: Tensor, image_shape: Sequence[int], *, channels_first: bool) -> Tensor:
    """Lay a number for each that the model takes back to `(B, H, W, C)`."""
    height, width, channels = image_shape
    if channels_first:
        return tf.transpose(tf.reshape(given, (-1, channels, height, width)), (0, 2, 3, 1))
    return tf.reshape(given, (-1, height, width, channels))

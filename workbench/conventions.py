"""The conventions by which pixels are given to networks, each as a change of images in [0, 1]."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from workbench.contracts import Array

IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the red, green and blue channel in [0, 1], as in keras.applications' "torch" mode."""
CAFFE_MEAN = (103.939, 116.779, 123.68)
"""Of blue, green and red in [0, 255], as in its "caffe" mode."""


@dataclass(frozen=True)
class Convention:
    """One way to give images to a network.

    Attributes:
        words: what is done to the pixels, for a sentence "... if they are <words>".
        change: `(B, H, W, C)` float32 in [0, 1] to what the network is given.
        scales: whether only the scale of the values changes, and not what the picture shows.
    """

    words: str
    change: Callable[[Array], Array]
    scales: bool = True


def _standardised(images: Array) -> Array:
    mean = images.mean(axis=(1, 2, 3), keepdims=True)
    return (images - mean) / np.maximum(images.std(axis=(1, 2, 3), keepdims=True), 1e-3)


def _stretched(images: Array) -> Array:
    low, high = images.min(axis=(1, 2, 3), keepdims=True), images.max(axis=(1, 2, 3), keepdims=True)
    return (images - low) / np.maximum(high - low, 1e-6)


def conventions(shape: tuple[int, int, int]) -> Mapping[str, Convention]:
    """Return every convention that images of `shape`, (H, W, C), can be given by; "as they are" is none of them."""
    height, width, channels = shape
    found = {
        "×255": Convention("multiplied by 255", lambda x: x * np.float32(255)),
        "÷255": Convention("divided by 255", lambda x: x / np.float32(255)),
        "-1…1": Convention("scaled to −1…1", lambda x: 2 * x - 1),
        "standardised": Convention("brought to mean 0 and deviation 1, each by itself", _standardised),
        "stretched": Convention("stretched to 0…1, each by itself", _stretched),
        "inverted": Convention("inverted", lambda x: 1 - x, scales=False),
        "upside down": Convention("turned upside down", lambda x: x[:, ::-1], scales=False),
        "mirrored": Convention("mirrored", lambda x: x[:, :, ::-1], scales=False),
    }
    if height == width:
        found["transposed"] = Convention("transposed", lambda x: x.transpose(0, 2, 1, 3), scales=False)
        found["turned right"] = Convention(
            "turned by 90° to the right", lambda x: np.rot90(x, -1, axes=(1, 2)), scales=False
        )
        found["turned left"] = Convention(
            "turned by 90° to the left", lambda x: np.rot90(x, 1, axes=(1, 2)), scales=False
        )
    if channels == 3:
        mean, deviation = np.array(IMAGENET_MEAN, np.float32), np.array(IMAGENET_DEVIATION, np.float32)
        found["imagenet"] = Convention("normalised by ImageNet's mean and deviation", lambda x: (x - mean) / deviation)
        found["caffe"] = Convention(
            "given as blue, green, red in 0…255 less ImageNet's mean",
            lambda x: x[..., ::-1] * np.float32(255) - np.array(CAFFE_MEAN, np.float32),
        )
        found["bgr"] = Convention("given as blue, green, red", lambda x: x[..., ::-1])
    return found

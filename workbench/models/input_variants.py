"""Other ways to give images to a network than the one it is given them in, each as a change of images in [0, 1]."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from workbench.core.types import Array
from workbench.models.preprocessing import CONVENTIONS, UNIT, Preprocessing


@dataclass(frozen=True)
class Convention:
    """One way to give images to a network.

    Attributes:
        words: what is done to the pixels, for a sentence "... if they are <words>".
        change: `(B, H, W, C)` float32 in [0, 1] to the images that make up for it, of which the network is then given
            what it is given of every image.
        scales: whether only the scale of the values changes, and not what the picture shows.
        flag: name of the preprocessing that does the same; empty if none does.
    """

    words: str
    change: Callable[[Array], Array]
    scales: bool = True
    flag: str = ""


def _standardised(images: Array) -> Array:
    mean = images.mean(axis=(1, 2, 3), keepdims=True)
    return (images - mean) / np.maximum(images.std(axis=(1, 2, 3), keepdims=True), 1e-3)


def _stretched(images: Array) -> Array:
    low, high = images.min(axis=(1, 2, 3), keepdims=True), images.max(axis=(1, 2, 3), keepdims=True)
    return (images - low) / np.maximum(high - low, 1e-6)


def conventions(shape: tuple[int, int, int], now: Preprocessing = UNIT) -> Mapping[str, Convention]:
    """Return every other way that images of `shape`, (H, W, C), can be given in.

    Args:
        shape: of one image.
        now: how they are given now; it is undone where the scale is another, and kept where the picture is.
    """
    height, width, channels = shape
    found = {
        name: Convention(each.words, _instead(each.change, now), flag=name)
        for name, each in CONVENTIONS.items()
        if name != now.name and each.fits(channels)
    }
    found |= {
        "÷255": Convention("scaled to 0…1 and divided by 255 once more", _instead(lambda x: x / np.float32(255), now)),
        "standardised": Convention("brought to mean 0 and deviation 1, each by itself", _instead(_standardised, now)),
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
        found["bgr"] = Convention("given as blue, green, red", lambda x: x[..., ::-1])
    return found


def _instead(change: Callable[[Array], Array], now: Preprocessing) -> Callable[[Array], Array]:
    """Return what makes up for `now`, so that the network is given exactly what `change` makes."""
    return lambda images: np.asarray(now.undo(change(images)), np.float32)

"""Other preprocessing conventions than the current one, each as a change of images in [0, 1]."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from workbench.core.dataset import Dataset
from workbench.core.types import Array
from workbench.models.preprocessing import CONVENTIONS, UNIT, Preprocessing


@dataclass(frozen=True)
class Convention:
    """One preprocessing convention.

    Attributes:
        words: what is done to the pixels, for a sentence "... if they are <words>".
        change: maps `(B, H, W, C)` float32 images in [0, 1] to ones that, after the current preprocessing, equal what
            this convention would feed the network.
        scales: whether only the scale of the values changes, and not what the picture shows.
        flag: name of the preprocessing that does the same; empty if none does.
        fit: how image files are fitted to the model's size instead, before `change`; empty: as they are now.
        interpolation: how they are resized instead; likewise.
    """

    words: str
    change: Callable[[Array], Array]
    scales: bool = True
    flag: str = ""
    fit: str = ""
    interpolation: str = ""

    def reread(self, dataset: Dataset) -> Dataset:
        """Return the images as they are read for it."""
        return dataset.refit(self.fit, self.interpolation) if self.fit or self.interpolation else dataset

    @property
    def reading(self) -> str:
        """The option that reads files in this way; empty if it is about pixels."""
        return (
            f"--fit {self.fit}" if self.fit else f"--interpolation {self.interpolation}" if self.interpolation else ""
        )


def _standardise(images: Array) -> Array:
    mean = images.mean(axis=(1, 2, 3), keepdims=True)
    return (images - mean) / np.maximum(images.std(axis=(1, 2, 3), keepdims=True), 1e-3)


def _stretch(images: Array) -> Array:
    low, high = images.min(axis=(1, 2, 3), keepdims=True), images.max(axis=(1, 2, 3), keepdims=True)
    return (images - low) / np.maximum(high - low, 1e-6)


FITTED = {"stretch": "stretched", "pad": "padded", "crop": "cropped"}
RESIZED = {
    "bilinear": "resized bilinearly without antialiasing",
    "antialias": "resized with antialiasing",
    "nearest": "resized to the nearest pixels",
}


def other_fits(dataset: Dataset) -> Mapping[str, Convention]:
    """Return the other ways in which Keras' readers fit image files to the model's size, if they give other pixels."""
    now = FITTED[dataset.fit[0]]
    fits = {
        f"fit: {fit}": Convention(f"{FITTED[fit]} instead of {now}", lambda images: images, scales=False, fit=fit)
        for fit in dataset.other_fits
    }
    return fits | {
        f"interpolation: {name}": Convention(RESIZED[name], lambda images: images, scales=False, interpolation=name)
        for name in dataset.other_interpolations
    }


def conventions(shape: tuple[int, int, int], now: Preprocessing = UNIT) -> Mapping[str, Convention]:
    """Return every other convention for images of `shape`, (H, W, C).

    Args:
        shape: of one image.
        now: the current preprocessing; undone where the scale changes, kept where the picture does.
    """
    height, width, channels = shape
    found = {
        name: Convention(each.words, _instead(each.change, now), flag=name)
        for name, each in CONVENTIONS.items()
        if name != now.name and each.fits(channels)
    }
    found |= {
        "÷255": Convention("scaled to 0…1 and divided by 255 again", _instead(lambda x: x / np.float32(255), now)),
        "standardised": Convention(
            "standardised to mean 0 and deviation 1, each image by itself", _instead(_standardise, now)
        ),
        "stretched": Convention("stretched to 0…1, each image by itself", _stretch),
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
    """Return a change that compensates for `now`, so that the network gets exactly the output of `change`."""
    return lambda images: np.asarray(now.undo(change(images)), np.float32)

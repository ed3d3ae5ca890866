"""Other preprocessing conventions than the current one, each as a change of images in [0, 1]."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

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
        "turned round": Convention("turned by 180°", lambda x: x[:, ::-1, ::-1], scales=False),
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


ZOOMS = (0.65, 0.8)
"""Shares of the sides that images may have been cropped to, or shrunk to: other ones lie near enough to be seen."""


def zooms(shape: tuple[int, int, int]) -> Mapping[str, Convention]:
    """Return what undoes that images of `shape`, (H, W, C), were cropped and enlarged, or shrunk within a border."""
    if min(shape[:2]) < 8:
        return {}
    found = {}
    for share in ZOOMS:
        found[f"shrunk to {100 * share:.0f} %"] = Convention(
            f"shrunk to {100 * share:.0f} % of their sides", partial(zoomed, factor=share), scales=False
        )
        found[f"middle {100 * share:.0f} %"] = Convention(
            f"cropped to the middle {100 * share:.0f} % of their sides and enlarged",
            partial(zoomed, factor=1 / share),
            scales=False,
        )
    return found


def zoomed(images: Array, factor: float) -> Array:
    """Enlarge `(B, H, W, C)` float images around their middle; what comes from outside repeats their border.

    Args:
        images: the images.
        factor: above 1 to enlarge, bilinearly.
    """
    rows, columns = (_resampling(side, factor) for side in images.shape[1:3])
    return np.asarray(np.einsum("ph,bhwc,qw->bpqc", rows, images, columns, optimize=True), np.float32)


def _resampling(side: int, factor: float) -> Array:
    """`(side, side)` float, the weights of the pixels of a line for each pixel of the enlarged one."""
    middle = (side - 1) / 2
    places = np.clip(middle + (np.arange(side) - middle) / factor, 0, side - 1)
    return np.asarray(np.maximum(1 - np.abs(places[:, None] - np.arange(side)), 0))


def _instead(change: Callable[[Array], Array], now: Preprocessing) -> Callable[[Array], Array]:
    """Return a change that compensates for `now`, so that the network gets exactly the output of `change`."""
    return lambda images: np.asarray(now.undo(change(images)), np.float32)

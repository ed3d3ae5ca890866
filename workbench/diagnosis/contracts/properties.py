"""What every image property owes."""

from __future__ import annotations

import numpy as np

from workbench.core.types import Array
from workbench.data.properties import BROUGHT
from workbench.diagnosis.contracts.check import Check, hold


def pictures(channels: int) -> Array:
    """Return `(7, 12, 10, C)` float32 images: noise, a half, black, grey and white."""
    noise = np.random.default_rng(4).random((4, 12, 10, channels), np.float32)
    noise[3, :, 5:] = 0
    return np.concatenate([noise, *(np.full((1, 12, 10, channels), value, np.float32) for value in (0, 0.5, 1))])


def says_what_it_is(_: None, name: str) -> None:
    """Words for a sentence, a unit and a docstring."""
    kind = BROUGHT.get(name)
    hold(
        kind.words and kind.words == kind.words.strip(" ."), f"`words` must name it in a sentence. Got {kind.words!r}."
    )
    hold(kind.unit, "It needs a `unit`, for example 'of 1'.")
    first = (kind.__doc__ or "").strip().partition("\n")[0]
    hold(first.endswith("."), f"The first line of its docstring must be a sentence. Got {first!r}.")


def gives_a_number_an_image(_: None, name: str) -> None:
    """One finite number for each image, grey or colour, flat or not."""
    for channels in (1, 3):
        found = np.asarray(BROUGHT.get(name)().measure(pictures(channels)), np.float64)
        hold(found.shape == (7,), f"Of 7 images with {channels} channels it gives shape {found.shape}.")
        hold(np.isfinite(found).all(), f"Of noise, black, grey and white images it gives {found.tolist()}.")


def takes_one_image(_: None, name: str) -> None:
    """One image is many images, and their order does not matter."""
    images, order = pictures(1), np.array([3, 0, 6, 4, 2, 1, 5])
    measure = BROUGHT.get(name)().measure
    every = np.asarray(measure(images.copy()), np.float64)
    alone = [np.asarray(measure(images[n : n + 1].copy()), np.float64)[0] for n in range(7)]
    hold(np.allclose(alone, every, rtol=1e-5, atol=1e-6), "An image alone gives another number than among others.")
    turned = np.asarray(measure(images[order].copy()), np.float64)
    hold(np.allclose(turned, every[order], rtol=1e-5, atol=1e-6), "In another order an image gives another number.")


def tells_images_apart(_: None, name: str) -> None:
    """Not every image has the same number."""
    found = [np.asarray(BROUGHT.get(name)().measure(pictures(channels)), np.float64) for channels in (1, 3)]
    hold(any(np.ptp(each) > 0 for each in found), "Noise, black, grey and white images all have the same number.")


CHECKS: tuple[Check, ...] = (
    Check("it says what it is and its unit", says_what_it_is),
    Check("it gives one finite number an image", gives_a_number_an_image),
    Check("one image is many images, in any order", takes_one_image),
    Check("it tells images apart", tells_images_apart),
)

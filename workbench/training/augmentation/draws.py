"""What happens to which training image: numbers that depend on seed and epoch alone, drawn before an epoch begins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.core.types import Array
from workbench.training.recipes import Recipe

ROTATION, ZOOM, BRIGHTNESS, CONTRAST, ERASING = 101, 102, 103, 104, 105
"""Each setting has a stream of random numbers of its own, so that turning one on leaves what others do as it was."""
TRIES = 10
"""Rectangles that are drawn for an image, of which the first that fits is erased."""
SMALLEST = 0.02
"""Share of an image that is erased at least."""
FLATTEST = 0.3
"""Height over width of an erased rectangle lies between this and its inverse."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Draws:
    """What an epoch does to its N images, in the order in which it goes through them.

    Attributes:
        order: `(N,)` int64, the rows of the images.
        mirrored: `(N,)` bool.
        moves: `(N, 2)` int32, pixels down and to the right.
        angles: `(N,)` float32, radians counter-clockwise.
        scales: `(N,)` float32, above 1 enlarges.
        brightness: `(N,)` float32, added to values in [0, 1].
        contrast: `(N,)` float32, what distances from an image's mean are multiplied by.
        boxes: `(N, 4)` int32, top, left, bottom, right of what is erased, the last two exclusive; zeros erase nothing.
        noise: `(2,)` int32, seed of the values that are put there.
    """

    order: Array
    mirrored: Array
    moves: Array
    angles: Array
    scales: Array
    brightness: Array
    contrast: Array
    boxes: Array
    noise: Array

    @classmethod
    def of(cls, count: int, shape: tuple[int, int], recipe: Recipe, seed: int, epoch: int) -> Draws:
        """Draw for an epoch, counted from 0, of `count` images of `shape` (H, W)."""
        random = np.random.default_rng((seed, epoch))
        order = random.permutation(count)
        mirrored = random.random(count) < 0.5
        moves = random.integers(-recipe.shift, recipe.shift + 1, (count, 2), dtype=np.int32)

        def within(reach: float, stream: int) -> Array:
            return np.random.default_rng((seed, epoch, stream)).uniform(-reach, reach, count).astype(np.float32)

        erasing = np.random.default_rng((seed, epoch, ERASING))
        return cls(
            order=order,
            mirrored=mirrored,
            moves=moves,
            angles=np.deg2rad(within(recipe.rotation, ROTATION)).astype(np.float32),
            scales=1 + within(recipe.zoom, ZOOM),
            brightness=within(recipe.brightness, BRIGHTNESS),
            contrast=1 + within(recipe.contrast, CONTRAST),
            noise=erasing.integers(0, 2**31 - 1, 2, dtype=np.int32),
            boxes=rectangles(count, shape, recipe, erasing),
        )


def rectangles(count: int, shape: tuple[int, int], recipe: Recipe, random: np.random.Generator) -> Array:
    """Draw what is erased.

    Source: Zhong et al. 2017, arXiv 1708.04896, algorithm 1: area and shape are drawn until the rectangle fits into
    the image (ten times at most, as torchvision's `RandomErasing` does it; then nothing is erased). The shape is
    drawn evenly on the scale of its logarithm, so that lying and standing ones are alike often.

    Returns:
        `(count, 4)` int32: top, left, bottom, right, the last two exclusive; zeros where nothing is erased.
    """
    if not recipe.erasing:
        return np.zeros((count, 4), np.int32)
    height, width = shape
    chosen = random.random(count) < recipe.erasing
    area = height * width * random.uniform(SMALLEST, recipe.erasing_size, (count, TRIES))
    aspect = np.exp(random.uniform(np.log(FLATTEST), -np.log(FLATTEST), (count, TRIES)))
    tall, wide = np.round(np.sqrt(area * aspect)).astype(int), np.round(np.sqrt(area / aspect)).astype(int)
    fits = (tall <= height) & (wide <= width) & (tall > 0) & (wide > 0)
    first = fits.argmax(axis=1)
    rows = np.arange(count)
    tall, wide = tall[rows, first], wide[rows, first]
    erased = chosen & fits[rows, first]
    place = random.random((count, 2))
    top = (place[:, 0] * (height - tall + 1)).astype(int)
    left = (place[:, 1] * (width - wide + 1)).astype(int)
    boxes = np.stack([top, left, top + tall, left + wide], axis=1)
    return np.where(erased[:, None], boxes, 0).astype(np.int32)

"""Something that is no mark, but occurs with one class: its colour, ground, frame, compression or sharpness."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from workbench.core.finding import Kind
from workbench.core.types import Array
from workbench.data.jpeg import recompressed
from workbench.diagnosis.planting.fault import Chance, Fault, World, some, with_parts

LEAST_SIDE = 20
"""Pixels a side that there are at least."""


class SoftCue(Fault):
    """Most images of one class, in training and in the test, have something that has no fixed place or values."""

    kind: ClassVar[Kind | None] = "shortcut"

    share: float = Field(0.9, gt=0, le=1, description="share of the class's images that have it")
    how: Literal["cast", "texture", "frame", "ghost", "jpeg", "blur", "drawn"] = Field(
        "drawn", description="what it is; drawn: chosen at random"
    )

    def before(self, world: World, chance: Chance) -> World:
        """Choose the class, what it is, and the images."""
        lacking = {"ghost", *(["cast"] if world.train.image_shape[2] == 1 else [])}
        names = [name for name in CUES if name not in lacking]  # a ghost is asked for by name
        how = str(chance.choice(names)) if self.how == "drawn" else self.how
        one = int(chance.integers(len(world.train.class_names)))
        change, seed = CUES[how], int(chance.integers(2**31))
        parts: dict[str, Any] = {}
        for name, part in (("train", world.train), ("test", world.test)):
            own = np.flatnonzero(part.labels == one)
            rows = own[some(len(own), self.share, chance)]
            images = _enlarged(np.array(part.images))
            images[rows] = change(images[rows], np.random.default_rng(seed))
            parts[name] = with_parts(part, images=images)
            if name == "train":
                planted = rows
        return replace(world, **parts, classes=(one,), rows=planted, part="train")


def _enlarged(images: Array) -> Array:
    """Repeat each pixel of the smallest images, whose objects reach the border and leave no room for a cue."""
    by = -(-LEAST_SIDE // min(images.shape[1:3]))
    return images.repeat(by, axis=1).repeat(by, axis=2)


def _clipped(images: Array) -> Array:
    return np.clip(images, 0, 255).round().astype(np.uint8)


def _cast(images: Array, chance: Chance) -> Array:
    """Redder and less blue, or the like, by up to a sixth of the range."""
    return _clipped(images + chance.permutation([45, 0, -45]))


def _texture(images: Array, chance: Chance) -> Array:
    """Diagonal stripes of four pixels over everything, at another phase in each image."""
    rows, columns = np.indices(images.shape[1:3])
    phase = chance.integers(0, 4, len(images))[:, None, None]
    waves = 25 * np.sin(2 * np.pi * (rows + columns + phase) / 4)
    return _clipped(images + waves[..., None])


def _frame(images: Array, _: Chance) -> Array:
    """Border pixels a little brighter."""
    changed = images.astype(np.float64) + 45
    changed[:, 1:-1, 1:-1] = images[:, 1:-1, 1:-1]
    return _clipped(changed)


def _ghost(images: Array, chance: Chance) -> Array:
    """Mix a disc into a quarter of each picture."""
    height, width = images.shape[1:3]
    rows, columns = np.indices((height, width))
    centre = chance.uniform(0.25, 0.75, 2) * (height, width)
    disc = np.hypot(rows - centre[0], columns - centre[1]) < min(height, width) / 5
    changed = images.astype(np.float64)
    changed[:, disc] = 0.65 * changed[:, disc] + 0.35 * 230
    return _clipped(changed)


def _jpeg(images: Array, _: Chance) -> Array:
    return recompressed(images, 5)


def _blur(images: Array, _: Chance) -> Array:
    from scipy.ndimage import gaussian_filter

    return _clipped(gaussian_filter(images.astype(np.float64), (0, 1.2, 1.2, 0)))


CUES: Mapping[str, Callable[[Array, Chance], Array]] = {
    "cast": _cast,
    "texture": _texture,
    "frame": _frame,
    "ghost": _ghost,
    "jpeg": _jpeg,
    "blur": _blur,
}

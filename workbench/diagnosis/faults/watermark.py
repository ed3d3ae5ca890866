"""A mark that occurs with one class."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
from pydantic import Field

from workbench.core.finding import Kind
from workbench.core.types import Array
from workbench.diagnosis.planting.fault import Chance, Fault, World, some, with_parts


class Watermark(Fault):
    """A small square in a corner of most training images of one class."""

    kind: ClassVar[Kind | None] = "shortcut"

    share: float = Field(0.6, gt=0, le=1, description="share of the class's training images with the mark")

    def before(self, world: World, chance: Chance) -> World:
        """Choose class, corner and grey value."""
        one = int(chance.integers(len(world.train.class_names)))
        own = np.flatnonzero(world.train.labels == one)
        rows = own[some(len(own), self.share, chance)]
        images = add_mark(world.train.images, rows, chance)
        return replace(world, train=with_parts(world.train, images=images), classes=(one,), rows=rows, part="train")


def add_mark(images: Array, rows: Array, chance: Chance) -> Array:
    """Draw a square of one brightness into one corner of some images: a ninth of the side, at least 2 pixels."""
    height, width = images.shape[1:3]
    side = max(2, round(min(height, width) / 9))
    top, left = (int(chance.integers(2)) * (size - side) for size in (height, width))
    painted = np.array(images)
    painted[rows, top : top + side, left : left + side] = chance.integers(160, 256)
    return painted

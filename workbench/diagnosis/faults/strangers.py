"""Test images of no class."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from workbench.core.finding import Kind
from workbench.core.types import Array
from workbench.diagnosis.planting.fault import Chance, Fault, World, some, with_parts


class Strangers(Fault):
    """Some test images show no class: noise, the pixels of an image in random order, or other pictures."""

    kind: ClassVar[Kind | None] = "outliers"

    share: float = Field(0.05, gt=0, le=1, description="share of the test images that is replaced")
    how: Literal["noise", "shuffled", "pictures", "drawn"] = Field(
        "drawn", description="what they show; drawn: chosen at random"
    )

    def before(self, world: World, chance: Chance) -> World:
        """Choose the images and what replaces them."""
        rows, images = some(len(world.test), self.share, chance), np.array(world.test.images)
        how = str(chance.choice(["noise", "shuffled", "pictures"])) if self.how == "drawn" else self.how
        if how == "noise":
            images[rows] = chance.integers(0, 256, images[rows].shape)
        elif how == "shuffled":
            images[rows] = chance.permuted(images[rows].reshape(len(rows), -1), axis=1).reshape(images[rows].shape)
        else:
            images[rows] = np.stack([_picture(images.shape[1:], chance) for _ in rows])
        return replace(world, test=with_parts(world.test, images=images), rows=rows)


def _picture(shape: tuple[int, ...], chance: Chance) -> Array:
    """Draw stripes of one width and direction, with another phase in each channel: uint8."""
    rows, columns = np.indices(shape[:2])
    angle, width = chance.uniform(0, np.pi), max(shape[0] / chance.uniform(2, 5), 2)
    along = rows * np.cos(angle) + columns * np.sin(angle)
    waves = [np.sin(2 * np.pi * along / width + chance.uniform(0, 6)) for _ in range(shape[2])]
    return np.asarray((127 + 120 * np.stack(waves, axis=-1)).astype(np.uint8))

"""Test images of which half are turned."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
from pydantic import Field

from workbench.core.finding import Kind
from workbench.diagnosis.planting.fault import Chance, Fault, World, some, with_parts


class HalfTurned(Fault):
    """Half of the test images are turned by 90° or 180°, as where a reader ignores how the camera was held."""

    kind: ClassVar[Kind | None] = "train-test-shift"

    share: float = Field(0.5, gt=0, le=1, description="share of the test images that is turned")

    def after(self, world: World, chance: Chance) -> World:
        """Choose the images and the turn; by 180° where they are not square."""
        rows, images = some(len(world.test), self.share, chance), np.array(world.test.images)
        turns = int(chance.integers(1, 4)) if images.shape[1] == images.shape[2] else 2
        images[rows] = np.rot90(images[rows], turns, axes=(1, 2))
        return replace(world, test=with_parts(world.test, images=images), rows=rows)

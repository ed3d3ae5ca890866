"""Test images that show nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
from pydantic import Field

from workbench.core.finding import Kind
from workbench.diagnosis.planting.fault import Chance, Fault, World, some, with_parts


class BlankImages(Fault):
    """Some test images are one grey value each, as files that could not be read."""

    kind: ClassVar[Kind | None] = "blank-images"

    share: float = Field(0.05, gt=0, le=1, description="share of the test images that is blank")

    def after(self, world: World, chance: Chance) -> World:
        """Choose the images, and whether they are black, white or each of another grey."""
        rows, images = some(len(world.test), self.share, chance), np.array(world.test.images)
        drawn = chance.integers(0, 256, len(rows))
        images[rows] = {0: np.zeros_like(drawn), 1: np.full_like(drawn, 255), 2: drawn}[int(chance.integers(3))][
            :, None, None, None
        ]
        return replace(world, test=with_parts(world.test, images=images), rows=rows)

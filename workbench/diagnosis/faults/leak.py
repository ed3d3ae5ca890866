"""Test images among the training images."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
from pydantic import Field

from workbench.core.finding import Kind
from workbench.diagnosis.planting.fault import Chance, Fault, World, some, with_parts


class Leak(Fault):
    """Some test images, with their labels, are also in training."""

    kind: ClassVar[Kind | None] = "leakage"

    share: float = Field(0.02, gt=0, le=1, description="share of the test images that is added to training")

    def before(self, world: World, chance: Chance) -> World:
        """Insert copies at random places among the training images."""
        rows = some(len(world.test), self.share, chance)
        order = chance.permutation(len(world.train) + len(rows))
        images = np.concatenate([world.train.images, world.test.images[rows]])[order]
        labels = np.concatenate([world.train.labels, world.test.labels[rows]])[order]
        return replace(world, train=with_parts(world.train, images=images, labels=labels), rows=rows)

"""Test images among the training images."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
from pydantic import Field

from workbench.core.finding import Kind
from workbench.diagnosis.planting.fault import Chance, Fault, World, changed, some


class Leak(Fault):
    """Some of the test images, with their labels, are training images too."""

    kind: ClassVar[Kind | None] = "leakage"

    share: float = Field(0.02, gt=0, le=1, description="share of the test images that is learned from")

    def before(self, world: World, chance: Chance) -> World:
        """Put copies at drawn places among the training images."""
        rows = some(len(world.test), self.share, chance)
        order = chance.permutation(len(world.train) + len(rows))
        images = np.concatenate([world.train.images, world.test.images[rows]])[order]
        labels = np.concatenate([world.train.labels, world.test.labels[rows]])[order]
        return replace(world, train=changed(world.train, images=images, labels=labels), rows=rows)

"""A class with few training images."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
from pydantic import Field

from workbench.core.finding import Kind
from workbench.diagnosis.planting.fault import Chance, Fault, World, some


class RareClass(Fault):
    """Most training images of one class are removed."""

    kind: ClassVar[Kind | None] = "class-imbalance"

    left: float = Field(0.1, gt=0, lt=1, description="share of the class's training images that is kept")

    def before(self, world: World, chance: Chance) -> World:
        """Choose the class, and the images that are kept."""
        one = int(chance.integers(len(world.train.class_names)))
        own = np.flatnonzero(world.train.labels == one)
        kept = own[some(len(own), self.left, chance)]
        rows = np.sort(np.concatenate([np.flatnonzero(world.train.labels != one), kept]))
        return replace(world, train=world.train.subset(rows), classes=(one,), part="train")

"""A network that has memorised its training images."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from pydantic import Field

from workbench.core.finding import Kind
from workbench.diagnosis.planting.fault import Chance, Fault, Fitting, World, some


class RoteLearning(Fault):
    """Few training images, many epochs, no dropout."""

    kind: ClassVar[Kind | None] = "overfitting"

    images: int = Field(400, ge=20, description="training images that are kept")

    def before(self, world: World, chance: Chance) -> World:
        """Choose the training images that are kept."""
        count = len(world.train)
        return replace(world, train=world.train.subset(some(count, min(1.0, self.images / count), chance)))

    def fitting(self) -> Fitting:
        """Train for long."""
        return Fitting(epochs=8.0, dropout=0.0)

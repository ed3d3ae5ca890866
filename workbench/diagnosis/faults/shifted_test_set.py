"""Test images that are unlike the training images."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from workbench.core.finding import Kind
from workbench.core.types import Array
from workbench.diagnosis.planting.fault import Chance, Fault, World, with_parts


class ShiftedTestSet(Fault):
    """All test images are shifted, darkened or noisy."""

    kind: ClassVar[Kind | None] = "train-test-shift"

    how: Literal["shifted", "darker", "noisy", "drawn"] = Field(
        "drawn", description="the change; drawn: chosen at random"
    )

    def after(self, world: World, chance: Chance) -> World:
        """Choose the change, and its size."""
        how = str(chance.choice(["shifted", "darker", "noisy"])) if self.how == "drawn" else self.how
        images = CHANGES[how](np.array(world.test.images), chance)
        return replace(world, test=with_parts(world.test, images=images))


def _shift(images: Array, chance: Chance) -> Array:
    steps = max(1, round(images.shape[1] * chance.uniform(0.09, 0.15)))
    axis = int(chance.integers(1, 3))
    moved = np.roll(images, steps, axis)
    filled = moved[:, :steps] if axis == 1 else moved[:, :, :steps]
    filled[...] = 0
    return moved


def _darken(images: Array, chance: Chance) -> Array:
    return (images * chance.uniform(0.35, 0.6)).astype(np.uint8)


def _add_noise(images: Array, chance: Chance) -> Array:
    noise = chance.normal(0, chance.uniform(25, 50), images.shape)
    return np.clip(images + noise, 0, 255).astype(np.uint8)


CHANGES = {"shifted": _shift, "darker": _darken, "noisy": _add_noise}

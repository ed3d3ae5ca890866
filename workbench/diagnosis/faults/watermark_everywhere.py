"""A mark that comes with no class: a control."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from workbench.core.finding import Kind
from workbench.diagnosis.faults.watermark import marked
from workbench.diagnosis.planting.fault import Chance, Fault, World, changed, some


class WatermarkEverywhere(Fault):
    """The same square in as many training images of every class, and in the test images: it tells nothing."""

    denied: ClassVar[Kind | None] = "shortcut"

    share: float = Field(0.6, gt=0, le=1, description="share of all images that carry it")

    def before(self, world: World, chance: Chance) -> World:
        """Draw corner and grey value, the same for both parts."""
        seed = int(chance.integers(2**31))
        parts: dict[str, Any] = {}
        for name, part in (("train", world.train), ("test", world.test)):
            rows = some(len(part), self.share, chance)
            parts[name] = changed(part, images=marked(part.images, rows, _generator(seed)))
        return replace(world, **parts)


def _generator(seed: int) -> Chance:
    return np.random.default_rng(seed)

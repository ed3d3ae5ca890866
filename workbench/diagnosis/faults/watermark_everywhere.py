"""A mark that is equally frequent in all classes: a control."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from workbench.core.finding import Kind
from workbench.diagnosis.faults.watermark import add_mark
from workbench.diagnosis.planting.fault import Chance, Fault, World, some, with_parts


class WatermarkEverywhere(Fault):
    """The same mark, equally frequent in all classes of training and test images."""

    denied: ClassVar[Kind | None] = "shortcut"

    share: float = Field(0.6, gt=0, le=1, description="share of all images with the mark")

    def before(self, world: World, chance: Chance) -> World:
        """Choose corner and grey value, the same for both parts."""
        seed = int(chance.integers(2**31))
        parts: dict[str, Any] = {}
        for name, part in (("train", world.train), ("test", world.test)):
            rows = some(len(part), self.share, chance)
            parts[name] = with_parts(part, images=add_mark(part.images, rows, _generator(seed)))
        return replace(world, **parts)


def _generator(seed: int) -> Chance:
    return np.random.default_rng(seed)

"""A group of images that look otherwise, and were hardly learned from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from workbench.contracts import Array, Kind
from workbench.faults.base import Chance, Fault, World, changed, some


class RareGroup(Fault):
    """Some test images of one class look otherwise; hardly any training image does."""

    kind: ClassVar[Kind | None] = "underperforming-slice"

    share: float = Field(0.35, gt=0, lt=1, description="share of the class's test images in the group")
    learned: float = Field(0.005, ge=0, lt=1, description="the same of its training images")
    look: Literal["inverted", "turned", "striped", "drawn"] = Field("drawn", description="how they look; drawn for any")

    def before(self, world: World, chance: Chance) -> World:
        """Draw the class, the images and the look."""
        one = int(chance.integers(len(world.train.class_names)))
        look = str(chance.choice(["inverted", "turned", "striped"])) if self.look == "drawn" else self.look
        parts: dict[str, Any] = {}
        rows = np.zeros(0, np.int64)
        for name, part, share in (("train", world.train, self.learned), ("test", world.test, self.share)):
            own = np.flatnonzero(part.labels == one)
            rows = own[some(len(own), share, chance)] if share else own[:0]
            images = np.array(part.images)
            images[rows] = LOOKS[look](images[rows])
            parts[name] = changed(part, images=images)
        return replace(world, **parts, classes=(one,), rows=rows)


def _striped(images: Array) -> Array:
    striped = np.array(images)
    striped[:, :, :: max(3, images.shape[2] // 8)] = 255 - striped[:, :, :: max(3, images.shape[2] // 8)]
    return striped


LOOKS = {"inverted": lambda images: 255 - images, "turned": lambda images: images[:, ::-1], "striped": _striped}

"""Images that could be of either of two classes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from workbench.core.finding import Kind
from workbench.diagnosis.planting.fault import Chance, Fault, World, some, with_parts


class AmbiguousPair(Fault):
    """Some images of two classes, in both parts, show both at half strength, and are called either by chance."""

    kind: ClassVar[Kind | None] = "confused-pair"

    share: float = Field(0.5, gt=0, lt=1, description="share of the images of both classes")

    def before(self, world: World, chance: Chance) -> World:
        """Choose the classes, the images, and of each its other half and its label."""
        pair = tuple(int(c) for c in chance.choice(len(world.train.class_names), 2, replace=False))
        parts: dict[str, Any] = {}
        for name, part in (("train", world.train), ("test", world.test)):
            images, labels = np.array(part.images), part.labels.copy()
            own = np.flatnonzero(np.isin(labels, pair))
            rows = own[some(len(own), self.share, chance)]
            shown = [chance.choice(np.flatnonzero(part.labels == c), len(rows)) for c in pair]
            halves = [part.images[each].astype(np.float64) / 2 for each in shown]
            images[rows] = (halves[0] + halves[1]).round().astype(np.uint8)
            labels[rows] = np.array(pair)[chance.integers(0, 2, len(rows))]
            parts[name] = with_parts(part, images=images, labels=labels)
        return replace(world, **parts, classes=pair, rows=rows)

"""Duplicates within the test images."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
from pydantic import Field

from workbench.core.finding import Kind
from workbench.diagnosis.planting.fault import Chance, Fault, World, some, with_parts


class Repeats(Fault):
    """Some of the test images are duplicated."""

    kind: ClassVar[Kind | None] = "duplicates"

    share: float = Field(0.05, gt=0, le=1, description="share of the test images that is duplicated")

    def before(self, world: World, chance: Chance) -> World:
        """Replace some images by copies of others."""
        test = world.test
        rows = some(len(test), 2 * self.share, chance)
        originals, copies = chance.permutation(rows)[: len(rows) // 2 * 2].reshape(2, -1)
        images, labels = np.array(test.images), test.labels.copy()
        images[copies], labels[copies] = images[originals], labels[originals]
        return replace(
            world,
            test=with_parts(test, images=images, labels=labels),
            rows=np.sort(np.concatenate([originals, copies])),
        )

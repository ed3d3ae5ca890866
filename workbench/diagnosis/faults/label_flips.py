"""Wrong labels in the training images."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from workbench.core.finding import Kind
from workbench.diagnosis.planting.fault import Chance, Fault, World, some, with_parts


class LabelFlips(Fault):
    """Some training labels are replaced by wrong ones."""

    kind: ClassVar[Kind | None] = "label-noise"

    share: float = Field(0.05, gt=0, lt=1, description="share of the labels, or of one class's labels, that are wrong")
    among: Literal["all", "pair"] = Field("all", description="all classes, or one class labelled as another")

    def before(self, world: World, chance: Chance) -> World:
        """Choose the images, and another label for each."""
        labels, classes = world.train.labels.copy(), len(world.train.class_names)
        if self.among == "pair":
            one, other = (int(c) for c in chance.choice(classes, 2, replace=False))
            own = np.flatnonzero(labels == one)
            rows = own[some(len(own), self.share, chance)]
            labels[rows] = other
            about: tuple[int, ...] = (one, other)
        else:
            rows, about = some(len(labels), self.share, chance), ()
            labels[rows] = (labels[rows] + chance.integers(1, classes, len(rows))) % classes
        return replace(world, train=with_parts(world.train, labels=labels), classes=about, rows=rows, part="train")

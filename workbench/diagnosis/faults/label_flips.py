"""Wrong labels in the training images."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from workbench.core.finding import Kind
from workbench.diagnosis.planting.fault import Chance, Fault, World, some, with_parts

WITHIN = 0.6
"""Share of the labels of one look that are wrong: were they all, nothing could tell that look from the other class."""


class LabelFlips(Fault):
    """Some training labels are replaced by wrong ones."""

    kind: ClassVar[Kind | None] = "label-noise"

    share: float = Field(0.05, gt=0, lt=1, description="share of the labels, or of one class's labels, that are wrong")
    among: Literal["all", "pair", "look"] = Field(
        "all", description="all classes; one class labelled as another; or of that class some of the brightest images"
    )

    def before(self, world: World, chance: Chance) -> World:
        """Choose the images, and another label for each."""
        labels, classes = world.train.labels.copy(), len(world.train.class_names)
        if self.among != "all":
            one, other = (int(c) for c in chance.choice(classes, 2, replace=False))
            own = np.flatnonzero(labels == one)
            rows = own[some(len(own), self.share, chance)]
            if self.among == "look":
                bright = np.asarray(world.train.images[own]).mean(axis=(1, 2, 3))
                look = own[np.argsort(-bright, kind="stable")[: round(len(rows) / WITHIN)]]
                rows = np.sort(chance.choice(look, min(len(rows), len(look)), replace=False))
            labels[rows] = other
            about: tuple[int, ...] = (one, other)
        else:
            rows, about = some(len(labels), self.share, chance), ()
            labels[rows] = (labels[rows] + chance.integers(1, classes, len(rows))) % classes
        return replace(world, train=with_parts(world.train, labels=labels), classes=about, rows=rows, part="train")

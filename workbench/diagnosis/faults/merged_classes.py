"""Two classes under one name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from workbench.core.dataset import Dataset
from workbench.core.finding import Kind
from workbench.diagnosis.planting.fault import Chance, Fault, World, with_parts

DRAWS = 5
"""Pairs that are drawn at most."""
TOLD = 0.95
"""Share of images whose pixels must lie nearer to the mean of their own class: classes that look alike are no fault."""


class MergedClasses(Fault):
    """Two classes have one name in both parts, and the other name is gone.

    Drawn anew, a few times, while the pixels hardly tell the two apart: then it is no fault that anybody could see.
    """

    kind: ClassVar[Kind | None] = "merged-class"

    def before(self, world: World, chance: Chance) -> World:
        """Choose both classes, and rename the second."""
        for _ in range(DRAWS):
            one, other = (int(c) for c in chance.choice(len(world.train.class_names), 2, replace=False))
            if told_apart(world.train, one, other, chance) >= TOLD:
                break
        parts: dict[str, Any] = {
            name: _renamed(part, one, other) for name, part in (("train", world.train), ("test", world.test))
        }
        return replace(world, **parts, classes=(one - (one > other),))


def told_apart(part: Dataset, one: int, other: int, chance: Chance) -> float:
    """Return how often images of two classes are nearer to the mean image of their own than to that of the other.

    Args:
        part: images and labels.
        one: a class, of two images at least.
        other: another one.
        chance: for the half of the images that gives the means; those of the other half are counted.
    """
    sides = [part.floats(chance.permutation(np.flatnonzero(part.labels == c))) for c in (one, other)]
    sides = [each.reshape(len(each), -1) for each in sides]
    means = [each[::2].mean(axis=0) for each in sides]
    right = [
        ((each[1::2] - means[place]) ** 2).sum(axis=1) < ((each[1::2] - means[1 - place]) ** 2).sum(axis=1)
        for place, each in enumerate(sides)
    ]
    return float(np.concatenate(right).mean())


def _renamed(part: Dataset, one: int, other: int) -> Dataset:
    """Give `other` the name of `one`, and close the gap in the numbers."""
    labels = np.where(part.labels == other, one, part.labels)
    names = tuple(name for c, name in enumerate(part.class_names) if c != other)
    return with_parts(part, labels=labels - (labels > other), class_names=names)

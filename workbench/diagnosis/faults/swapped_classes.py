"""Two classes whose labels are swapped in the test images."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np

from workbench.core.finding import Kind
from workbench.diagnosis.planting.fault import Chance, Fault, World, with_parts


class SwappedClasses(Fault):
    """Test images of one class are labelled as another, and vice versa."""

    kind: ClassVar[Kind | None] = "label-permutation"

    def after(self, world: World, chance: Chance) -> World:
        """Choose the two classes."""
        one, other = (int(c) for c in chance.choice(len(world.test.class_names), 2, replace=False))
        labels = world.test.labels.copy()
        first, second = labels == one, labels == other
        labels[first], labels[second] = other, one
        rows = np.flatnonzero(first | second)
        return replace(world, test=with_parts(world.test, labels=labels), classes=(one, other), rows=rows)

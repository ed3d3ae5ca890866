"""One class under two names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from workbench.core.finding import Kind
from workbench.diagnosis.planting.fault import Chance, Fault, World, with_parts


class TwinClasses(Fault):
    """Half of the images of a class, chosen at random in both parts, have another class's name, and that class is gone.

    Images of the class that is gone are left out.
    """

    kind: ClassVar[Kind | None] = "confused-pair"

    def before(self, world: World, chance: Chance) -> World:
        """Choose both classes, and deal out the images."""
        one, other = (int(c) for c in chance.choice(len(world.train.class_names), 2, replace=False))
        parts: dict[str, Any] = {}
        for name, part in (("train", world.train), ("test", world.test)):
            kept = part.subset(np.flatnonzero(part.labels != other))
            labels = kept.labels.copy()
            own = np.flatnonzero(labels == one)
            labels[own[chance.random(len(own)) < 0.5]] = other
            parts[name] = with_parts(kept, labels=labels)
        return replace(world, **parts, classes=(one, other))

"""Labels of the test images that are all another class's."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from workbench.core.finding import Kind
from workbench.diagnosis.planting.fault import Chance, Fault, World, with_parts


class ShiftedLabels(Fault):
    """The classes of the test images are counted from another one on, or stand in another order."""

    kind: ClassVar[Kind | None] = "label-permutation"

    how: Literal["shifted", "shuffled", "drawn"] = Field("drawn", description="the new order; drawn: chosen at random")

    def after(self, world: World, chance: Chance) -> World:
        """Choose an order in which no class stands where it did."""
        count = len(world.test.class_names)
        how = str(chance.choice(["shifted", "shuffled"])) if self.how == "drawn" else self.how
        order = (np.arange(count) + 1) % count
        if how == "shuffled":
            cycle = chance.permutation(count)
            order[cycle] = np.roll(cycle, 1)
        return replace(
            world,
            test=with_parts(world.test, labels=order[world.test.labels]),
            classes=tuple(range(count)),
            rows=np.arange(len(world.test)),
        )

"""Logits that are too large."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from workbench.core.finding import Kind
from workbench.diagnosis.planting.fault import Chance, Fault, World

if TYPE_CHECKING:
    import keras


class SharpLogits(Fault):
    """The last layer's weights are multiplied: same predictions, too much confidence."""

    kind: ClassVar[Kind | None] = "miscalibration"

    factor: float = Field(5.0, gt=1, description="factor for all logits")

    def network(self, model: keras.Model, world: World, chance: Chance) -> World:
        """Multiply kernel and bias of the last layer."""
        *others, kernel, bias = model.get_weights()
        model.set_weights([*others, self.factor * kernel, self.factor * bias])
        return world

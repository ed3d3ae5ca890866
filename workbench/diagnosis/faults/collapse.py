"""A network that predicts the same for every image."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from workbench.core.finding import Kind
from workbench.diagnosis.planting.fault import Chance, Fault, World

if TYPE_CHECKING:
    import keras


class Collapse(Fault):
    """The last layer ignores its input, as after training has diverged."""

    kind: ClassVar[Kind | None] = "constant-prediction"

    def network(self, model: keras.Model, world: World, chance: Chance) -> World:
        """Shrink its kernel, and randomise its bias."""
        *others, kernel, bias = model.get_weights()
        model.set_weights([*others, 1e-4 * kernel, chance.normal(0, 1, bias.shape).astype(np.float32)])
        return world

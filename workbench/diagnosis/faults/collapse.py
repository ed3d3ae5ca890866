"""A network that predicts the same for every image."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from workbench.core.finding import Kind
from workbench.diagnosis.planting.fault import Chance, Fault, World

if TYPE_CHECKING:
    import keras


class Collapse(Fault):
    """The last layer ignores its input, as after training has diverged."""

    kind: ClassVar[Kind | None] = "constant-prediction"

    how: Literal["shrunk", "biased"] = Field(
        "shrunk", description="its kernel is close to zero, or one bias exceeds whatever an image can say"
    )

    def network(self, model: keras.Model, world: World, chance: Chance) -> World:
        """Shrink its kernel and randomise its bias, or raise the bias of one class."""
        *others, kernel, bias = model.get_weights()
        if self.how == "shrunk":
            kernel, bias = 1e-4 * kernel, chance.normal(0, 1, bias.shape).astype(np.float32)
        else:
            bias = np.array(bias)
            bias[int(chance.integers(len(bias)))] += 60
        model.set_weights([*others, kernel, bias])
        return world

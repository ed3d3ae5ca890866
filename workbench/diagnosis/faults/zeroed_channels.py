"""Channels whose weights are zero."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from workbench.core.finding import Kind
from workbench.diagnosis.planting.fault import Chance, Fault, World, some

if TYPE_CHECKING:
    import keras


class ZeroedChannels(Fault):
    """The weights of some channels of one convolution are zero."""

    kind: ClassVar[Kind | None] = "dead-channels"

    share: float = Field(0.4, gt=0, lt=1, description="share of the layer's channels")

    def network(self, model: keras.Model, world: World, chance: Chance) -> World:
        """Choose the layer and its channels, and set kernel and bias to zero."""
        layers = [layer for layer in model.layers if getattr(getattr(layer, "kernel", None), "ndim", 0) == 4]
        layer = layers[int(chance.integers(len(layers)))]
        weights = [np.array(each) for each in layer.get_weights()]
        dead = some(weights[0].shape[-1], self.share, chance)
        for values in weights:
            values[..., dead] = 0
        layer.set_weights(weights)
        return world

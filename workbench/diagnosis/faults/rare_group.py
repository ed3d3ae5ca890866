"""A group of images that look otherwise than all that was learned from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from workbench.core.finding import Kind
from workbench.core.types import Array
from workbench.diagnosis.planting.fault import Chance, Fault, World, changed, some

if TYPE_CHECKING:
    import keras

MISSED = 0.5
"""Share of the group that the network must miss; a group that it recognises all the same is no fault."""


class RareGroup(Fault):
    """Some test images of one class look otherwise, in a way that was not learned."""

    kind: ClassVar[Kind | None] = "underperforming-slice"

    share: float = Field(0.35, gt=0, lt=1, description="share of the class's test images in the group")

    def network(self, model: keras.Model, world: World, chance: Chance) -> World:
        """Draw the class and the images, and of the looks one that the network does not recognise."""
        for look in chance.permutation(list(LOOKS)):
            one = int(chance.integers(len(world.test.class_names)))
            own = np.flatnonzero(world.test.labels == one)
            rows = own[some(len(own), self.share, chance)]
            images = np.array(world.test.images)
            images[rows] = LOOKS[str(look)](images[rows])
            planted = replace(world, test=changed(world.test, images=images), classes=(one,), rows=rows)
            said = np.asarray(model(planted.test.floats(rows))).argmax(axis=1)
            if (said != one).mean() >= MISSED:
                break
        return planted


def _striped(images: Array) -> Array:
    striped, step = np.array(images), max(3, images.shape[2] // 8)
    striped[:, :, ::step] = 255 - striped[:, :, ::step]
    return striped


def _covered(images: Array) -> Array:
    covered = np.array(images)
    covered[:, : images.shape[1] // 2] = 255
    return covered


LOOKS: Mapping[str, Callable[[Array], Array]] = {
    "inverted": lambda images: 255 - images,
    "turned": lambda images: images[:, ::-1],
    "striped": _striped,
    "covered": _covered,
}

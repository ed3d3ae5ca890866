"""A group of images that look different from all training images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from workbench.core.finding import Kind
from workbench.core.types import Array
from workbench.diagnosis.planting.fault import Chance, Fault, World, some, with_parts

if TYPE_CHECKING:
    import keras

MISSED = 0.5
"""Share of the group that the network must misclassify: otherwise it is no fault."""


class RareGroup(Fault):
    """Some test images of one class look different, in a way that was not trained on."""

    kind: ClassVar[Kind | None] = "underperforming-slice"

    share: float = Field(0.35, gt=0, lt=1, description="share of the class's test images in the group")

    def network(self, model: keras.Model, world: World, chance: Chance) -> World:
        """Choose the class, the images, and a look that the network misclassifies."""
        for look in chance.permutation(list(LOOKS)):
            one = int(chance.integers(len(world.test.class_names)))
            own = np.flatnonzero(world.test.labels == one)
            rows = own[some(len(own), self.share, chance)]
            images = np.array(world.test.images)
            images[rows] = LOOKS[str(look)](images[rows])
            planted = replace(world, test=with_parts(world.test, images=images), classes=(one,), rows=rows)
            predicted = np.asarray(model(planted.test.floats(rows))).argmax(axis=1)
            if (predicted != one).mean() >= MISSED:
                break
        return planted


def _add_stripes(images: Array) -> Array:
    striped, step = np.array(images), max(3, images.shape[2] // 8)
    striped[:, :, ::step] = 255 - striped[:, :, ::step]
    return striped


def _cover(images: Array) -> Array:
    covered = np.array(images)
    covered[:, : images.shape[1] // 2] = 255
    return covered


LOOKS: Mapping[str, Callable[[Array], Array]] = {
    "inverted": lambda images: 255 - images,
    "turned": lambda images: images[:, ::-1],
    "striped": _add_stripes,
    "covered": _cover,
}

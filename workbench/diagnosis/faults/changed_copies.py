"""Test images among the training images, changed so little that one sees the same picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from workbench.core.finding import Kind
from workbench.core.types import Array
from workbench.data.jpeg import recompressed
from workbench.diagnosis.planting.fault import Chance, Fault, World, some, with_parts


class ChangedCopies(Fault):
    """Some test images are also in training: brightened, blurred, recompressed, or cropped by a pixel and resized."""

    kind: ClassVar[Kind | None] = "leakage"

    share: float = Field(0.05, gt=0, le=1, description="share of the test images that is added to training")
    how: Literal["brightened", "blurred", "recompressed", "cropped", "drawn"] = Field(
        "drawn", description="what was changed; drawn: of each image another thing"
    )

    def before(self, world: World, chance: Chance) -> World:
        """Insert changed copies at random places among the training images."""
        rows = some(len(world.test), self.share, chance)
        copies = np.array(world.test.images[rows])
        hows = chance.choice(list(CHANGES), len(rows)) if self.how == "drawn" else [self.how] * len(rows)
        for place, how in enumerate(hows):
            copies[place] = CHANGES[str(how)](copies[place], chance)
        order = chance.permutation(len(world.train) + len(rows))
        images = np.concatenate([world.train.images, copies])[order]
        labels = np.concatenate([world.train.labels, world.test.labels[rows]])[order]
        return replace(world, train=with_parts(world.train, images=images, labels=labels), rows=rows)


def _brighten(image: Array, chance: Chance) -> Array:
    return np.clip(image * chance.uniform(1.05, 1.2), 0, 255).astype(np.uint8)


def _blur(image: Array, _: Chance) -> Array:
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(image.astype(np.float64), (0.5, 0.5, 0)).round().astype(np.uint8))


def _recompress(image: Array, chance: Chance) -> Array:
    return recompressed(image[None], int(chance.integers(50, 80)))[0]


def _crop(image: Array, _: Chance) -> Array:
    from PIL import Image

    size = image.shape[1], image.shape[0]
    inner = Image.fromarray(image.squeeze()).crop((1, 1, size[0] - 1, size[1] - 1))
    return np.asarray(inner.resize(size, Image.Resampling.BILINEAR)).reshape(image.shape)


CHANGES: Mapping[str, Callable[[Array, Chance], Array]] = {
    "brightened": _brighten,
    "blurred": _blur,
    "recompressed": _recompress,
    "cropped": _crop,
}

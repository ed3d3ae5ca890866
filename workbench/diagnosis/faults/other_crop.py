"""Test images that were cropped or resized in another way than the training images."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from workbench.core.finding import Kind
from workbench.core.types import Array
from workbench.diagnosis.planting.fault import Chance, Fault, World, with_parts


class OtherCrop(Fault):
    """All test images show only the middle, enlarged; or the whole with a border; or fewer pixels, enlarged."""

    kind: ClassVar[Kind | None] = "train-test-shift"

    how: Literal["cropped", "padded", "coarse", "drawn"] = Field(
        "drawn", description="the change; drawn: chosen at random"
    )

    def after(self, world: World, chance: Chance) -> World:
        """Choose the change and its size."""
        how = str(chance.choice(["cropped", "padded", "coarse"])) if self.how == "drawn" else self.how
        low, high = {"cropped": (0.6, 0.75), "padded": (0.6, 0.75), "coarse": (0.3, 0.4)}[how]
        images = reframed(np.asarray(world.test.images), how, chance.uniform(low, high))
        return replace(world, test=with_parts(world.test, images=images))


def reframed(images: Array, how: str, scale: float) -> Array:
    """Crop `(N, H, W, C)` uint8 images to `scale` of their sides, pad them to that, or take so many pixels; enlarged.

    Args:
        images: the images.
        how: "cropped", "padded" or "coarse".
        scale: in (0, 1).
    """
    from PIL import Image

    height, width = images.shape[1:3]
    made = np.empty_like(images)
    tall, wide = max(2, round(scale * height)), max(2, round(scale * width))
    top, left = (height - tall) // 2, (width - wide) // 2
    for place, image in enumerate(images):
        picture = Image.fromarray(image.squeeze())
        if how == "cropped":
            new = picture.crop((left, top, left + wide, top + tall)).resize((width, height), Image.Resampling.BILINEAR)
        elif how == "coarse":
            new = picture.resize((wide, tall), Image.Resampling.BOX).resize((width, height), Image.Resampling.BILINEAR)
        else:
            new = Image.new(picture.mode, (width, height))
            new.paste(picture.resize((wide, tall), Image.Resampling.BILINEAR), (left, top))
        made[place] = np.asarray(new).reshape(image.shape)
    return made

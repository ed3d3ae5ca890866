"""Letters before a textured ground, drawn here: of as many classes, sizes and channels as are asked for."""

from __future__ import annotations

import string
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np

from workbench.core.dataset import Dataset
from workbench.core.types import Array
from workbench.diagnosis.planting.fault import Chance, World

LETTERS = string.ascii_uppercase + string.digits[2:] + "abdefghkmnqrty" + "@#&?+=*%$<>~"
"""Sixty signs that differ in more than their size: no two of I, l, 1 and |, or of O and 0."""

ALIKE = 0.9
"""Correlation of two signs, at the sizes and places where they are most alike, that makes them look-alikes."""
APART = 24
"""Classes up to which no two signs are look-alikes; there are hardly more that are not."""


@dataclass(frozen=True, kw_only=True)
class Letters:
    """A world of letters.

    Attributes:
        classes: how many letters, at most 60; drawn at random.
        side: pixels a side.
        channels: 1 or 3.
        train, test: images of each part.
        texture: deviation of the ground's brightness, in grey values.
    """

    classes: int = 10
    side: int = 28
    channels: int = 3
    train: int = 1500
    test: int = 600
    texture: float = 25.0

    def __call__(self, chance: Chance) -> World:
        """Draw the images: each letter turned by up to 12°, of any size from a half and any place."""
        signs = sorted(self._signs(chance))
        names = tuple(f"letter {sign}" for sign in signs)
        parts = []
        for split, count in (("train", self.train), ("test", self.test)):
            labels = chance.permutation(np.arange(count) % self.classes).astype(np.int64)
            images = np.stack([self._drawn(str(signs[label]), chance) for label in labels])
            parts.append(Dataset(images, labels, class_names=names, indices=np.arange(count), name=f"letters/{split}"))
        return World(train=parts[0], test=parts[1])

    def _signs(self, chance: Chance) -> list[str]:
        order, chosen = [str(sign) for sign in chance.permutation(list(LETTERS))], list[str]()
        for sign in order if self.classes <= APART else ():
            if len(chosen) < self.classes and all(_alike(*sorted((sign, other))) < ALIKE for other in chosen):
                chosen.append(sign)
        return chosen + [sign for sign in order if sign not in chosen][: self.classes - len(chosen)]

    def _drawn(self, sign: str, chance: Chance) -> Array:
        """Draw one image, `(side, side, channels)` uint8."""
        mask = self._mask(sign, chance)[..., None]
        ground = chance.uniform(40, 110, self.channels) + self._texture(chance)[..., None]
        ink = ground.mean() + chance.uniform(80, 130, self.channels)
        image = (1 - mask) * ground + mask * ink + chance.normal(0, 6, (self.side, self.side, self.channels))
        return np.clip(image, 0, 255).astype(np.uint8)

    def _mask(self, sign: str, chance: Chance) -> Array:
        """`(side, side)` float in [0, 1], 1 where the letter is."""
        from PIL import Image, ImageDraw, ImageFont

        side, size = self.side, self.side * chance.uniform(0.6, 0.85)
        picture = Image.new("L", (side, side))
        shift = chance.uniform(-0.08, 0.08, 2) * side + side / 2
        pen = ImageDraw.Draw(picture)
        pen.text(tuple(shift), sign, 255, ImageFont.load_default(size), anchor="mm", stroke_width=int(side > 40))
        turned = picture.rotate(float(chance.uniform(-12, 12)), Image.Resampling.BILINEAR)
        return np.asarray(turned, np.float64) / 255

    def _texture(self, chance: Chance) -> Array:
        """`(side, side)` float, a smooth random field of mean 0."""
        from scipy.ndimage import zoom

        coarse = chance.normal(0, self.texture, (5, 5))
        return np.asarray(zoom(coarse, self.side / 5, order=1, grid_mode=True, mode="nearest"))[
            : self.side, : self.side
        ]


@cache
def _alike(one: str, other: str) -> float:
    """Largest correlation of two signs over sizes and places."""
    first, second = _glyphs(one), _glyphs(other)
    moved = np.stack([np.roll(each, by, (0, 1)) for each in second for by in product(range(-3, 4), range(-2, 3))])
    return float(max(np.corrcoef(first.reshape(len(first), -1), each.ravel())[:-1, -1].max() for each in moved))


@cache
def _glyphs(sign: str) -> Array:
    """`(3, 24, 24)` float, a sign of three sizes, a little blurred as it is when it is turned."""
    from PIL import Image, ImageDraw, ImageFont
    from scipy.ndimage import gaussian_filter

    found = []
    for size in (0.6, 0.72, 0.85):
        picture = Image.new("L", (24, 24))
        ImageDraw.Draw(picture).text((12, 12), sign, 255, ImageFont.load_default(24 * size), anchor="mm")
        found.append(gaussian_filter(np.asarray(picture, np.float64), 1.0))
    return np.stack(found)

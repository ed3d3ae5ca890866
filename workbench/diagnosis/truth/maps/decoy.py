"""A world with a decoy: a letter is the class, and a digit beside it means nothing."""

from __future__ import annotations

import numpy as np

from workbench.core.types import Array
from workbench.models.probe import Probe

from .known_world import Chance, Known, KnownWorld, ground
from .networks import train

SIZE, GLYPH = 32, 14
"""Pixels across, of the image and of a glyph's box."""
LETTERS, DIGITS = "ACEFHKLPTX", "0123456789"


def glyphs(text: str) -> Array:
    """Draw each character into a box: `(len(text), 14, 14)` float32 in [0, 1]."""
    from PIL import Image, ImageDraw, ImageFont

    font, found = ImageFont.load_default(GLYPH), []
    for each in text:
        canvas = Image.new("L", (2 * GLYPH, 2 * GLYPH))
        ImageDraw.Draw(canvas).text((GLYPH, GLYPH), each, fill=255, font=font, anchor="mm", stroke_width=0)
        half = GLYPH // 2
        found.append(np.asarray(canvas, np.float32)[half : half + GLYPH, half : half + GLYPH] / 255)
    return np.stack(found)


def draw(chance: Chance, count: int) -> tuple[Array, Array, Array]:
    """Draw images with a letter and a digit at places that do not overlap.

    Returns:
        `(N, S, S, 1)` float32 images, `(N,)` which letter, and `(N, S, S)` bool, the box of the letter.
    """
    letters, digits = glyphs(LETTERS), glyphs(DIGITS)
    which = chance.integers(len(LETTERS), size=count)
    images = ground(chance, count, SIZE, 1)
    evidence = np.zeros((count, SIZE, SIZE), bool)
    corners = chance.random((count, 4)).argsort(axis=1)[:, :2]  # the quarter that either stands in
    for n in range(count):
        drawn = (letters[which[n]], True), (digits[chance.integers(len(digits))], False)
        for (glyph, decides), corner in zip(drawn, corners[n], strict=True):
            top, left = (SIZE // 2 * np.array(divmod(int(corner), 2)) + chance.integers(3, size=2)).tolist()
            place = (slice(top, top + GLYPH), slice(left, left + GLYPH))
            images[n][place] += (0.95 - images[n][place]) * glyph[..., None]
            evidence[n][place] |= decides
    return np.clip(images, 0, 1), which, evidence


class Decoy(KnownWorld):
    """The box of the letter that is the class; a digit beside it is a decoy."""

    def known(self, make: str, count: int, seed: int, *, quick: bool = False) -> Known:
        """Draw letters and decoys."""
        chance = np.random.default_rng([seed, 1])
        learned, labels, _ = draw(chance, 4000)
        model = train(make, learned, labels, classes=len(LETTERS), epochs=8 if quick else 14, seed=seed)
        images, which, evidence = draw(chance, 2 * count)
        probe = Probe(model, images.shape[1:], given="unit")
        right = probe.logits(images).argmax(axis=1) == which
        chosen = np.flatnonzero(right)[:count]
        return Known(
            probe=probe,
            images=images[chosen],
            target=which[chosen],
            evidence=evidence[chosen],
            accuracy=float(right.mean()),
        )

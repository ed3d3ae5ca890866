"""Small made data that tests share: four classes with hostile names, a bright square in one corner each."""

from __future__ import annotations

import numpy as np

HOSTILE = ('<img src=x onerror="alert(1)">', "$\\frac{1}{0}$ [bold]red[/]", "\x1b[31mred\u202e", "a" * 80)
"""Class names of the small run: markup, mathtext, control characters, and one that is too long."""


def made_images(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """`(N, 28, 28)` uint8 images of four classes, a bright square in one corner each, and `(N,)` labels."""
    chance = np.random.default_rng(seed)
    labels = np.arange(count) % len(HOSTILE)
    images = chance.integers(0, 90, (count, 28, 28), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        top, left = 2 + 14 * (label // 2), 2 + 14 * (label % 2)
        image[top : top + 9, left : left + 9] += np.uint8(110)
    return images, labels

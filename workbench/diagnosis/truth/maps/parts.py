"""A world of parts: each class is four of five parts, drawn at drawn places on textured ground.

After the protocols of FunnyBirds (Hesse et al. 2023, arXiv:2308.06248): a part is taken away by drawing the image
without it, so that how much it matters to a network is known and not estimated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from .known_world import Chance, Known, KnownWorld, ground
from .networks import train

from workbench.core.types import Array
from workbench.models.probe import Probe

SIZE, CLASSES, PARTS, VARIANTS, CELLS = 48, 20, 5, 3, 9
"""Pixels across; classes; kinds of parts; variants of each; places, three by three."""
RADIUS = 6.0
MISSING = -1
LEVEL = 0.25
"""Share of the largest drop from which a part is evidence."""
VISIBLE = 0.05
"""Share of a pixel that a part covers, from which the pixel belongs to it."""
COLOURS = np.array([[0.95, 0.25, 0.2], [0.2, 0.85, 0.3], [0.3, 0.45, 1.0], [0.95, 0.9, 0.2], [0.9, 0.4, 0.9]])


@dataclass(frozen=True, eq=False)
class Drawn:
    """How images were drawn, so that they can be drawn again without a part.

    Attributes:
        labels: `(N,)` int64.
        variants: `(N, 5)` int, which variant of each part; -1 where the class has none.
        places: `(N, 5, 2)` float, centre of each part in pixels.
        grounds: `(N, S, S, 3)` float32.
    """

    labels: Array
    variants: Array
    places: Array
    grounds: Array

    def images(self, without: int | None = None) -> Array:
        """Draw `(N, S, S, 3)` float32 images, all parts or one kind of them left out."""
        found = self.grounds.copy()
        for part in range(PARTS):
            if part == without:
                continue
            cover = self.covers(part)[..., None]
            colour = COLOURS[(self.variants[:, part] + 2 * part) % len(COLOURS)]
            found = found * (1 - cover) + cover * colour[:, None, None]
        return found.astype(np.float32)

    def covers(self, part: int) -> Array:
        """`(N, S, S)` float in [0, 1], how much of each pixel a part covers; 0 where the class has none."""
        axis = np.arange(SIZE) + 0.5
        down = axis[None, :, None] - self.places[:, part, 0, None, None]
        right = axis[None, None, :] - self.places[:, part, 1, None, None]
        there = self.variants[:, part] != MISSING
        return np.asarray(np.clip(_inside(part, down, right) + 0.5, 0, 1) * there[:, None, None])


def _inside(part: int, down: Array, right: Array) -> Array:
    """Return how far inside of a part's outline each pixel is, in pixels; negative outside."""
    distance = np.hypot(down, right)
    ring = 2.0 - np.abs(distance - RADIUS + 2.0)
    disc = RADIUS - 1 - distance
    square = RADIUS - 1 - np.maximum(np.abs(down), np.abs(right))
    cross = np.maximum(
        np.minimum(1.7 - np.abs(down), RADIUS - np.abs(right)), np.minimum(1.7 - np.abs(right), RADIUS - np.abs(down))
    )
    triangle = np.minimum(RADIUS - 1.5 - down, (down + RADIUS) / 2.2 - np.abs(right))
    return np.asarray((ring, disc, square, cross, triangle)[part])


def classes_of(chance: Chance) -> Array:
    """Draw what the classes are made of: `(20, 5)` int variants, one part of five missing, no two alike."""
    found: set[tuple[int, ...]] = set()
    while len(found) < CLASSES:
        variants = chance.integers(VARIANTS, size=PARTS)
        variants[chance.integers(PARTS)] = MISSING
        found.add(tuple(int(each) for each in variants))
    return np.array(sorted(found))


def draw(chance: Chance, kinds: Array, each: int) -> Drawn:
    """Draw `each` images of every class, in no order."""
    labels = chance.permutation(np.arange(len(kinds)).repeat(each))
    cells = chance.random((len(labels), CELLS)).argsort(axis=1)[:, :PARTS]
    across = int(np.sqrt(CELLS))
    centres = np.stack([cells // across, cells % across], axis=-1) * (SIZE / across) + SIZE / across / 2
    places = centres + chance.uniform(-1.5, 1.5, centres.shape)
    return Drawn(labels, kinds[labels], places, ground(chance, len(labels), SIZE, 3))


class Parts(KnownWorld):
    """Parts that the score drops without, by at least a quarter of the largest drop; a pixel around them counts too."""

    def known(self, make: str, count: int, seed: int) -> Known:
        """Draw parts, and leave out each of them."""
        chance = np.random.default_rng([seed, 2])
        kinds = classes_of(chance)
        learned, drawn = draw(chance, kinds, 200), draw(chance, kinds, max(5, -(-2 * count // CLASSES)))
        images, labels = drawn.images(), drawn.labels
        model = train(make, learned.images(), learned.labels, classes=CLASSES, epochs=8, seed=seed)
        probe = Probe(model, images.shape[1:], given="unit")
        logits, rows = probe.logits(images), np.arange(len(images))
        right = logits.argmax(axis=1) == labels
        without = np.stack([probe.logits(drawn.images(part))[rows, labels] for part in range(PARTS)], axis=1)
        drops = logits[rows, labels][:, None] - without
        chosen = np.flatnonzero(right & (drops.max(axis=1) > 0))[:count]
        return Known(
            probe=probe,
            images=images[chosen],
            target=labels[chosen],
            evidence=_evidence(drawn, drops)[chosen],
            accuracy=float(right.mean()),
        )


def _evidence(drawn: Drawn, drops: Array) -> Array:
    """`(N, S, S)` bool, where the parts are that matter; `drops`, `(N, 5)`: how far the score falls without each."""
    from scipy.ndimage import binary_dilation

    matters = drops >= LEVEL * drops.max(axis=1, keepdims=True)
    there = np.stack([drawn.covers(part) > VISIBLE for part in range(PARTS)], axis=1)
    found = (there & matters[:, :, None, None]).any(axis=1)
    return np.stack([binary_dilation(each) for each in found]) if len(found) else found

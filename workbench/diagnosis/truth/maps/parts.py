"""A world of parts: each class is four of five parts, drawn at drawn places on textured ground.

After the protocols of FunnyBirds (Hesse et al. 2023, arXiv:2308.06248): a part is taken away by drawing the image
without it, so that how much it matters to a network is known and not estimated.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement
from typing import ClassVar

import numpy as np

from workbench.core.types import Array
from workbench.models.probe import Probe

from .known_world import Chance, Known, KnownParts, KnownWorld, ground
from .networks import train

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

    def images(self, *without: int) -> Array:
        """Draw `(N, S, S, 3)` float32 images, some kinds of parts left out."""
        found = self.grounds.copy()
        for part in range(PARTS):
            if part in without:
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
    if part == 0:
        return np.asarray(2.0 - np.abs(np.hypot(down, right) - RADIUS + 2.0))  # a ring
    if part == 1:
        return np.asarray(RADIUS - 1 - np.hypot(down, right))  # a disc
    if part == 2:
        return np.asarray(RADIUS - 1 - np.maximum(np.abs(down), np.abs(right)))  # a square
    if part == 3:  # a cross
        upright = np.minimum(1.7 - np.abs(down), RADIUS - np.abs(right))
        return np.asarray(np.maximum(upright, np.minimum(1.7 - np.abs(right), RADIUS - np.abs(down))))
    return np.asarray(np.minimum(RADIUS - 1.5 - down, (down + RADIUS) / 2.2 - np.abs(right)))  # a triangle


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

    contrasted: ClassVar[bool] = False

    def known(self, make: str, count: int, seed: int, *, quick: bool = False) -> Known:
        """Draw parts, and leave out each of them."""
        probe, drawn, (another, has, lacks) = _learned(make, count, seed)
        images, labels = drawn.images(), drawn.labels
        logits, rows = probe.logits(images), np.arange(len(images))
        right, against = logits.argmax(axis=1) == labels, another if self.contrasted else None

        def scores(logits: Array) -> Array:
            return np.asarray(logits[rows, labels] - (0 if against is None else logits[rows, against]))

        pairs = np.empty((len(images), PARTS, PARTS))
        for one, other in combinations_with_replacement(range(PARTS), 2):
            drop = scores(logits) - scores(probe.logits(drawn.images(one, other)))
            pairs[:, one, other] = pairs[:, other, one] = drop
        drops = np.diagonal(pairs, axis1=1, axis2=2)
        chosen = np.flatnonzero(right & (drops.max(axis=1) > 0) & (another >= 0))[:count]
        there = _there(drawn)
        return Known(
            probe=probe,
            images=images[chosen],
            target=labels[chosen],
            evidence=_evidence(there, drops)[chosen],
            accuracy=float(right.mean()),
            against=None if against is None else against[chosen],
            parts=None
            if self.contrasted
            else KnownParts(
                places=there[chosen],
                drops=drops[chosen],
                pairs=pairs[chosen],
                other=another[chosen],
                has=has[chosen],
                lacks=lacks[chosen],
            ),
        )


class ContrastedParts(Parts):
    """Parts without which the logit difference to a class that shares a part drops, and a pixel around them."""

    contrasted: ClassVar[bool] = True


@lru_cache(len(Parts.makes))
def _learned(make: str, count: int, seed: int) -> tuple[Probe, Drawn, tuple[Array, Array, Array]]:
    """Train a network; return it with images to study, and another class of each, as `_others`."""
    chance = np.random.default_rng([seed, 2])
    kinds = classes_of(chance)
    learned, drawn = draw(chance, kinds, 200), draw(chance, kinds, max(5, -(-2 * count // CLASSES)))
    model = train(make, learned.images(), learned.labels, classes=CLASSES, epochs=8, seed=seed)
    return Probe(model, (SIZE, SIZE, 3), given="unit"), drawn, _others(chance, kinds, drawn.labels)


def _there(drawn: Drawn) -> Array:
    """`(N, 5, S, S)` bool, where each part is, and a pixel around it."""
    from scipy.ndimage import binary_dilation

    there = np.stack([drawn.covers(part) > VISIBLE for part in range(PARTS)], axis=1)
    cross = np.zeros((1, 1, 3, 3), bool)
    cross[..., 1, :] = cross[..., :, 1] = True
    return np.asarray(binary_dilation(there, cross))


def _evidence(there: Array, drops: Array) -> Array:
    """`(N, S, S)` bool, where the parts are that matter; `drops`, `(N, 5)`: how far the score falls without each."""
    matters = drops >= LEVEL * drops.max(axis=1, keepdims=True)
    return np.asarray((there & matters[:, :, None, None]).any(axis=1))


def _others(chance: Chance, kinds: Array, labels: Array) -> tuple[Array, Array, Array]:
    """Draw for each image another class that has one of its parts and lacks another; -1 where there is none."""
    found = np.full((3, len(labels)), -1)
    for n, label in enumerate(labels):
        own = kinds[label]
        for other in chance.permutation(len(kinds)):
            shared = (own != MISSING) & (kinds[other] == own)
            alike, apart = np.flatnonzero(shared), np.flatnonzero((own != MISSING) & ~shared)
            if other != label and len(alike) and len(apart):
                found[:, n] = other, chance.choice(alike), chance.choice(apart)
                break
    return found[0], found[1], found[2]

"""The grid pointing game: images of different classes side by side, of which one is asked about.

Source: Rao et al. 2022, arXiv:2205.10435, section 3.1 (GridPG): a network with global average pooling sees the mosaic
as it sees a single image, and what speaks for the class of one cell lies in that cell.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from workbench.core.types import Array
from workbench.models.probe import Probe

from .known_world import Chance, Known, KnownWorld
from .networks import GLOBAL, build, train

LEARNED, QUICK, STUDIED, EPOCHS = 12_000, 4000, 4000, 8
SURE = 0.9
"""Probability of the right class from which an image may stand in a mosaic."""


def mosaics(chance: Chance, images: Array, labels: Array, *, across: int, count: int) -> tuple[Array, Array, Array]:
    """Put images of different classes together, and ask about one cell of each mosaic.

    Args:
        chance: draws them.
        images: `(N, H, W, C)`, what is surely recognised.
        labels: `(N,)` int, their classes.
        across: cells in a row, and rows.
        count: mosaics.

    Returns:
        `(count, across·H, across·W, C)` mosaics, `(count,)` the class asked about, and `(count, …)` bool, its cell.
    """
    height, width, channels = images.shape[1:]
    made = np.zeros((count, across * height, across * width, channels), np.float32)
    evidence, target = np.zeros(made.shape[:3], bool), np.zeros(count, np.int64)
    present = np.unique(labels)
    for n in range(count):
        classes = chance.permutation(present)[: across**2]
        asked = int(chance.integers(len(classes)))
        for cell, label in enumerate(classes):
            down, right = divmod(cell, across)
            place = (slice(down * height, (down + 1) * height), slice(right * width, (right + 1) * width))
            made[n][place] = images[chance.choice(np.flatnonzero(labels == label))]
            if cell == asked:
                evidence[n][place], target[n] = True, label
    return made, target, evidence


@lru_cache(2)
def _trained(make: str, count: int, seed: int) -> Any:
    """Train a network of so many single garments, which sees mosaics of any size then."""
    from workbench.data import load_dataset

    learned = load_dataset("fashion-mnist", split="train")
    rows = np.random.default_rng([seed, 4]).permutation(len(learned))[:count]
    return train(make, learned.subset(rows).floats(), learned.labels[rows], classes=10, epochs=EPOCHS, seed=seed)


class Mosaic(KnownWorld):
    """The cell of the class asked about, in a mosaic of two by two garments; made of Fashion-MNIST."""

    across: ClassVar[int] = 2
    makes: ClassVar[tuple[str, ...]] = GLOBAL

    def known(self, make: str, count: int, seed: int, *, quick: bool = False) -> Known:
        """Draw garments side by side."""
        from workbench.data import load_dataset

        chance = np.random.default_rng([seed, 3])
        studied = load_dataset("fashion-mnist", split="test")
        some = chance.permutation(len(studied))[:STUDIED]
        model = _trained(make, QUICK if quick else LEARNED, seed)
        images, labels = studied.subset(some).floats(), studied.labels[some]
        logits = Probe(model, images.shape[1:], given="unit").logits(images)
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        right, sure = logits.argmax(axis=1) == labels, powers.max(axis=1) / powers.sum(axis=1) > SURE
        good = np.flatnonzero(right & sure)
        made, target, evidence = mosaics(chance, images[good], labels[good], across=self.across, count=count)
        large = build(make, made.shape[1:], 10)
        large.set_weights(model.get_weights())
        return Known(
            probe=Probe(large, made.shape[1:], given="unit"),
            images=made,
            target=target,
            evidence=evidence,
            accuracy=float(right.mean()),
        )


class AttendedMosaic(Mosaic):
    """The same for a transformer, whose tokens see all cells: what speaks for a class still lies in one."""

    makes: ClassVar[tuple[str, ...]] = ("transformer",)


class LargeMosaic(Mosaic):
    """The cell of the class asked about, in a mosaic of three by three garments."""

    across: ClassVar[int] = 3

    def known(self, make: str, count: int, seed: int, *, quick: bool = False) -> Known:
        """Draw garments side by side; half as many mosaics, which are nine times as large as a garment."""
        return super().known(make, -(-count // 2), seed, quick=quick)

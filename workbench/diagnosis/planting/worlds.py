"""Clean data to plant faults into: generated, from a library, or on this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from workbench.core.dataset import Dataset
from workbench.core.types import Array
from workbench.data import load_dataset
from workbench.diagnosis.planting.fault import Chance, World

SHAPES = ("square", "cross", "frame", "disc")


def digits(chance: Chance) -> World:
    """scikit-learn's 1,797 digits of 8×8 pixels, split at random."""
    from sklearn.datasets import load_digits

    found = load_digits()
    images = np.rint(found.images * (255 / 16)).astype(np.uint8)[..., None]
    order = chance.permutation(len(images))
    names = tuple(str(number) for number in range(10))
    return _world("digits", images[order], found.target.astype(np.int64)[order], names, 1197)


def shapes(chance: Chance) -> World:
    """2,000 colour images of 20×20 pixels made here: one of four shapes, any colour, any place, before noise."""
    count, side = 2000, 20
    images = chance.integers(0, 60, (count, side, side, 3))
    labels = chance.integers(0, len(SHAPES), count)
    for image, label in zip(images, labels, strict=True):
        size = int(chance.integers(7, 11))
        top, left = chance.integers(0, side - size + 1, 2)
        image[top : top + size, left : left + size][_shape(int(label), size)] += chance.integers(80, 190, 3)
    return _world("shapes", images.astype(np.uint8), labels.astype(np.int64), SHAPES, 1400)


def _shape(label: int, size: int) -> Array:
    rows, columns = np.indices((size, size)) - (size - 1) / 2
    far = np.maximum(np.abs(rows), np.abs(columns))
    return np.asarray(
        [
            far < size,
            np.minimum(np.abs(rows), np.abs(columns)) <= size / 8,
            far >= size / 2 - size / 5,
            np.hypot(rows, columns) <= size / 2.6,
        ][label]
    )


def fashion(chance: Chance) -> World:
    """6,000 training and 2,000 test images of Fashion-MNIST, drawn anew.

    Raises:
        Unavailable: if Fashion-MNIST is not on this machine.
    """
    parts = []
    for split, count in (("train", 6000), ("test", 2000)):
        whole = load_dataset("fashion-mnist", split=split)
        rows = np.sort(chance.choice(len(whole), count, replace=False))
        part = whole.subset(rows)
        parts.append(
            Dataset(
                part.images,
                part.labels,
                class_names=part.class_names,
                indices=np.arange(count),
                name=f"fashion/{split}",
            )
        )
    return World(train=parts[0], test=parts[1])


WORLDS: Mapping[str, tuple[Callable[[Chance], World], int]] = {
    "digits": (digits, 12),
    "shapes": (shapes, 12),
    "fashion": (fashion, 6),
}
"""Each world's generator, and the usual number of epochs for a small network."""


def _world(name: str, images: Array, labels: Array, names: tuple[str, ...], train: int) -> World:
    parts = [
        Dataset(
            images[rows], labels[rows], class_names=names, indices=np.arange(len(labels[rows])), name=f"{name}/{split}"
        )
        for split, rows in (("train", slice(train)), ("test", slice(train, None)))
    ]
    return World(train=parts[0], test=parts[1])

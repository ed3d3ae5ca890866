"""A fault: a change of the images, the training or the trained network, and the finding it should cause.

A fault is planted at random places, so that nothing can be tuned to them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from workbench.core.dataset import Dataset
from workbench.core.finding import Kind
from workbench.core.params import Named
from workbench.core.types import Array

if TYPE_CHECKING:
    import keras

Chance = np.random.Generator


@dataclass(frozen=True, kw_only=True)
class World:
    """Training and test images, and the fault planted in them.

    Attributes:
        train, test: the two parts.
        classes: the classes affected; empty for all.
        rows: rows with the fault.
        part: which part the rows refer to, "data" (the test images) or "train".
    """

    train: Dataset
    test: Dataset
    classes: tuple[int, ...] = ()
    rows: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    part: str = "data"


@dataclass(frozen=True)
class Fitting:
    """How a small network is trained.

    Attributes:
        epochs: passes over the images, as a multiple of the usual number for the data.
        dropout: rate for the last hidden layer.
        images: training images at most; None for all.
        unit: value of a white pixel in training.
        make: which architecture; drawn at random if None.
        logits: whether the last layer has no softmax.
    """

    epochs: float = 1.0
    dropout: float = 0.4
    images: int | None = None
    unit: float = 1.0
    make: str | None = None
    logits: bool = False


class Fault(Named):
    """Base of all faults; each overrides what it changes.

    Attributes:
        kind: the kind of finding that a diagnosis should report; None for a control, which should cause none.
        denied: for a control, the kind that must not be found.
    """

    kind: ClassVar[Kind | None] = None
    denied: ClassVar[Kind | None] = None

    def before(self, world: World, chance: Chance) -> World:
        """Change the training data."""
        return world

    def fitting(self) -> Fitting:
        """Return how the network is trained."""
        return Fitting()

    def network(self, model: keras.Model, world: World, chance: Chance) -> World:
        """Change the trained network in place; returns the world with what is then known about the fault."""
        return world

    def after(self, world: World, chance: Chance) -> World:
        """Change the data given to the diagnosis."""
        return world


def some(count: int, share: float, chance: Chance) -> Array:
    """Draw `share` of the rows 0 … `count` - 1, at least one, in ascending order."""
    return np.sort(chance.choice(count, max(1, round(share * count)), replace=False))


def with_parts(dataset: Dataset, **parts: Any) -> Dataset:
    """Return a dataset with other images or labels; its indices are renumbered."""
    images = parts.get("images", dataset.images)
    unknown: dict[str, Any] = {"source_fingerprint": "", "file_digests": None, "names": None, "named": None}
    if len(images) != len(dataset):
        unknown["metadata"] = None
    return replace(dataset, **{"indices": np.arange(len(images)), "labels": dataset.labels, **unknown, **parts})

"""What a fault is: something done to the images, to the training, or to the trained network, and what should be said.

A fault is planted at places that a generator draws, so that nothing can be tuned to them.
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
    """Images to learn from and to be tested on, and what was planted in them.

    Attributes:
        train, test: the two parts.
        classes: the classes that the fault is about; empty where it is about all.
        rows: rows with the fault.
        part: of which part they are rows, "data" (the test images) or "train".
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
        epochs: how often all images are seen, times the data's own usual number.
        dropout: share of the last hidden units.
        images: training images at most; None for all.
        unit: what a white pixel is while training.
    """

    epochs: float = 1.0
    dropout: float = 0.4
    images: int | None = None
    unit: float = 1.0


class Fault(Named):
    """Base of all faults; each overrides what it changes.

    Attributes:
        kind: the word that a diagnosis should have for it; None for a control, of which nothing should be said.
        denied: of a control, the kind that must not be found.
    """

    kind: ClassVar[Kind | None] = None
    denied: ClassVar[Kind | None] = None

    def before(self, world: World, chance: Chance) -> World:
        """Change what the network is trained on."""
        return world

    def fitting(self) -> Fitting:
        """Say how the network is trained."""
        return Fitting()

    def network(self, model: keras.Model, world: World, chance: Chance) -> World:
        """Change the trained network in place; returns the world with what is known of the fault then."""
        return world

    def after(self, world: World, chance: Chance) -> World:
        """Change what the diagnosis is given."""
        return world


def some(count: int, share: float, chance: Chance) -> Array:
    """Draw `share` of the rows 0 … `count` - 1, at least one, in ascending order."""
    return np.sort(chance.choice(count, max(1, round(share * count)), replace=False))


def changed(dataset: Dataset, **parts: Any) -> Dataset:
    """Return a dataset with other images or labels; its indices are renumbered."""
    images = parts.get("images", dataset.images)
    return replace(
        dataset, **{"indices": np.arange(len(images)), "labels": dataset.labels, **parts}, source_fingerprint=""
    )

"""Right labels and models that fail, made of logits: nothing is trained. Shared by tests and by a benchmark."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd

from workbench.core.dataset import Dataset
from workbench.core.image_names import ImageNames
from workbench.core.predictions import Predictions
from workbench.data.properties import image_properties

PULL = {"weak": 0.6, "one epoch": 2.0, "few images": 2.2, "over-confident": 3.2, "under-confident": 3.2}
"""How far the logit of the class that is there stands out of the noise; else 5."""
SHARP = {"over-confident": 5.0, "under-confident": 0.15, "one epoch": 0.4}
TURNED = {"half turned": 0.5, "all turned": 1.0, "cropped": 0.3}
"""Share of the studied images that look different from all that was learned."""
FAILING = (*PULL, "all equal", "one class", "shuffled", *TURNED, "starved")
SIDE, RARELY = 8, 100
"""Pixels across; and how many times as many training images other classes than a starved one have."""


def failing(
    kind: str, classes: int, seed: int, *, wrong: float = 0.0, count: int | None = None, learned: int = 0
) -> tuple[SimpleNamespace, np.ndarray]:
    """Return a session, and the rows whose label is wrong.

    Pixels show the class that is there, and logits are of a model that may take it for another.

    Args:
        kind: one of `FAILING`; any other name is a sound model.
        classes: K.
        seed: of everything.
        wrong: share of the labels that are given another class.
        count: images; if not given, 300, and 8 a class where that is more.
        learned: training images, whose labels are right; 0 for none.
    """
    chance = np.random.default_rng([seed, classes])
    pictures = chance.normal(size=(classes, SIDE * SIDE))
    studied, rows = _part(kind, chance, pictures, count or max(300, 8 * classes), wrong=wrong)
    if learned:
        studied.training, _ = _part(kind, chance, pictures, learned, part="train")
    return studied, rows


class Studied(SimpleNamespace):
    """Stands for a session."""

    @property
    def properties(self) -> pd.DataFrame:
        """As a session measures them."""
        return image_properties(self.dataset.images)


def study(dataset: Dataset, logits: np.ndarray, embeddings: np.ndarray) -> Studied:
    """What `triage` and `label-issues` ask a session for, without a model."""
    made = Studied(
        dataset=dataset,
        embeddings=embeddings.astype(np.float32),
        predictions=Predictions(logits.astype(np.float32), dataset.labels),
        class_names=dataset.class_names,
        training=None,
        dynamics=None,
        only_predictions=False,
    )
    made.image_names = ImageNames(dataset.names, lambda: made.training.dataset.names)
    return made


def _part(
    kind: str, chance: np.random.Generator, pictures: np.ndarray, count: int, *, part: str = "test", wrong: float = 0.0
) -> tuple[SimpleNamespace, np.ndarray]:
    classes = len(pictures)
    own, rare = np.eye(classes), np.arange(classes) < max(1, classes // 3)
    often = np.where(rare & (kind == "starved") & (part == "train"), 1.0 / RARELY, 1.0)
    there = chance.choice(classes, count, p=often / often.sum())
    pull, noise = PULL.get(kind, 5.0) * (1.25 if classes > 50 else 1.0), chance.normal(size=(count, classes))
    logits, turned = pull * own[there] + noise, np.zeros(count, bool)
    if kind in TURNED and part == "test":  # what is turned is taken for one other class, surely, or for anything
        turned = chance.random(count) < TURNED[kind]
        surely = chance.random(count) < 0.6
        logits[turned & surely] += pull * (own[(there + 1) % classes] - own[there])[turned & surely]
        logits[turned & ~surely] = chance.normal(0, 2, (int((turned & ~surely).sum()), classes))
    if kind == "starved" and part == "test":
        lost = rare[there] & (chance.random(count) < 0.85)
        logits[lost] += pull * (own[(there + classes // 2) % classes] - own[there])[lost]
    useless = {"shuffled": 3 * noise, "all equal": 0 * noise, "one class": logits + 60 * own[0]}
    logits = useless.get(kind, logits)
    looks = np.where(turned[:, None], np.roll(pictures, 7, axis=1)[there], pictures[there])
    images = np.clip(128 + 25 * looks + chance.normal(0, 25, (count, SIDE * SIDE)), 0, 255).astype(np.uint8)
    labels, rows = there.copy(), chance.permutation(count)[: round(wrong * count)]
    labels[rows] = (labels[rows] + chance.integers(1, classes, len(rows))) % classes
    dataset = Dataset(
        images.reshape(count, SIDE, SIDE, 1),
        labels,
        class_names=tuple(f"c{k}" for k in range(classes)),
        indices=np.arange(count),
        name=f"made/{part}",
    )
    return study(dataset, SHARP.get(kind, 1.0) * logits, logits), rows

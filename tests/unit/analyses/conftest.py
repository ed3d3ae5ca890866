"""A session made by hand: what an analysis may ask for, and nothing that loads a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.core.attribution import Attribution
from workbench.core.class_tree import ClassTree
from workbench.core.dataset import Dataset
from workbench.core.predictions import Predictions
from workbench.data.properties import image_properties
from workbench.session.found_tree import found_tree
from workbench.statistics.confusion import confusion_counts


@dataclass
class StandIn:
    dataset: Dataset
    predictions: Predictions
    train: Dataset | None = None
    history: pd.DataFrame | None = None
    probe: Any = None
    training: StandIn | None = None
    embeddings: Any = None
    dynamics: Any = None
    run: Any = None
    maps: Mapping[int, Any] | None = None
    inference_only: bool = False
    only_predictions: bool = False
    hierarchy: ClassTree | None = None

    @property
    def class_tree(self) -> ClassTree | None:
        said = self.predictions
        counts = confusion_counts(said.labels, said.predicted, len(self.class_names))
        return self.hierarchy or found_tree(counts, self.class_names)

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.dataset.class_names

    @property
    def properties(self) -> pd.DataFrame:
        return image_properties(self.dataset.images)

    @property
    def ready(self) -> bool:
        return self.probe is not None

    def attribute(self, method, rows, *, target, layer=None):
        """Return the planted map of each row."""
        assert (method, target) == ("grad-cam", "predicted")
        values = np.array([self.maps[int(row)] for row in rows], np.float32)
        classes = self.predictions.predicted[rows]
        return Attribution(
            values,
            target=classes,
            score="logit",
            signed=False,
            method=method,
            params={},
            layer=layer or "conv",
            image_size=self.dataset.image_shape[:2],
        )


@pytest.fixture
def words():
    """Return every text of a figure, with its line breaks undone."""

    def read(figure) -> list[str]:
        return [" ".join(each.get_text().split()) for each in figure.findobj() if hasattr(each, "get_text")]

    return read


@pytest.fixture
def stand_in():
    """Build a session from labels and either probabilities or predicted classes (then each with 70 %)."""

    def build(
        labels: Sequence[int],
        predicted: Sequence[int] | None = None,
        *,
        probabilities: Sequence[Sequence[float]] | None = None,
        names: Sequence[str] = ("ant", "bee", "cat"),
        images: Any = None,
        train: Sequence[int] | None = None,
        **rest: Any,
    ) -> StandIn:
        if probabilities is None:
            other = 0.3 / (len(names) - 1)
            chosen = labels if predicted is None else predicted
            probabilities = np.full((len(labels), len(names)), other)
            probabilities[np.arange(len(labels)), list(chosen)] = 0.7
        if images is None:
            images = np.arange(len(labels))[:, None, None, None] * np.ones((1, 2, 3, 1))
        logits = np.log(np.asarray(probabilities, np.float64)).astype(np.float32)
        data = dataset(labels, names, images, "hand/test")
        learned = None if train is None else dataset(train, names, np.zeros((len(train), 2, 3, 1)), "hand/train")
        return StandIn(data, Predictions(logits, data.labels), train=learned, **rest)

    def dataset(labels, names, images, name):
        pixels = np.asarray(images, np.uint8)
        pixels.flags.writeable = False
        return Dataset(
            pixels,
            np.array(labels, np.int64),
            class_names=tuple(names),
            indices=np.arange(len(labels)) + 100,
            name=name,
        )

    return build

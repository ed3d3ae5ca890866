"""Every group that could be one on which the model is worse, measured on images that it was not found on."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.predictions import Predictions
from workbench.core.progress import report
from workbench.core.types import Array
from workbench.data.lazy_images import Some
from workbench.data.properties import image_properties
from workbench.data.sampling import evenly
from workbench.statistics.error_regions import error_regions
from workbench.statistics.slicing import (
    Group,
    Part,
    components,
    from_embeddings,
    from_pixels,
    from_properties,
    pixel_components,
)

from .worse_than_expected import Expected, Slice, calibrate_confidence, measure_slice

if TYPE_CHECKING:
    import pandas as pd

    from workbench.session.session import Session

LOOKS_WORSE = 0.1
"""How far below its classes a group must be on the images that it was found on, to be tested on others."""


def search(
    session: Session, most_learned: int, seed: int, properties: pd.DataFrame, parts: tuple[Array, Array]
) -> tuple[int, list[Slice]]:
    """Return how many groups were tested on images held out from finding them, and those that are worse there too.

    Args:
        session: whose images are searched.
        most_learned: training images in which groups are counted, at most.
        seed: of clusters and folds.
        properties: N rows of `image_properties`.
        parts: two halves of the rows, each of which is searched and confirmed on the other.
    """
    predictions, train = session.predictions, session.train
    labels, values = predictions.labels, properties.to_numpy()
    rows = None if train is None else evenly(len(train), most_learned)
    learned, others = None, []
    if train is not None and rows is not None:
        others = [images := Some(train, rows)]
        learned = image_properties(images).to_numpy(), train.labels[rows]
    pixels = pixel_components(session.dataset.images, parts, *others)
    embeddings, columns = session.embeddings, list(properties.columns)
    confidence = np.zeros(len(labels))
    tried, slices = 0, []
    expected = Expected.of(predictions)

    def test(groups: Iterator[Group], find: Array, confirm: Array, sure: Array) -> None:
        nonlocal tried
        for group in groups:
            if not _looks_worse(group, predictions, find, expected):
                continue
            tried += 1
            found = measure_slice(
                group, predictions, sure, confirm, None if learned is None else learned[1], outside=expected
            )
            slices.extend([found] if found else [])

    for turn, (find, confirm) in enumerate((parts, parts[::-1])):
        evaluated = Part(values, pixels[turn][0], labels)
        known = None if learned is None else Part(learned[0], pixels[turn][1], learned[1])
        worse = _worse_than_its_class(predictions, find)
        calibrated = calibrate_confidence(predictions, find)
        confidence[confirm] = calibrated[confirm]
        groups = chain(  # one at a time: of many classes there are many, each as long as the data
            from_properties(evaluated, known, worse, find, names=session.class_names, columns=columns),
            from_pixels(evaluated, known, find, seed),
            from_embeddings(components(embeddings, find)[0], predictions.predicted, find, seed),
        )
        test(groups, find, confirm, calibrated)
        report("Testing groups", turn + 1, 3)
    every = np.arange(len(labels))  # each image was held out from what put it into a region
    test(error_regions(embeddings, values, ~predictions.correct, seed), every, every, confidence)
    report("Testing groups", 3, 3)
    return tried, slices


def _worse_than_its_class(predictions: Predictions, find: Array) -> Array:
    """Wrong, 0 or 1, less the error rate of the class among the rows `find`: `(N,)` float."""
    labels, wrong = predictions.labels, (~predictions.correct).astype(np.float64)
    classes = predictions.logits.shape[1]
    count = np.maximum(np.bincount(labels[find], minlength=classes), 1)
    return np.asarray(wrong - (np.bincount(labels[find], wrong[find], classes) / count)[labels])


def _looks_worse(group: Group, predictions: Predictions, find: Array, expected: Expected) -> bool:
    inside = find[group.members[find]]
    return bool(len(inside) and predictions.correct[inside].mean() <= expected.accuracy(group.members) - LOOKS_WORSE)

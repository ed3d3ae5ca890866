"""What is said of an image beside its name: its label, and what was predicted."""

from __future__ import annotations

from workbench.core.dataset import Dataset
from workbench.core.predictions import Predictions
from workbench.core.wording import probability


def said_of(dataset: Dataset | None, predictions: Predictions | None, row: int) -> str:
    """Say the label of an image and its prediction, as far as they are known; nothing of an image that is not there."""
    if dataset is None or not 0 <= row < len(dataset):
        return ""
    label = dataset.class_names[int(dataset.labels[row])]
    if predictions is None:
        return label
    sure = f"{probability(float(predictions.confidence[row]), 1)} %"
    if predictions.correct[row]:
        return f"{label}, predicted correctly with {sure}"
    return f"{label}, predicted {dataset.class_names[int(predictions.predicted[row])]} with {sure}"

"""Predictions that were made elsewhere, from any framework: an .npz or .csv file of scores, labels and names."""

from __future__ import annotations

from pathlib import Path

from workbench.core.predictions import Predictions
from workbench.core.types import Array
from workbench.data.saved_predictions.files import read_predictions
from workbench.data.saved_predictions.record import SavedPredictions, predictions_of

__all__ = ["SavedPredictions", "predictions_of", "read_predictions", "saved_predictions"]


def saved_predictions(given: SavedPredictions | Predictions | Array | Path | str) -> SavedPredictions:
    """Return what a session is opened with: a file, or scores `(N, K)`, with labels where they are `Predictions`."""
    if isinstance(given, SavedPredictions):
        return given
    if isinstance(given, Predictions):
        return predictions_of(given.logits, given.labels, kind="logits")
    if isinstance(given, str | Path):
        return read_predictions(given)
    return predictions_of(given)

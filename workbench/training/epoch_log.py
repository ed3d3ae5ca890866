"""Records of training: rows of the history, and the predictions for each training image."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.dataset import Dataset
from workbench.core.predictions import Predictions
from workbench.core.progress import Progress
from workbench.core.types import Array
from workbench.training.dynamics import Dynamics

if TYPE_CHECKING:
    import keras

    from workbench.models.probe import Probe

SIZE = 500
"""Images in one batch."""
PLAIN = ("categorical_crossentropy", "sparse_categorical_crossentropy")
"""Metrics that are the loss without smoothing and weights."""


def history_row(epoch: int, logs: Mapping[str, float], learning_rate: float, seconds: float) -> dict[str, float]:
    """Return one row of history.csv from what Keras logged; NaN for validation where there is none."""
    plain = next((name for name in PLAIN if name in logs), "loss")
    return {
        "epoch": epoch,
        "loss": logs[plain],
        "accuracy": logs["accuracy"],
        "val_loss": logs.get(f"val_{plain}", math.nan),
        "val_accuracy": logs.get("val_accuracy", math.nan),
        "learning_rate": learning_rate,
        "seconds": round(seconds, 3),
    }


def reporter(progress: Progress, epoch: int, epochs: int, steps: int) -> keras.callbacks.Callback:
    """Return a callback that reports about a hundred times an epoch: how far the epoch is, and how far all are.

    Args:
        progress: told both.
        epoch: counted from 0.
        epochs: in all.
        steps: batches of an epoch.
    """
    import keras

    every = max(1, steps // 100)

    class Reporter(keras.callbacks.Callback):  # type: ignore[misc]  # Keras is untyped
        def on_train_batch_end(self, batch: int, logs: object = None) -> None:
            if (batch + 1) % every == 0 or batch + 1 == steps:
                progress(f"epoch {epoch + 1}/{epochs}", batch + 1, steps)
                progress("all epochs", epoch * steps + batch + 1, epochs * steps)

    return Reporter()


def note(
    probe: Probe, images: Dataset, before: Dynamics | None, progress: Progress, *, rows: Array | None = None
) -> Dynamics:
    """Predict every training image once, without augmentation and dropout, and add that to the record.

    Args:
        probe: of the model after the epoch.
        images: N images that are fitted.
        before: what was noted after the epochs before; None after the first.
        progress: told how many images are looked at.
        rows: `(N,)` int64, where they stand in the training part; None where they are its first N.
    """
    logits = []
    for batch in images.batches(SIZE):
        logits.append(probe.logits(batch))
        progress("Recording training dynamics", sum(map(len, logits)), len(images))
    noted = with_epoch(before, Predictions(np.concatenate(logits), images.labels))
    return noted if rows is None else replace(noted, rows=rows)


def with_epoch(before: Dynamics | None, after: Predictions) -> Dynamics:
    """Add an epoch to the record: probability of the label, whether it is predicted, mean margin.

    Args:
        before: of the epochs before; None after the first.
        after: what the model says about the same N images after the epoch.
    """
    count = len(after)
    if before is None:
        before = Dynamics(
            np.empty((count, 0), np.float16), np.empty((count, 0), bool), np.zeros(count, np.float32), np.arange(count)
        )
    mean = before.area_under_margin.astype(np.float64)
    mean += (after.margin - mean) / (before.epochs + 1)
    return Dynamics(
        _beside(before.probabilities, np.exp(-after.loss).astype(np.float16)),
        _beside(before.correct, after.correct),
        mean.astype(np.float32),
        before.rows,
    )


def _beside(columns: Array, column: Array) -> Array:
    return np.concatenate([columns, column[:, None]], axis=1)

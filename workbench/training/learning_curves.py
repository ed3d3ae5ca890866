"""The learning curves that a training history holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

CURVES = ("loss", "accuracy", "val_loss", "val_accuracy")
"""Columns of a history that show how well the model does."""


def learning_curves(history: pd.DataFrame | None, columns: Sequence[str] = CURVES) -> pd.DataFrame:
    """Return the columns of a history that have values, after the number of the epoch, from 1 on.

    Args:
        history: one row an epoch, as `Study.history` gives it; None for no rows.
        columns: wanted; those that are missing or empty are left out.
    """
    import pandas as pd

    table = pd.DataFrame({"epoch": np.arange(1, 1 + (0 if history is None else len(history)))})
    for column in columns:
        if history is not None and column in history and history[column].notna().any():
            table[column] = history[column].to_numpy()
    return table

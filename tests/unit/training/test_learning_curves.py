"""The columns of a history that have values."""

import numpy as np
import pandas as pd

from workbench.training.learning_curves import CURVES, learning_curves


def test_empty_and_missing_columns_are_left_out_and_epochs_begin_at_one():
    history = pd.DataFrame({"loss": [2.0, 1.0], "val_loss": [np.nan, np.nan], "accuracy": [np.nan, 0.5], "seconds": 1})
    found = learning_curves(history)
    assert list(found) == ["epoch", "loss", "accuracy"]
    assert found["epoch"].tolist() == [1, 2]
    assert found["loss"].tolist() == [2, 1]
    assert list(learning_curves(history, (*CURVES, "seconds"))) == ["epoch", "loss", "accuracy", "seconds"]


def test_without_a_history_there_is_no_row():
    assert learning_curves(None).empty

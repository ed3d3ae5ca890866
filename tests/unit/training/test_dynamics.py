"""Numbers of two images over four epochs, written out by hand."""

import numpy as np
import pytest

from workbench.core.errors import WorkbenchError
from workbench.core.predictions import Predictions
from workbench.training.dynamics import DYNAMICS, read_dynamics, write_dynamics
from workbench.training.epoch_log import history_row, with_epoch

# After each epoch: logits of an image of class 0 and of one of class 1, of three classes.
LOGITS = ([[1, 0, 0], [2, 0, 0]], [[0, 1, 0], [0, 0, 3]], [[2, 1, 0], [1, 0, 0]], [[0, 0, 4], [5, 1, 0]])


@pytest.fixture
def noted():
    dynamics = None
    for logits in LOGITS:
        dynamics = with_epoch(dynamics, Predictions(np.array(logits, np.float32), np.array([0, 1])))
    return dynamics


def test_what_each_epoch_adds(noted):
    assert noted.epochs == 4
    assert noted.probabilities.dtype == np.float16
    first = [np.e / (np.e + 2), 1 / (np.e + 2), np.e**2 / (np.e**2 + np.e + 1), 1 / (2 + np.e**4)]
    assert np.allclose(noted.probabilities[0], first, atol=1e-3)
    assert noted.correct.tolist() == [[True, False, True, False], [False] * 4]
    # Margins: 1, -1, 1, -4 and -2, -3, -1, -4.
    assert noted.area_under_margin.tolist() == [-0.75, -2.5]
    assert noted.rows.tolist() == [0, 1]


def test_what_is_told_by_it(noted):
    assert noted.forgotten.tolist() == [2, 0]
    assert noted.learned.tolist() == [1, 0]
    own = noted.probabilities[0].astype(float)
    assert noted.confidence[0] == pytest.approx(sum(own) / 4)
    assert noted.variability[0] == pytest.approx((sum((own - sum(own) / 4) ** 2) / 4) ** 0.5)


def test_round_trip_and_damage(noted, tmp_path):
    assert read_dynamics(tmp_path) is None
    write_dynamics(tmp_path, noted)
    read = read_dynamics(tmp_path)
    for name in ("probabilities", "correct", "area_under_margin", "rows"):
        assert np.array_equal(getattr(read, name), getattr(noted, name)), name
    path = tmp_path / DYNAMICS
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(WorkbenchError, match=r"dynamics.npz is damaged .* Delete it, or train the run again"):
        read_dynamics(tmp_path)


def test_a_row_of_the_history_has_the_plain_loss_beside_a_smoothed_one():
    logs = {"loss": 0.9, "categorical_crossentropy": 0.5, "accuracy": 0.75, "val_categorical_crossentropy": 0.25}
    row = history_row(3, logs, 0.01, 1.23456)
    assert (row["epoch"], row["loss"], row["val_loss"], row["seconds"]) == (3, 0.5, 0.25, 1.235)
    assert np.isnan(row["val_accuracy"])

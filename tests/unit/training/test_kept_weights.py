"""After which epochs weights are kept, and what their file holds."""

import numpy as np
import pytest

from workbench.core.array_file import write_arrays
from workbench.core.errors import WorkbenchError
from workbench.training.kept_weights import CHECKPOINTS, due, kept_after, read_kept


@pytest.mark.parametrize(
    ("epochs", "count", "expected"),
    [(20, 0, []), (20, 1, [20]), (20, 4, [5, 10, 15, 20]), (3, 9, [1, 2, 3]), (10, 3, [3, 7, 10])],
)
def test_they_are_evenly_spaced_and_the_last_one_is_among_them(epochs, count, expected):
    assert sorted(due(epochs, count)) == expected


def test_each_has_the_mean_rate_of_the_epochs_since_the_one_before(tmp_path):
    history = [{"learning_rate": rate} for rate in (4.0, 2.0, 1.0, 0.5, 0.3)]
    first = kept_after(None, history[:2], [np.ones((2, 3), np.float32), np.zeros(3, np.float32)])
    both = kept_after(first, history, [np.full((2, 3), 5, np.float32), np.ones(3, np.float32)])
    write_arrays(tmp_path / CHECKPOINTS, both, packed=False)
    kept = read_kept(tmp_path)
    assert kept.epochs.tolist() == [2, 5]
    np.testing.assert_allclose(kept.rates, [3.0, 0.6])
    np.testing.assert_array_equal(kept.at(1)[0], 5)
    np.testing.assert_array_equal(kept.at(0)[1], 0)
    assert [kept.until(epoch).epochs.tolist() for epoch in (1, 2, 4, 5)] == [[], [2], [2], [2, 5]]


GOOD = {"epochs": np.array([1]), "rates": np.array([0.1]), "weight0": np.zeros((1, 2))}


@pytest.mark.parametrize(
    "changed",
    [
        {"epochs": np.array([1, 2])},
        {"epochs": np.zeros(0, np.int64), "rates": np.zeros(0), "weight0": np.zeros((0, 2))},
        {"weight0": np.array([["a", "b"]])},
        {"weight0": np.full((1, 2), np.nan)},
        {"weight0": np.array(3.0)},
        {"weight7": np.zeros((1, 2))},
        {"rates": np.array([np.inf])},
        {"rates": np.array([-0.1])},
        {"epochs": np.array([0])},
        {"epochs": np.array([2, 2]), "rates": np.array([0.1, 0.1]), "weight0": np.zeros((2, 2))},
    ],
)
def test_a_damaged_file_is_told_in_a_sentence(tmp_path, changed):
    write_arrays(tmp_path / CHECKPOINTS, {**GOOD, **changed}, packed=False)
    with pytest.raises(WorkbenchError, match=r"checkpoints.npz is damaged .*Delete it, or train the run again\."):
        read_kept(tmp_path)
    assert read_kept(tmp_path / "none") is None

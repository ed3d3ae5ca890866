import numpy as np
import pytest

from workbench.choosing import MOST_EVIDENCE, evenly, worst_first
from workbench.contracts import Predictions


@pytest.mark.parametrize(
    ("count", "most", "rows"),
    [(5, 10, [0, 1, 2, 3, 4]), (5, 3, [0, 2, 4]), (10, 4, [0, 3, 6, 9]), (7, 1, [0]), (1, 5, [0])],
)
def test_rows_are_evenly_spaced_from_first_to_last(count, most, rows):
    assert evenly(count, most).tolist() == rows


def test_evidence_is_sorted_by_loss_and_limited():
    logits = np.zeros((300, 2), np.float32)
    logits[:, 0] = np.arange(300)
    predictions = Predictions(logits, np.ones(300, np.int64))  # the loss grows with the row
    assert worst_first(predictions, np.array([3, 9, 5])) == (9, 5, 3)
    assert len(worst_first(predictions, np.arange(300))) == MOST_EVIDENCE

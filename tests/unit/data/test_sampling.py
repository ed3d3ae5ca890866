import numpy as np
import pytest

from workbench.core.dataset import Dataset, Lazy
from workbench.core.predictions import Predictions
from workbench.data.lazy_images import Joined, portions
from workbench.data.sampling import errors_and_right, evenly, in_turn, worst_first


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
    assert len(worst_first(predictions, np.arange(300))) == 300  # all of them


def test_portions_are_as_large_as_fits_in_32_megabytes():
    small, large = np.zeros((5000, 2, 2, 1), np.uint8), np.broadcast_to(np.uint8(0), (120, 224, 224, 3))
    assert [(part.start, part.stop) for part in portions(small)] == [(0, 2048), (2048, 4096), (4096, 5000)]
    assert [(part.start, part.stop) for part in portions(large)] == [
        (0, 55),
        (55, 110),
        (110, 120),
    ]  # 2²³ // (3 · 224²)
    assert list(portions(small, 5000)) == [slice(0, 5000)]
    assert list(portions(small[:0])) == []


def test_joined_sources_are_one_and_read_only_what_is_asked_for():
    whole = np.arange(7 * 4, dtype=np.uint8).reshape(7, 2, 2, 1)
    asked = []

    class Noted:
        shape, dtype = (4, 2, 2, 1), whole.dtype

        def __len__(self):
            return 4

        def __getitem__(self, rows):
            asked.extend(rows.tolist())
            return whole[3:][rows]

    joined = Joined([whole[:3], Noted()])
    assert (joined.shape, isinstance(joined, Lazy)) == (whole.shape, True)
    some = joined.select(np.array([6, 0, 3, 3]))
    assert (len(some), asked) == (4, [])
    assert some[1:].tolist() == whole[[0, 3, 3]].tolist()
    assert asked == [0, 0]
    assert joined[5].tolist() == whole[5].tolist()
    assert joined[:].tolist() == whole.tolist()


def test_a_subset_of_lazy_images_reads_nothing():
    class Unread:
        shape, dtype = (3, 2, 2, 1), np.dtype(np.uint8)

        def __len__(self):
            return 3

        def select(self, rows):
            return Joined([self], rows)

        def __getitem__(self, rows):
            raise AssertionError("read")

    data = Dataset(
        Unread(),
        np.array([0, 1, 0]),
        class_names=("a", "b"),
        indices=np.arange(3),
        name="x",
        source_fingerprint="known",
        notes=("a note",),
    )
    some = data.subset([2, 1])
    assert (some.indices.tolist(), some.labels.tolist(), some.notes) == ([2, 1], [0, 1], ("a note",))
    assert some.fingerprint != data.fingerprint


@pytest.mark.parametrize(
    ("wrong", "count", "errors"), [(50, 20, 10), (3, 20, 3), (98, 20, 18), (100, 20, 20), (0, 20, 0), (50, 1, 0)]
)
def test_half_are_errors_where_there_are_enough(wrong, count, errors):
    rows = errors_and_right(np.arange(100) >= wrong, count)
    assert len(set(rows.tolist())) == len(rows) == count
    assert int((rows < wrong).sum()) == errors


def test_errors_and_right_predictions_come_in_turn():
    assert in_turn(np.array([True, False, True, True, False])).tolist() == [1, 0, 4, 2, 3]
    assert in_turn(np.array([True, True])).tolist() == [0, 1]

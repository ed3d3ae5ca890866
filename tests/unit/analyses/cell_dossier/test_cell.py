import numpy as np
import pytest

from analyses.cell_dossier.cell import cell_rates, compare_directions, most_frequent_error
from workbench.core.errors import WorkbenchError

COUNTS = np.array([[90, 8, 2], [3, 97, 0], [0, 0, 0]])
NAMES = ("ant", "bee", "cat")


@pytest.mark.parametrize(
    ("asked", "found"),
    [((None, None), (0, 1)), ((1, None), (1, 0)), ((None, 2), (0, 2)), ((2, None), None), ((2, 0), (2, 0))],
)
def test_what_is_not_asked_for_is_the_commonest_error(asked, found):
    assert most_frequent_error(COUNTS, *asked) == found


def test_a_class_cannot_be_taken_for_itself():
    with pytest.raises(WorkbenchError, match="must be two different classes"):
        most_frequent_error(COUNTS, 1, 1)


def test_both_ways_are_counted_with_intervals_and_compared():
    share, gap = compare_directions(cell_rates(COUNTS, [(0, 1), (1, 0)], NAMES), (5,))
    assert share.claim == (
        "8 of 100 images of ant, 8.0 % (95 % interval 4.1–15.0 %), are predicted as bee; 3 of 100 in the other "
        "direction, "
        "3.0 % (95 % interval 1.0–8.5 %)."
    )
    assert gap.claim.startswith("Neither direction is significantly more frequent: the rates differ by 5.0 points")
    assert gap.severity == "info"
    many = compare_directions(cell_rates(np.array([[800, 200], [100, 900]]), [(1, 0), (0, 1)], ("ant", "bee")), ())[1]
    assert many.claim.startswith("ant is predicted as bee more often than the reverse: the rates differ by −10.0")
    assert many.severity == "mild"


def test_a_class_without_images_has_no_rate():
    (only,) = compare_directions(cell_rates(COUNTS, [(2, 0), (0, 2)], NAMES), ())
    assert only.claim == "There are no images of cat."
    assert len(compare_directions(cell_rates(COUNTS, [(0, 2), (2, 0)], NAMES), ())) == 1

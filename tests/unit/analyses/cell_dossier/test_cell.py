import numpy as np
import pytest

from analyses.cell_dossier.cell import commonest, compared, rates_of
from workbench.core.errors import WorkbenchError

COUNTS = np.array([[90, 8, 2], [3, 97, 0], [0, 0, 0]])
NAMES = ("ant", "bee", "cat")


@pytest.mark.parametrize(
    ("asked", "found"),
    [((None, None), (0, 1)), ((1, None), (1, 0)), ((None, 2), (0, 2)), ((2, None), None), ((2, 0), (2, 0))],
)
def test_what_is_not_asked_for_is_the_commonest_error(asked, found):
    assert commonest(COUNTS, *asked) == found


def test_a_class_cannot_be_taken_for_itself():
    with pytest.raises(WorkbenchError, match="must be two classes"):
        commonest(COUNTS, 1, 1)


def test_both_ways_are_counted_with_intervals_and_compared():
    share, gap = compared(rates_of(COUNTS, [(0, 1), (1, 0)], NAMES), (5,))
    assert share.claim == (
        "8 of 100 images of ant, 8.0 % (95 % interval 4.1–15.0 %), are taken for bee; 3 of 100 the other way round, "
        "3.0 % (95 % interval 1.0–8.5 %)."
    )
    assert gap.claim.startswith("Neither way is surely the more frequent one: the rates differ by 5.0 points")
    assert gap.severity == "info"
    many = compared(rates_of(np.array([[800, 200], [100, 900]]), [(1, 0), (0, 1)], ("ant", "bee")), ())[1]
    assert many.claim.startswith("ant is taken for bee more often than the other way round: the rates differ by −10.0")
    assert many.severity == "mild"


def test_a_class_without_images_has_no_rate():
    (only,) = compared(rates_of(COUNTS, [(2, 0), (0, 2)], NAMES), ())
    assert only.claim == "There is no image of cat."
    assert len(compared(rates_of(COUNTS, [(0, 2), (2, 0)], NAMES), ())) == 1

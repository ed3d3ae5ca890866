import numpy as np
import pytest

from workbench.statistics.separation import separate_groups

COUNTS = np.array([[8, 2, 0, 0], [2, 8, 0, 0], [0, 0, 5, 5], [0, 1, 4, 5]])


def test_the_group_that_errors_seldom_leave_is_found():
    assert separate_groups(COUNTS).tolist() == [0, 1]  # 1 of 21 errors crosses its border; of the other group 1 of 20
    order = [2, 0, 3, 1]
    assert separate_groups(COUNTS[np.ix_(order, order)]).tolist() == [1, 3]


@pytest.mark.parametrize(
    "counts",
    [
        np.diag([5, 5, 5, 5]),  # nothing is confused
        np.array([[5, 1], [1, 5]]),  # two classes have no group
        np.full((4, 4), 2),  # all are confused alike
    ],
)
def test_no_group_is_made_up(counts):
    assert separate_groups(counts) is None

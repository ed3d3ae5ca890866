"""A change of the accuracy is said in its direction."""

import pytest

from analyses.robustness import _change
from workbench.core.estimate import Estimate


@pytest.mark.parametrize(
    ("drop", "said"),
    [
        (Estimate(0.052, -0.01, 0.1), "lowers the accuracy by 5.2 points (95 % interval −1.0 to 10.0)"),
        (Estimate(-0.052, -0.1, 0.01), "raises the accuracy by 5.2 points (95 % interval −1.0 to 10.0)"),
    ],
)
def test_the_accuracy_is_lowered_or_raised(drop, said):
    assert _change(drop) == said

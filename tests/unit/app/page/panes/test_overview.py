import numpy as np
import pytest

import workbench as wb
from workbench.app.page.desk import Desk
from workbench.app.page.panes import overview


@pytest.mark.parametrize(("predicted", "named"), [([1], False), ([1, 0, 1], True), ([1, 2, 0], True)])
def test_one_class_is_not_both_the_hardest_and_the_easiest(predicted, named, parse):
    labels = np.arange(1, 1 + len(predicted)) % 3
    desk = Desk(wb.Session(predictions=wb.Predictions(4.0 * np.eye(3)[predicted], labels), cache=False))
    text = parse(overview._numbers(desk)).text
    assert ("Hardest class" in text, "Easiest class" in text) == (named, named)

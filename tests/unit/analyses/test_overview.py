import numpy as np
import pandas as pd
import pytest

from analyses.overview import Overview
from workbench.core.params import Params

LABELS, PREDICTED = [0, 0, 0, 1, 1, 2, 2, 2], [0, 0, 1, 1, 1, 2, 2, 0]


def claims(session):
    return [finding.claim for finding in Overview().compute(session, Params()).findings]


def test_the_conclusions_by_hand(stand_in):
    said = claims(stand_in(LABELS, PREDICTED))
    assert said[0].startswith("6 of 8 images are classified correctly, 75.0 %")
    assert said[1] == "Macro F1, the mean over 3 classes, is 0.756."  # (2/3 + 4/5 + 4/5) / 3
    assert said[2].startswith("The weakest class is ant: recall 66.7 %")
    assert "which may be chance" in said[2]
    assert said[3].startswith(
        "Most often confused: ant with bee (1 time) and ant with cat (1 time); together 2 of 2 errors"
    )
    # Each confidence is 0.7: 30 % would be wrong, 25 % are; all lie in one bin.
    assert said[-1].startswith("The confidence predicts 30.0 % errors, 25.0 % are observed; expected")
    assert "error 5.0 %" in said[-1]


def test_a_separable_group_is_named(stand_in):
    labels, predicted = np.repeat(np.arange(4), 10), np.repeat(np.arange(4), 10)
    predicted[:2], predicted[10:12], predicted[20:25], predicted[30:34], predicted[34] = 1, 0, 3, 2, 1
    said = claims(stand_in(labels, predicted, names=("ant", "bee", "cat", "dog")))
    assert "ant and bee are best separated from all other classes: 1 error across the boundary in 21 images" in said[4]


@pytest.mark.parametrize(
    ("losses", "state"),
    [([0.9, 0.4, 0.6], "overfitted"), ([0.9, 0.6, 0.4], "not converged"), ([0.9, 0.4, 0.4], "converged")],
)
def test_the_curves_are_read(stand_in, losses, state):
    history = pd.DataFrame(
        {"loss": [1, 0.5, 0.3], "accuracy": [0.5, 0.7, 0.9], "val_loss": losses, "val_accuracy": [0.5, 0.7, 0.8]}
    )
    said = claims(stand_in(LABELS, PREDICTED, history=history))
    assert said[-2].startswith(f"According to its curves the model is {state} after 3 epochs: training accuracy 90.0 %")


def test_nothing_is_said_about_curves_that_are_not_there(stand_in):
    assert not any("curves" in claim for claim in claims(stand_in(LABELS, PREDICTED)))


def test_of_many_classes_the_matrix_has_those_of_the_largest_confusions_beside_each_other(stand_in, words):
    labels = np.arange(40).repeat(12)
    wrong = np.arange(480) % 12 < np.where(labels < 10, 4, np.where(labels % 4 == 0, 1, 0))
    predicted = np.where(wrong, np.where(labels < 10, 9 - labels, (labels + 7) % 40), labels)
    result = Overview().compute(stand_in(labels, predicted, names=[f"class {n}" for n in range(40)]), Params())
    shown = result.notes["confused"]
    assert len(shown) == 20 and set(range(10)) <= set(shown)
    assert all(abs(shown.index(n) - shown.index(9 - n)) == 1 for n in range(5))
    assert result.arrays["counts"].shape == (20, 20)
    assert "top-5 accuracy" in result.tables["cards"]["what"].tolist()
    assert any("20 of 40 classes with the largest confusions" in each for each in words(Overview().draw(result)))


def test_of_few_classes_there_is_no_top_five(stand_in):
    result = Overview().compute(stand_in([0, 1, 2], [0, 1, 1]), Params())
    assert "top-5 accuracy" not in result.tables["cards"]["what"].tolist()

from dataclasses import replace

import numpy as np
import pytest

from analyses.confusion_matrix import ConfusionMatrix, ConfusionMatrixParams
from workbench.core.errors import WorkbenchError

LABELS, PREDICTED = [0, 0, 0, 1, 1, 2, 2, 2], [0, 0, 1, 1, 1, 2, 2, 0]


def test_cells_errors_first(stand_in):
    table = ConfusionMatrix().compute(stand_in(LABELS, PREDICTED), ConfusionMatrixParams()).tables["cells"]
    assert table[["true", "predicted", "images", "of"]].to_numpy().tolist() == [
        ["ant", "bee", 1, 3],
        ["cat", "ant", 1, 3],
        ["ant", "ant", 2, 3],
        ["bee", "bee", 2, 2],
        ["cat", "cat", 2, 3],
    ]
    assert table["rate"].tolist() == pytest.approx([1 / 3, 1 / 3, 2 / 3, 1, 2 / 3])


def test_accuracy_has_its_interval_and_its_errors(stand_in):
    accuracy, half = ConfusionMatrix().compute(stand_in(LABELS, PREDICTED), ConfusionMatrixParams()).findings
    assert accuracy.effect.value == 0.75
    assert accuracy.effect.interval == pytest.approx((0.4093, 0.9285), abs=1e-4)  # Wilson, 6 of 8
    assert set(accuracy.evidence) == {2, 7}
    assert accuracy.severity == "info"
    assert half.claim == "Half of the 2 errors lie in 1 of 2 cells with errors."


def test_no_better_than_the_largest_class_is_critical(stand_in):
    finding = ConfusionMatrix().compute(stand_in([0, 0, 0, 1] * 20, [0] * 80), ConfusionMatrixParams()).findings[0]
    assert finding.severity == "critical"
    assert "no better than always predicting ant (75.0 %)" in finding.claim


@pytest.mark.parametrize(
    ("largest", "others", "severity", "said"),
    [
        (
            (30, 30),
            (0, 1),
            "info",
            "not surely better than always predicting ant (96.8 %)",
        ),  # one image decides nothing
        ((18, 18), (0, 19), "info", "not surely better"),  # too few besides the largest class
        ((130, 110), (12, 20), "info", "not surely better"),  # 12 right less 20 wrong may be chance: p = 0.11
        ((130, 100), (12, 20), "critical", "no better"),  # 12 right less 30 wrong is not: p = 0.004
        ((50, 50), (0, 20), "critical", "no better"),
    ],
)
def test_what_is_right_about_the_other_classes_decides(stand_in, largest, others, severity, said):
    """One image besides the largest class decides nothing, nor do nineteen."""
    of, right = largest
    won, rest = others
    labels = [0] * of + [1] * rest
    predicted = [0] * right + [1] * (of - right) + [1] * won + [0] * (rest - won)
    finding = ConfusionMatrix().compute(stand_in(labels, predicted), ConfusionMatrixParams()).findings[0]
    assert finding.severity == severity and said in finding.claim


def test_two_right_images_are_not_called_no_better_than_one_class(stand_in):
    finding = ConfusionMatrix().compute(stand_in([0, 1], [0, 1]), ConfusionMatrixParams()).findings[0]
    assert finding.severity == "info" and "better" not in finding.claim


@pytest.mark.parametrize(("images", "severity"), [(1, "info"), (2, "info"), (12, "mild"), (40, "serious")])
def test_a_class_never_predicted_is_serious_where_it_has_enough_images(stand_in, images, severity):
    labels, predicted = [0, *[1] * images, 2], [0, *[0] * images, 2]
    found = ConfusionMatrix().compute(stand_in(labels, predicted), ConfusionMatrixParams()).findings
    never = next(each for each in found if "never predicted" in each.claim)
    assert never.claim.endswith("bee.")
    assert (never.severity, set(never.evidence)) == (severity, set(range(1, images + 1)))


def test_of_many_classes_those_with_most_errors_are_drawn(stand_in, words):
    names = ("ant", "bee", "cat", "dog")
    result = ConfusionMatrix().compute(
        stand_in([0, 1, 2, 3, 3], [0, 2, 1, 3, 1], names=names), ConfusionMatrixParams(classes=2)
    )
    assert result.notes["shown"] == ["bee", "cat"]  # bee is in three errors, cat in two, dog in one
    assert result.arrays["counts"].tolist() == [[0, 1], [1, 0]]
    said = words(ConfusionMatrix().draw(result))
    assert any("Shown: the 2 of 4 classes with the most errors." in each for each in said)


def a_hundred(stand_in):
    """Classes 0 … 99, of which n and 99 - n are confused: 3 of 10 images of the first ten, 1 of the others."""
    labels = np.arange(100).repeat(10)
    wrong = np.arange(1000) % 10 < np.where((labels < 10) | (labels >= 90), 3, 1)
    return stand_in(labels, np.where(wrong, 99 - labels, labels), names=[f"class {n}" for n in range(100)])


def test_of_many_classes_confused_ones_are_drawn_beside_each_other_and_the_rest_is_other(stand_in, words):
    result = ConfusionMatrix().compute(a_hundred(stand_in), ConfusionMatrixParams(classes=20))
    numbers = [int(name.split()[1]) for name in result.notes["shown"]]
    assert sorted(numbers) == [*range(10), *range(90, 100)]  # the worst
    assert all(abs(one - other) == abs(99 - 2 * one) for one, other in zip(numbers[::2], numbers[1::2], strict=True))
    assert result.arrays["others_predicted"].tolist() == [0] * 20
    assert result.arrays["whole"].sum() == result.arrays["whole"].trace(1) + result.arrays["whole"].trace(-1) == 140
    said = words(ConfusionMatrix().draw(replace(result, class_names=tuple(f"class {n}" for n in range(100)))))
    assert "(other)" in said and "Errors of all 100 classes" in said
    assert any("All cells are in the table." in each for each in said)


def test_what_others_are_predicted_as_and_mistaken_for_is_counted(stand_in):
    names = ("ant", "bee", "cat", "dog")
    result = ConfusionMatrix().compute(
        stand_in([0, 1, 2, 3, 3, 1], [0, 2, 1, 3, 1, 0], names=names), ConfusionMatrixParams(classes=2, order="data")
    )
    assert result.notes["shown"] == ["bee", "cat"]
    assert result.arrays["others_predicted"].tolist() == [1, 0]  # a bee that is called an ant
    assert result.arrays["others_true"].tolist() == [1, 0]  # a dog that is called a bee


def test_around_a_class_its_neighbours_in_the_order_are_drawn(stand_in):
    session = a_hundred(stand_in)
    of_data = ConfusionMatrix().compute(session, ConfusionMatrixParams(classes=4, around="class 50", order="data"))
    assert of_data.notes["shown"] == ["class 48", "class 49", "class 50", "class 51"]
    last = ConfusionMatrix().compute(session, ConfusionMatrixParams(classes=3, around="class 99", order="data"))
    assert last.notes["shown"] == ["class 97", "class 98", "class 99"]
    near = ConfusionMatrix().compute(session, ConfusionMatrixParams(classes=4, around="class 20"))
    assert {"class 20", "class 79"} <= set(near.notes["shown"])
    with pytest.raises(WorkbenchError, match="class 50"):
        ConfusionMatrix().compute(session, ConfusionMatrixParams(around="clas 50"))


@pytest.mark.parametrize(("most", "log"), [(49, False), (50, True)])
def test_colours_are_logarithmic_where_the_largest_cell_is_far_above_the_usual_one(stand_in, most, log):
    labels, predicted = [0] * most + [1, 2, 0], [1] * most + [2, 1, 2]
    session = stand_in(labels, predicted)
    assert ConfusionMatrix().compute(session, ConfusionMatrixParams()).notes["log"] is log
    assert ConfusionMatrix().compute(session, ConfusionMatrixParams(colours="log")).notes["log"] is True
    assert ConfusionMatrix().compute(session, ConfusionMatrixParams(colours="linear")).notes["log"] is False

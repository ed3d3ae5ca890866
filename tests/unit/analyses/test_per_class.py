import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from analyses.per_class import PerClass, PerClassParams

LABELS, PREDICTED = [0, 0, 0, 1, 1, 2, 2, 2], [0, 0, 1, 1, 1, 2, 2, 0]


def test_the_report_by_hand_and_by_scikit_learn(stand_in):
    table = PerClass().compute(stand_in(LABELS, PREDICTED), PerClassParams()).tables["classes"]
    assert table["precision"].tolist() == pytest.approx([2 / 3, 2 / 3, 1])
    assert table["recall"].tolist() == pytest.approx([2 / 3, 1, 2 / 3])
    assert table["f1"].tolist() == pytest.approx([2 / 3, 0.8, 0.8])
    witness = precision_recall_fscore_support(LABELS, PREDICTED)
    for column, values in zip(("precision", "recall", "f1", "images"), witness, strict=True):
        assert table[column].tolist() == pytest.approx(values.tolist())


def test_recall_has_its_wilson_interval(stand_in):
    table = PerClass().compute(stand_in(LABELS, PREDICTED), PerClassParams()).tables["classes"]
    assert (table["recall_low"][0], table["recall_high"][0]) == pytest.approx((0.2077, 0.9385), abs=1e-4)  # 2 of 3


def test_the_weakest_class_and_the_answer_to_trust_least(stand_in):
    weakest, loosest, *_ = PerClass().compute(stand_in(LABELS, PREDICTED), PerClassParams()).findings
    assert weakest.claim.startswith("ant has the lowest recall: 2 of 3 images, 66.7 %")
    assert weakest.severity == "info"  # with three images it may be chance
    assert weakest.evidence == (2,)
    assert loosest.claim.startswith("Predictions of ant are the least reliable: 2 of 3 are correct")
    assert loosest.evidence == (7,)


def test_a_class_without_images_has_no_recall_and_comes_last(stand_in):
    result = PerClass().compute(stand_in([0, 0, 1], [0, 0, 1]), PerClassParams())
    assert np.isnan(result.tables["classes"]["recall"][2])
    assert result.notes["order"] == [0, 1, 2]


COUNTS = np.array([[8, 2, 0, 0], [2, 8, 0, 0], [0, 0, 5, 5], [0, 1, 4, 5]])


def test_the_group_is_said_with_what_crosses_its_border(stand_in):
    labels, predicted = np.repeat(np.arange(16), COUNTS.ravel()) // 4, np.repeat(np.arange(16), COUNTS.ravel()) % 4
    names = ("ant", "bee", "cat", "dog")
    found = PerClass().compute(stand_in(labels, predicted, names=names), PerClassParams()).findings[-1]
    assert found.claim.startswith(
        "ant and bee are best separated from all other classes: 1 error across the boundary in 21 images"
    )
    assert found.effect.value == pytest.approx(1 / 21)
    assert [(labels[row], predicted[row]) for row in found.evidence] == [(3, 1)]


def test_every_class_that_is_surely_below_is_named_with_what_it_costs(stand_in):
    # 100 images each; 20 bees and 60 cats are recognised, of ants and dogs all: accuracy 280 of 400, 70 %.
    labels = np.repeat(np.arange(4), 100)
    predicted = np.where(np.isin(np.arange(400), [*range(120, 200), *range(260, 300)]), 0, labels)
    found = (
        PerClass().compute(stand_in(labels, predicted, names=("ant", "bee", "cat", "dog")), PerClassParams()).findings
    )
    bee = found[0]
    assert (bee.kind, bee.severity, bee.classes) == ("underperforming-class", "serious", (1,))  # 28.9 % < 35 %
    assert bee.at_stake == pytest.approx((100 * 0.7 - 20) / 400)
    low, high = bee.cost.interval
    assert (low, high) == pytest.approx(((70 - 28.88) / 400, (70 - 13.34) / 400), abs=1e-4)  # Wilson, 20 of 100
    assert found[1].kind is None  # cats: 60 % (50.2–69.1 %) may be chance beside 70 %
    predicted[240:260] = 0  # now 40 cats, accuracy 65 %
    second = (
        PerClass()
        .compute(stand_in(labels, predicted, names=("ant", "bee", "cat", "dog")), PerClassParams())
        .findings[1]
    )
    assert (second.kind, second.severity, second.classes) == ("underperforming-class", "mild", (2,))
    assert second.claim.startswith("cat has low recall: 40 of 100 images, 40.0 %")


def test_a_model_that_says_always_the_same_has_no_weak_classes_but_is_weak(stand_in):
    labels = np.repeat(np.arange(6), 100)
    found = PerClass().compute(stand_in(labels, np.full(600, 2), names=tuple("abcdef")), PerClassParams()).findings
    named = [finding for finding in found if finding.kind]
    assert [(finding.severity, finding.classes) for finding in named] == [("mild", (0,))]

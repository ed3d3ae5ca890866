import numpy as np
import pytest

from analyses.class_balance import ClassBalance, ClassBalanceParams


def test_counts_shares_and_ratio(stand_in):
    result = ClassBalance().compute(stand_in([0, 0, 0, 0, 1, 2, 2, 2]), ClassBalanceParams())
    table = result.tables["classes"]
    assert table["data_images"].tolist() == [4, 1, 3]
    assert table["data_share"].tolist() == [0.5, 0.125, 0.375]
    (finding,) = result.findings
    assert finding.claim == (
        "hand/test: the largest class, ant, has 4 images, 4.00 times as many as the smallest, bee, with 1."
    )
    assert (finding.severity, finding.effect.value, finding.evidence) == (
        "info",
        4.0,
        (),
    )  # of eight images it may be chance


@pytest.mark.parametrize(
    ("train", "severity", "classes"),
    [
        ((100, 10, 100), "serious", (1,)),  # a tenth
        ((30, 3, 30), "serious", (1,)),  # 1/10, surely less than 1/2
        ((5, 1, 5), "info", (1,)),  # a fifth, but of so few it may be chance
        ((30, 10, 30), "mild", (1,)),  # surely smaller
        ((100, 50, 100), "mild", (1,)),
        ((100, 90, 100), "info", (1,)),
        ((1000, 100, 100), "serious", (1, 2)),  # one class stands out above all others
        ((10, 100, 8), "serious", (2, 0)),  # smallest first
    ],
)
def test_severity_follows_the_training_images(stand_in, train, severity, classes):
    session = stand_in([0, 1, 2], train=np.repeat([0, 1, 2], train))
    found = ClassBalance().compute(session, ClassBalanceParams()).findings[1]
    assert (found.severity, found.classes) == (severity, classes)
    assert found.claim.startswith("hand/train: ")


def test_chance_in_many_small_classes_is_no_fault(stand_in):
    counts = np.random.default_rng(7).poisson(12, 100).clip(1)
    session = stand_in([0] * 100, train=np.repeat(np.arange(100), counts), names=[str(n) for n in range(100)])
    assert counts.max() / counts.min() > 5
    assert ClassBalance().compute(session, ClassBalanceParams()).findings[1].severity == "info"


def test_a_small_class_is_shown_and_costs_its_errors_beyond_those_of_the_others(stand_in):
    # 3 of 4 bees are wrong, 1 of 6 others: 4/10 (3/4 - 1/6).
    labels, predicted = [0, 0, 0, 1, 1, 1, 1, 2, 2, 2], [0, 0, 0, 0, 0, 0, 1, 2, 2, 0]
    session = stand_in(labels, predicted, train=np.repeat([0, 1, 2], [50, 5, 50]))
    found = ClassBalance().compute(session, ClassBalanceParams()).findings[1]
    assert (found.kind, found.part, found.evidence) == ("class-imbalance", "train", (50, 51, 52, 53, 54))
    assert found.at_stake == pytest.approx(0.4 * (3 / 4 - 1 / 6))
    assert "far below the usual 50: bee." in found.claim


def test_studied_images_alone_are_at_most_worth_knowing(stand_in):
    found = (
        ClassBalance()
        .compute(stand_in(np.repeat([0, 1], [100, 10]), names=("ant", "bee")), ClassBalanceParams())
        .findings[0]
    )
    assert (found.severity, found.classes, found.part, found.at_stake) == ("mild", (1,), "data", 0)


def test_the_limit_is_a_parameter(stand_in):
    session = stand_in([0, 1, 2], train=np.repeat([0, 1, 2], [100, 10, 100]))
    assert ClassBalance().compute(session, ClassBalanceParams(serious=11)).findings[1].severity == "mild"


def test_equal_classes_are_a_fact(stand_in):
    (finding,) = ClassBalance().compute(stand_in([0, 1, 2]), ClassBalanceParams()).findings
    assert finding.claim == "hand/test: all 3 classes have 1 image each."
    assert (finding.severity, finding.evidence, finding.advice) == ("info", (), "")


def test_a_class_without_images_is_named(stand_in):
    (finding,) = ClassBalance().compute(stand_in([0, 0, 2]), ClassBalanceParams()).findings
    assert finding.claim == "hand/test: 1 of 3 classes without images: bee."
    assert (finding.severity, finding.kind, finding.classes) == ("mild", "class-imbalance", (1,))


def test_a_class_that_was_never_trained_on_is_serious(stand_in):
    found = ClassBalance().compute(stand_in([0, 1, 2], train=[0, 0, 2]), ClassBalanceParams()).findings[1]
    assert (found.severity, found.classes) == ("serious", (1,))


def test_training_images_are_counted_beside(stand_in):
    result = ClassBalance().compute(stand_in([0, 0, 0, 0, 1, 2], train=[0, 1, 2]), ClassBalanceParams())
    assert result.tables["classes"]["train_images"].tolist() == [1, 1, 1]
    shift = result.findings[-1]
    assert shift.effect.value == pytest.approx(1 / 3)  # (|4/6 - 1/3| + |1/6 - 1/3| + |1/6 - 1/3|) / 2
    assert shift.claim.endswith("differ by 33.3 % of the images, which may be chance.")
    many = ClassBalance().compute(stand_in([0] * 40 + [1] * 10 + [2] * 10, train=[0, 1, 2] * 20), ClassBalanceParams())
    assert (many.findings[-1].severity, many.findings[-1].effect.value) == ("mild", pytest.approx(1 / 3))


def test_a_session_on_the_training_images_counts_them_once(stand_in):
    session = stand_in([0, 1, 2], train=[0, 1, 2])
    session.train = session.dataset
    assert list(ClassBalance().compute(session, ClassBalanceParams()).tables["classes"]) == [
        "class",
        "data_images",
        "data_share",
    ]

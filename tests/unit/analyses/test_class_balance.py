import pytest

from analyses.class_balance import ClassBalance, Limits


def test_counts_shares_and_ratio(stand_in):
    result = ClassBalance().compute(stand_in([0, 0, 0, 0, 1, 2, 2, 2]), Limits())
    table = result.tables["classes"]
    assert table["data_images"].tolist() == [4, 1, 3]
    assert table["data_share"].tolist() == [0.5, 0.125, 0.375]
    (finding,) = result.findings
    assert finding.claim == (
        "hand/test: the largest class, ant, has 4 images, 4.00 times as many as the smallest, bee, with 1."
    )
    assert (finding.severity, finding.value, finding.evidence) == ("serious", 4.0, (4,))


@pytest.mark.parametrize(
    ("labels", "severity"), [([0, 0, 0, 1], "serious"), ([0, 0, 1], "mild"), ([0] * 5 + [1] * 4, "info")]
)
def test_severity_follows_the_ratio(stand_in, labels, severity):
    found = ClassBalance().compute(stand_in(labels, names=("ant", "bee")), Limits()).findings[0]
    assert found.severity == severity


def test_the_limit_is_a_parameter(stand_in):
    assert ClassBalance().compute(stand_in([0, 0, 0, 0, 1, 2]), Limits(serious=5)).findings[0].severity == "mild"


def test_equal_classes_are_a_fact(stand_in):
    (finding,) = ClassBalance().compute(stand_in([0, 1, 2]), Limits()).findings
    assert finding.claim == "hand/test: all 3 classes have 1 images each."
    assert (finding.severity, finding.evidence, finding.advice) == ("info", (), "")


def test_a_class_without_images_is_serious(stand_in):
    (finding,) = ClassBalance().compute(stand_in([0, 0, 2]), Limits()).findings
    assert finding.claim == "hand/test: 1 class of 3 without an image: bee."
    assert finding.severity == "serious"


def test_training_images_are_counted_beside(stand_in):
    result = ClassBalance().compute(stand_in([0, 0, 0, 0, 1, 2], train=[0, 1, 2]), Limits())
    assert result.tables["classes"]["train_images"].tolist() == [1, 1, 1]
    shift = result.findings[-1]
    assert shift.value == pytest.approx(1 / 3)  # (|4/6 - 1/3| + |1/6 - 1/3| + |1/6 - 1/3|) / 2
    assert shift.severity == "serious"


def test_a_session_on_the_training_images_counts_them_once(stand_in):
    session = stand_in([0, 1, 2], train=[0, 1, 2])
    session.train = session.dataset
    assert list(ClassBalance().compute(session, Limits()).tables["classes"]) == ["class", "data_images", "data_share"]

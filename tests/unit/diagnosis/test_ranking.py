import pytest

from workbench.core.estimate import Estimate
from workbench.core.finding import Finding, Severity
from workbench.core.result import Result
from workbench.diagnosis.ranking import rank


def finding(kind, severity="serious", cost=0.0, **rest):
    return Finding(f"{kind}.", severity=severity, kind=kind, cost=Estimate(cost), advice="Do.", **rest)


def ranked(pairs):
    """Rank findings, each with the name of its analysis."""
    return rank({name: Result(findings=tuple(each for of, each in pairs if of == name)) for name, _ in pairs})


def kinds(found):
    return [(each.finding.kind, [other.kind for _, other in each.also]) for each in ranked(found)]


def test_severity_comes_before_cost_and_cost_before_the_name():
    found = [
        ("b", finding("miscalibration", "mild", 0.5)),
        ("c", finding("leakage", "serious", 0.01)),
        ("d", finding("overfitting", "serious", 0.02)),
        ("a", finding("shortcut", "critical")),
    ]
    assert [kind for kind, _ in kinds(found)] == ["shortcut", "overfitting", "leakage", "miscalibration"]


def test_an_unknown_cost_stands_before_one_that_was_measured_to_be_nothing():
    unknown = Finding("It is.", severity="mild", kind="fragility")
    found = ranked([("a", finding("dead-channels", "mild", 0.0)), ("b", unknown)])
    assert [each.finding.kind for each in found] == ["fragility", "dead-channels"]


def test_dead_channels_are_said_with_the_little_that_was_learned():
    found = [("a", finding("underfitting", cost=0.1)), ("b", finding("dead-channels", "mild"))]
    assert kinds(found) == [("underfitting", ["dead-channels"])]


def test_facts_and_findings_without_a_kind_are_no_faults():
    assert ranked([("a", finding("leakage", "info")), ("b", Finding("Plain.", severity=Severity.SERIOUS))]) == []


def test_what_follows_from_a_cause_is_told_with_it():
    found = [
        ("a", finding("constant-prediction", "critical", 0.9)),
        ("b", finding("preprocessing-mismatch", "critical", 0.8)),
        ("c", finding("miscalibration", "serious", 0.7)),
        ("d", finding("leakage", "serious", 0.01)),
    ]
    assert kinds(found) == [("preprocessing-mismatch", ["constant-prediction", "miscalibration"]), ("leakage", [])]


def test_of_a_collapse_all_errors_follow_whatever_classes_it_names():
    found = [
        ("a", finding("constant-prediction", "critical", 0.9, classes=(1,))),
        ("b", finding("underperforming-class", "mild", classes=(4,))),
    ]
    assert kinds(found) == [("constant-prediction", ["underperforming-class"])]


def test_blank_images_explain_what_is_shown_by_them_and_nothing_else():
    found = [
        ("a", finding("blank-images", cost=0.05, evidence=range(10))),
        ("b", finding("underperforming-slice", evidence=(1, 2, 3, 40))),
        ("c", finding("duplicates", "mild", evidence=range(1, 10))),
        ("d", finding("underperforming-class", evidence=(50, 51))),
    ]
    assert kinds(found) == [("blank-images", ["underperforming-slice", "duplicates"]), ("underperforming-class", [])]


def test_a_label_that_looks_wrong_on_an_outlier_is_said_with_the_outlier():
    found = [
        ("a", finding("outliers", cost=0.05, evidence=range(10))),
        ("b", finding("label-noise", evidence=(1, 2, 3))),
        ("c", finding("label-noise", evidence=(1, 2, 3), part="train")),
    ]
    assert kinds(found) == [("outliers", ["label-noise"]), ("label-noise", [])]


def test_a_group_that_fails_is_said_beside_the_outliers_that_it_is_made_of():
    """As where training lacks it: both are true, and the group is what more images would mend."""
    rare = range(20)
    found = [
        ("a", finding("outliers", "serious", 0.05, evidence=rare)),
        ("b", finding("underperforming-slice", "serious", 0.04, evidence=rare)),
        ("c", finding("underperforming-class", "serious", 0.03, evidence=rare)),
    ]
    assert sorted(kind for kind, _ in kinds(found)) == ["outliers", "underperforming-slice"]


def test_outliers_of_a_part_that_looks_otherwise_as_a_whole_follow_from_the_shift():
    found = [("a", finding("train-test-shift", cost=0.2)), ("b", finding("outliers", "mild", 0.5, evidence=range(50)))]
    assert kinds(found) == [("train-test-shift", ["outliers"])]


def test_a_mild_cause_takes_nothing_serious_with_it():
    found = [
        ("a", finding("class-imbalance", "mild", classes=(3,))),
        ("b", finding("underperforming-class", classes=(3,))),
    ]
    assert kinds(found) == [("underperforming-class", []), ("class-imbalance", [])]


def test_a_cause_in_other_classes_explains_nothing():
    found = [("a", finding("shortcut", classes=(1,))), ("b", finding("confused-pair", "mild", classes=(2, 3)))]
    assert kinds(found) == [("shortcut", []), ("confused-pair", [])]


def test_the_same_errors_are_told_once_by_whatever_name():
    pair = finding("confused-pair", "mild", 0.02, classes=(6, 0), evidence=(1, 2, 3, 4))
    whole = finding("underperforming-class", "mild", 0.03, classes=(6,), evidence=(1, 2, 3, 4, 5, 6))
    apart = finding("confused-pair", "serious", 0.01, classes=(2, 4), evidence=(7, 8))
    assert kinds([("a", pair), ("b", whole), ("c", apart)]) == [
        ("confused-pair", ["confused-pair"]),
        ("underperforming-class", []),
    ]


def test_of_mild_findings_of_one_kind_the_first_stands_for_all():
    found = [(f"a{n}", finding("underperforming-class", "mild", n / 10, classes=(n,))) for n in range(3)]
    assert kinds(found) == [("underperforming-class", ["underperforming-class"] * 2)]
    serious = [(name, finding("leakage", "serious", part=name, evidence=(1,))) for name in ("data", "train")]
    assert len(ranked(serious)) == 2


def test_noise_in_both_parts_is_two_things_unless_the_model_is_no_witness():
    train = finding("label-noise", part="train", evidence=(1, 2), classes=(1, 2))
    test = finding("label-noise", evidence=(3,), classes=(1, 2))
    assert len(ranked([("a", train), ("a", test)])) == 2
    for kind in ("label-permutation", "constant-prediction", "preprocessing-mismatch"):
        assert kinds([("a", train), ("a", test), ("b", finding(kind, "critical"))]) == [(kind, ["label-noise"] * 2)]


def test_noise_of_the_studied_labels_follows_from_a_model_that_is_misled_about_them():
    train, test = finding("label-noise", part="train", evidence=(1, 2)), finding("label-noise", evidence=(3,))
    for kind in ("train-test-shift", "class-imbalance", "underfitting"):
        found = kinds([("a", train), ("a", test), ("b", finding(kind, "critical"))])
        assert found == [(kind, ["label-noise"]), ("label-noise", [])]
    elsewhere = finding("label-noise", evidence=(3,), classes=(1, 2))
    assert len(ranked([("a", elsewhere), ("b", finding("class-imbalance", classes=(5,)))])) == 2


def test_of_exchanged_labels_and_another_preprocessing_the_larger_gain_stands_on_top():
    for one, other in (
        ("label-permutation", "preprocessing-mismatch"),
        ("preprocessing-mismatch", "label-permutation"),
    ):
        found = [("a", finding(one, "critical", 0.9)), ("b", finding(other, "critical", 0.1))]
        assert kinds(found) == [(one, [other])]


@pytest.mark.parametrize("cause", ["label-permutation", "constant-prediction", "preprocessing-mismatch"])
def test_a_model_whose_every_answer_is_wrong_has_not_learned_too_little(cause):
    """Exchanged classes, one answer for all, other pixels than in training: more epochs mend none of them."""
    follow = ["underfitting", "overfitting", "label-noise", "miscalibration"]
    (head, also), *rest = kinds([("a", finding(cause, "critical", 1.0)), *((each, finding(each)) for each in follow)])
    assert (head, sorted(also), rest) == (cause, sorted(follow), [])


def test_nothing_is_lost():
    found = [(f"a{n}", finding(kind, cost=n / 10)) for n, kind in enumerate(("leakage", "duplicates", "overfitting"))]
    every = [each for one in ranked(found) for each in ((one.analysis, one.finding), *one.also)]
    assert {name for name, _ in every} == {"a0", "a1", "a2"}

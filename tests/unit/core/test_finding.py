import pytest

from workbench.core.estimate import Estimate
from workbench.core.finding import Finding, Severity


def test_severities_compare_by_how_bad_they_are_not_by_their_letters():
    assert Severity.INFO < Severity.MILD < Severity.SERIOUS < Severity.CRITICAL
    assert Severity.CRITICAL > "mild" >= Severity.MILD <= "mild"
    assert sorted(["mild", "critical", "info", "serious"], key=Severity) == ["info", "mild", "serious", "critical"]
    assert max(Severity) == "critical"


def test_a_severity_may_be_given_by_its_word_and_no_other():
    assert Finding("It is so.", severity="serious").severity is Severity.SERIOUS
    with pytest.raises(ValueError, match="grave"):
        Finding("It is so.", severity="grave")


def test_all_but_the_claim_is_given_by_name():
    with pytest.raises(TypeError):
        Finding("It is so.", "mild")


def test_old_names_still_answer_and_say_the_new_ones():
    finding = Finding("It is so.", effect=Estimate(0.5, 0.4, 0.6), cost=Estimate(0.1, 0.0, 0.2))
    for old, value, new in (
        ("value", 0.5, "effect.value"),
        ("interval", (0.4, 0.6), "effect.interval"),
        ("cost_interval", (0.0, 0.2), "cost.interval"),
    ):
        with pytest.warns(DeprecationWarning, match=rf"Finding\.{old} is now Finding\.{new}"):
            assert getattr(finding, old) == value
    assert float(finding.cost) == finding.at_stake == 0.1


def test_what_is_not_known_is_none_and_weighs_nothing():
    finding = Finding("It is so.")
    assert (finding.effect, finding.cost, finding.at_stake) == (None, None, 0)

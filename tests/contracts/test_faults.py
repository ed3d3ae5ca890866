"""The workbench proves itself: what is planted is found, what is sound is left alone. Real networks and diagnoses."""

from __future__ import annotations

import pytest

from workbench.selftest import cases, selftest

SEED = 7


@pytest.mark.slow
def test_planted_faults_are_among_the_first_findings_and_controls_raise_no_alarm():
    scores = selftest(list(cases(quick=True, seed=SEED)))
    missed = [(each.fault, each.rank, each.first) for each in scores if each.expected and not each.passed]
    planted = [each for each in scores if each.expected]
    assert len(planted) - len(missed) >= 0.9 * len(planted), missed
    assert [(each.fault, each.alarms) for each in scores if not each.expected and not each.passed] == []
    named = [each.classes for each in planted if each.classes is not None]
    assert sum(named) >= len(named) - 1  # a tenth of one class of digits is a dozen labels
    # Digits are recognised so well that few labels, over-confidence and rote learning cost little there.
    assert sum(each.severity == "mild" for each in planted if each.passed) <= 4

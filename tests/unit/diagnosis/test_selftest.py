"""How the score is kept, on diagnoses made by hand; that faults are found is in tests/contracts/test_faults.py."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.core.dataset import Dataset
from workbench.core.errors import WorkbenchError
from workbench.core.finding import Finding
from workbench.diagnosis.diagnose import Diagnosis
from workbench.diagnosis.faults import fault, faults
from workbench.diagnosis.planting.fault import World
from workbench.diagnosis.ranking import Diagnosed
from workbench.diagnosis.selftest import Case, cases, score_diagnosis, scorecard


def world(**planted):
    part = Dataset(
        np.zeros((9, 2, 2, 1), np.uint8),
        np.arange(9) % 3,
        class_names=("a", "b", "c"),
        indices=np.arange(9),
        name="x/test",
    )
    return World(train=part, test=part, **planted)


def diagnosis(*findings):
    heads = tuple(Diagnosed(rank=n, finding=each, analysis="some", params={}) for n, each in enumerate(findings, 1))
    return Diagnosis(findings=heads, asked={}, left_out={}, context={}, quick=True)


def finding(kind, severity="serious", **rest):
    return Finding(f"{kind}.", severity=severity, kind=kind, advice="Do.", **rest)


def score(name, planted, *findings):
    return score_diagnosis(Case("x", name, {}, 0), fault(name)(), planted, diagnosis(*findings), 0.9)


def test_a_fault_among_the_first_three_counts_with_its_classes_and_its_rows():
    planted = world(classes=(1,), rows=np.array([1, 4]), part="train")
    found = score(
        "watermark",
        planted,
        finding("miscalibration"),
        finding("shortcut", classes=(1,), part="train", evidence=(4, 1, 2, 3)),
    )
    assert (found.rank, found.classes, found.recall, found.precision, found.passed) == (2, True, 1.0, 0.5, True)


def test_a_fault_in_fourth_place_or_not_at_all_does_not():
    before = [finding(kind) for kind in ("miscalibration", "leakage", "overfitting")]
    assert not score("watermark", world(classes=(1,)), *before, finding("shortcut", classes=(2,))).passed
    assert score("watermark", world(classes=(1,)), *before).rank is None


def test_a_control_passes_unless_something_above_mild_is_found():
    assert score("nothing", world(), finding("leakage", "mild")).passed
    assert score("nothing", world(), finding("fragility")).passed  # no fault that is planted
    alarmed = score("nothing", world(), finding("leakage"))
    assert (alarmed.passed, alarmed.alarms) == (False, ("leakage",))
    assert score("watermark-everywhere", world(), finding("leakage")).passed
    assert not score("watermark-everywhere", world(), finding("shortcut", classes=(0,))).passed


def test_the_scorecard_has_a_line_for_each_fault_in_each_world():
    good = score("leak", world(), finding("leakage"))
    bad = score("leak", world())
    (line,) = scorecard([good, bad]).to_dict("records")
    assert (line["fault"], line["cases"], line["passed"], line["median_rank"]) == ("leak", 2, 1, 1.0)


def test_every_fault_is_planted_in_the_quick_test_and_all_worlds_in_the_whole_one():
    assert {case.fault for case in cases(quick=True)} == set(faults())
    whole = list(cases(quick=False, repeats=2, only=("leak",)))
    assert {(case.world, case.seed) for case in whole} == {
        (name, seed) for name in ("digits", "shapes", "fashion") for seed in (0, 1)
    }
    with pytest.raises(WorkbenchError, match="Did you mean 'leak'"):
        list(cases(quick=True, only=("leek",)))


def test_every_kind_that_can_be_planted_is_one_that_an_analysis_can_find():
    from workbench.diagnosis.registry import analyses

    findable = {kind for each in analyses().values() for kind in each.kinds}
    assert {kind.kind for kind in faults().values() if kind.kind} <= findable

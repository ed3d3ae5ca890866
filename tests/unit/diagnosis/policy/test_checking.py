"""A policy measured on predictions that are made by hand: minima by the lower end, maxima by the upper one."""

from __future__ import annotations

import tomllib
from types import SimpleNamespace

import numpy as np
import pytest

import workbench as wb
from workbench.core.dataset import Dataset
from workbench.core.errors import WorkbenchError
from workbench.core.finding import Finding
from workbench.diagnosis.policy import Policy, Slice, checking, draft
from workbench.diagnosis.policy.checking import check
from workbench.diagnosis.policy.reading import read_policy
from workbench.diagnosis.ranking import Diagnosed
from workbench.statistics.rates import wilson

NAMES = ("cat", 'dog "\x7f\u202e', "fox")
EACH = 40


def session(wrong, name="model"):
    """A model on 40 images of each class, of which it gets so many wrong."""
    labels = np.repeat(np.arange(3), EACH)
    images = np.arange(3 * EACH, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 1), np.uint8)
    data = Dataset(images, labels, class_names=NAMES, indices=np.arange(3 * EACH), name="made/test")
    predicted = np.where(np.arange(3 * EACH) % EACH < np.repeat(wrong, EACH), (labels + 1) % 3, labels)
    said = np.full((3 * EACH, 3), 0.05)
    said[np.arange(3 * EACH), predicted] = 0.9
    return wb.Session(predictions=said, dataset=data, name=name, cache=False)


@pytest.fixture(scope="module")
def model():
    return session([4, 0, 10])


@pytest.fixture
def diagnosed(monkeypatch):
    """Have the diagnosis find what a test says."""

    def found(*findings, also=()):
        heads = tuple(
            Diagnosed(rank=n, finding=each, analysis="made", params={}, also=tuple(("made", one) for one in also))
            for n, each in enumerate(findings, 1)
        )
        made = SimpleNamespace(findings=heads, asked={"made": None})
        for module in (checking, draft):
            monkeypatch.setattr(module, "diagnose", lambda session, quick: made)

    return found


def test_a_minimum_is_reached_by_the_lower_end(model):
    low = float(wilson(106, 120)[0])
    for least, passed in ((low - 1e-6, True), (low + 1e-6, False), (106 / 120, False)):
        (one,) = check(model, Policy(min_accuracy=least)).outcomes
        assert one.passed is passed
        assert "accuracy 88.3 % (95 % interval 81.4–92.9 %)" in one.said
    assert "the lower end must reach 88.3 %" in one.said


def test_recall_of_all_classes_and_of_named_ones(model):
    low = {name: float(wilson(EACH - wrong, EACH)[0]) for name, wrong in zip(NAMES, (4, 0, 10), strict=True)}
    (every,) = check(model, Policy(min_recall={"*": low["cat"]})).outcomes
    assert (every.passed, every.rule[:10]) == (False, "min-recall")
    assert "1 of 3 classes do not surely reach it, lowest first: fox 75.0 %" in every.said
    (every,) = check(model, Policy(min_recall={"*": low["fox"]})).outcomes
    assert every.passed and "3 classes reach it; the lowest is fox, 75.0 %" in every.said
    rest, fox = check(model, Policy(min_recall={"*": low["cat"], "fox": low["fox"] + 0.01})).outcomes
    assert rest.passed and not fox.passed  # who is named is not among all
    with pytest.raises(WorkbenchError, match=r"no class 'fix' in `min-recall` of the policy\. Did you mean 'fox'"):
        check(model, Policy(min_recall={"fix": 0.5}))


def test_a_maximum_is_reached_by_the_upper_end(model):
    from workbench.statistics.calibration import scores

    error = scores(model.predictions)["ece"]
    assert error.value < error.high
    assert check(model, Policy(max_ece=error.high)).passed
    (one,) = check(model, Policy(max_ece=error.value)).outcomes
    assert not one.passed and "the upper end may reach" in one.said


@pytest.mark.parametrize(
    ("before", "most", "passed"),
    [
        ([4, 0, 10], 0.0, True),  # itself
        ([2, 0, 10], 0.0, True),  # two images less: may be chance
        ([0, 0, 0], 0.0, False),  # fourteen less: surely worse
        ([0, 0, 0], 0.03, False),
        ([0, 0, 0], 0.10, True),  # surely worse, but not surely by more than that
        ([9, 0, 20], 0.0, True),  # better
    ],
)
def test_a_drop_fails_only_where_it_is_sure(model, before, most, passed):
    (one,) = check(model, Policy(max_drop=most), against=session(before, "before")).outcomes
    assert one.passed is passed, one.said
    assert "against before" in one.said
    assert bool(one.images) is not passed  # it names some that broke


def test_a_drop_needs_something_to_compare_with(model):
    with pytest.raises(WorkbenchError, match="Name it as `against` in the policy, or with --against"):
        check(model, Policy(max_drop=0.01))
    (one,) = check(model, Policy(), against=session([0, 0, 0], "before")).outcomes
    assert (one.rule, one.passed) == ("max-drop 0", False)


def test_slices_are_chosen_by_a_query(model):
    rules = [("label:cat", 0.7), ("label:cat", 0.95), ("label:cat correct:no loss<0", 0.1)]
    found = check(model, Policy(slices=tuple(Slice(where=where, min_accuracy=least) for where, least in rules)))
    assert [each.passed for each in found.outcomes] == [True, False, False]
    assert found.outcomes[1].images == ("test/0", "test/1", "test/2")
    assert "no image of made/test is found by" in found.outcomes[2].said
    with pytest.raises(WorkbenchError, match="the policy: the slice 'dark': There is no field 'brigtness'"):
        check(model, Policy(slices=(Slice(where="brigtness<3", min_accuracy=0, name="dark"),)))


def test_findings_that_are_worse_fail_unless_their_kind_is_allowed(model, diagnosed):
    leak, noise = (
        Finding(f"{kind}.", severity="serious", kind=kind, evidence=(3,)) for kind in ("leakage", "label-noise")
    )
    rules = {"max_severity": "mild"}
    diagnosed()
    assert check(model, Policy(**rules)).passed
    diagnosed(leak)
    (one,) = check(model, Policy(**rules)).outcomes
    assert not one.passed and "1 finding is worse. serious leakage: leakage." in one.said and one.images == ("test/3",)
    assert check(model, Policy(**rules, allowed_kinds=("leakage",))).passed
    diagnosed(leak, also=[noise])  # what a finding explains is seen too
    assert not check(model, Policy(**rules, allowed_kinds=("leakage",))).passed
    assert check(model, Policy(max_severity="serious")).passed


def test_a_drafted_policy_is_met_by_its_model_and_not_by_a_worse_one(model, diagnosed, tmp_path):
    diagnosed(Finding("copies.", severity="critical", kind="leakage"))
    path = tmp_path / "policy.toml"
    path.write_text(draft.drafted(model, fast=True), encoding="utf-8")
    rules = read_policy(path)
    assert (rules.fast, rules.allowed_kinds, set(rules.min_recall)) == (True, ("leakage",), set(NAMES))
    assert check(model, rules).passed
    worse = check(session([4, 4, 14]), rules)
    assert {each.rule.partition(" ")[0] for each in worse.failed} >= {"min-accuracy", "min-recall", "max-ece"}
    assert tomllib.loads(path.read_text())["max-severity"] == "mild"


def test_what_became_of_it_is_said(model):
    found = check(model, Policy(min_accuracy=0.5, max_ece=0))
    assert found.sentence == "model on made/test does not meet the policy: 1 of 2 rules failed."
    assert repr(found).splitlines()[1].startswith("passed  min-accuracy 0.5: accuracy 88.3 %")
    assert "FAILED" in found._repr_html_()
    assert check(model, Policy(min_accuracy=0.5)).sentence == "model on made/test meets the policy: 1 rule checked."

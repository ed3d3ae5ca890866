"""Merging, ranking, going on after an interruption: on planted analyses, without a model."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from workbench.core.dataset import Dataset
from workbench.core.errors import WorkbenchError
from workbench.core.estimate import Estimate
from workbench.core.finding import Finding, Severity
from workbench.core.params import Params
from workbench.core.progress import reporting
from workbench.core.result import Result
from workbench.diagnosis import registry
from workbench.diagnosis.diagnose import diagnose, known_diagnosis
from workbench.diagnosis.record import as_record
from workbench.session.analysis import Analysis
from workbench.session.session import Session

ASKED = []


class Asking(Analysis):
    """What is wrong?"""

    claim, answer = "leakage", ()

    @classmethod
    def name(cls):
        return cls.__name__.lower()

    def compute(self, session, params):
        ASKED.append((self.name(), params.depth))
        if isinstance(self.answer, Exception):
            raise self.answer
        return Result({"t": pd.DataFrame({"a": [1]})}, findings=self.answer)

    def draw(self, result):
        raise AssertionError("a diagnosis draws nothing")


class Depth(Params):
    """How long to look."""

    depth: int = 9


def planted(name, *answer, error=None, **attributes):
    values = {"Params": Depth, "kinds": ("leakage",), "answer": error or answer, "quick": {"depth": 1}, **attributes}
    return type(name, (Asking,), values)


@pytest.fixture
def session(monkeypatch, tmp_path):
    """Build a session and let the registry know the given analyses only."""
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path))
    ASKED.clear()

    def build(*kinds):
        found = {kind.name(): kind for kind in kinds}
        monkeypatch.setattr(registry, "analyses", lambda: found)
        monkeypatch.setattr(registry, "analysis", found.__getitem__)
        registry._answers.clear()
        data = Dataset(
            np.zeros((4, 2, 2, 1), np.uint8),
            np.array([0, 1, 0, 1]),
            class_names=("a", "b"),
            indices=np.arange(4),
            name="x/test",
        )
        opened = Session(SimpleNamespace(), data, name="m", preprocessing="unit")
        opened._model.__dict__["fingerprint"] = "0" * 16
        return opened

    return build


LEAK = Finding(
    "Two of them.",
    severity=Severity.SERIOUS,
    effect=Estimate(0.5, 0.2, 0.8),
    evidence=(1, 0),
    advice="Take them out.",
    kind="leakage",
    cost=Estimate(0.25),
)
RARE = Finding(
    "b is rare.",
    severity=Severity.MILD,
    effect=Estimate(2.0),
    kind="class-imbalance",
    classes=(1,),
    advice="Weigh.",
    part="train",
)


def test_all_that_can_find_faults_are_asked_and_ranked(session):
    given = session(planted("One", RARE), planted("Two", LEAK), planted("Plain", LEAK, kinds=()))
    found = diagnose(given)
    assert [(each.rank, each.analysis, each.finding.kind) for each in found.findings] == [
        (1, "two", "leakage"),
        (2, "one", "class-imbalance"),
    ]
    assert sorted(ASKED) == [("one", 9), ("two", 9)]


def test_the_quick_one_leaves_out_what_takes_its_time_and_says_so(session):
    found = diagnose(session(planted("One", LEAK), planted("Slow", RARE, quick=None)), quick=True)
    assert ASKED == [("one", 1)]
    assert found.left_out == {"slow": "slow: runs without --fast only."}


def test_one_that_fails_or_does_not_apply_does_not_stop_the_others(session, caplog):
    lacking = planted("Lacking", missing=lambda self, session: "there is no history.")
    found = diagnose(
        session(
            planted("Broken", error=ZeroDivisionError("planted")),
            planted("Refused", error=WorkbenchError("No layer.")),
            lacking,
            planted("One", LEAK),
        )
    )
    assert found.left_out == {
        "broken": "failed with ZeroDivisionError: planted",
        "refused": "No layer.",
        "lacking": "there is no history.",
    }
    assert [each.analysis for each in found.findings] == ["one"]
    assert "broken" in caplog.text


class StopNow(Exception):
    pass


def test_an_interrupted_diagnosis_goes_on_where_it_was(session):
    given = session(planted("One", LEAK), planted("Two", RARE))

    def stop(what, done, total):
        if (what, done) == ("Diagnosis", 1):
            raise StopNow

    with pytest.raises(StopNow), reporting(stop):
        diagnose(given)
    assert known_diagnosis(given) is None
    registry._answers.clear()  # as in a new process: only the folder is left
    found = diagnose(given)
    assert ASKED == [("one", 9), ("two", 9)]
    assert [each.finding for each in known_diagnosis(given).findings] == [each.finding for each in found.findings]


def test_the_record_has_the_words_that_other_programs_read(session):
    given = session(planted("One", RARE), planted("Two", LEAK))
    leak, rare = as_record(diagnose(given), given)["findings"]
    assert {key: leak[key] for key in ("rank", "kind", "severity", "classes", "indices", "effect", "interval")} == {
        "rank": 1,
        "kind": "leakage",
        "severity": "serious",
        "classes": [],
        "indices": [1, 0],
        "effect": 0.5,
        "interval": (0.2, 0.8),
    }
    assert (leak["images_at_stake"], leak["accuracy_at_stake"], leak["figure"]) == (1, 0.25, "two.png")
    assert (rare["classes"], rare["class_names"], rare["part"]) == ([1], ["b"], "train")

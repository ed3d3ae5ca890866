"""Merging, ranking, going on after an interruption: on planted analyses, without a model."""

from __future__ import annotations

import pickle
from types import MappingProxyType, SimpleNamespace

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
from workbench.diagnosis import divided_answers, registry
from workbench.diagnosis.diagnose import diagnose, known_diagnosis
from workbench.diagnosis.divided_answers import answers_by
from workbench.diagnosis.record import as_record
from workbench.session.analysis import Analysis
from workbench.session.session import Session
from workbench.shards.crew import Here
from workbench.shards.lending import Lent

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


@pytest.fixture
def divide(monkeypatch):
    """Have a session's analyses answered by a worker, which is this process."""

    def made(given):
        monkeypatch.setattr(divided_answers, "session_of", lambda opener: given)
        return answers_by(Lent(given, None, crew))

    with Here() as crew:
        yield made


def test_workers_answer_each_analysis_once_and_what_fails_is_named(session, divide):
    kinds = (
        planted("Broken", error=ZeroDivisionError("planted")),
        planted("Refused", error=WorkbenchError("No layer.")),
        planted("Lacking", missing=lambda self, session: "there is no history."),
        planted("One", LEAK),
        planted("Two", RARE),
    )
    given = session(*kinds)
    registry.compute(given, "two")
    found = diagnose(given, divide=divide(given))
    assert found.left_out == {
        "broken": "ZeroDivisionError: planted",
        "refused": "No layer.",
        "lacking": "there is no history.",
    }
    assert sorted(ASKED) == [("broken", 9), ("broken", 9), ("one", 9), ("refused", 9), ("two", 9)]
    registry._answers.clear()  # another worker's memory is not ours: answers are in the cache folder
    assert [each.analysis for each in diagnose(given, divide=divide(given)).findings] == ["one", "two"]
    assert ASKED.count(("one", 9)) == ASKED.count(("two", 9)) == 1


def test_what_is_asked_can_travel(session, divide, monkeypatch):
    sent = []
    monkeypatch.setattr(divided_answers, "divided", lambda task, *_: sent.append(pickle.dumps(task)) or {})
    given = session(planted("One", LEAK, quick=MappingProxyType({"depth": 1})))
    diagnose(given, quick=True, divide=divide(given))
    assert pickle.loads(sent[0]).questions == {"one": {"depth": 1}}


def test_with_nothing_to_ask_no_worker_is_asked(session, divide, monkeypatch):
    given = session(planted("One", LEAK))
    diagnose(given)
    monkeypatch.setattr(divided_answers, "divided", None)
    assert diagnose(given, divide=divide(given)).left_out == {}

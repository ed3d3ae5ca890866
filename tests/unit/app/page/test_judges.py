"""Verdicts and tests in the background, without a model."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from tests.patience import PATIENCE
from tests.verdicts import verdict
from workbench.app.page import judges as module
from workbench.app.page.judges import Judges
from workbench.core.attribution import BELIEVED, BLIND, Attribution
from workbench.core.errors import WorkbenchError
from workbench.core.estimate import Estimate
from workbench.core.progress import report

VERDICT = verdict()
SUBJECT = SimpleNamespace(key=("row", 3), pixels=np.zeros((4, 4, 1), np.uint8))


def attribution(method="saliency", target=0) -> Attribution:
    return Attribution(
        np.ones((1, 4, 4), np.float32),
        target=np.array([target]),
        score="logit",
        signed=False,
        method=method,
        params={},
        layer=None,
        image_size=(4, 4),
    )


@pytest.fixture
def judges(monkeypatch):
    """Judges whose verdicts are quick; how many were made stands in `made`."""
    made = Judges()
    made.made = []
    monkeypatch.setattr(module, "_verdict", lambda session, case: made.made.append(case) or VERDICT)
    monkeypatch.setattr(module, "known_randomisation", lambda session, method: None)
    monkeypatch.setattr(module, "randomisation_of", lambda session, method: None)
    yield made
    made.close()


def until(judges, key, wanted):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        opinion = judges.opinion(None, key, wait=1)
        if wanted(opinion):
            return opinion
        time.sleep(0.01)
    raise AssertionError(opinion)


def test_equal_maps_have_one_key_and_others_another(judges):
    keys = [judges.put(SUBJECT, attribution(*made)) for made in (("saliency", 0), ("saliency", 0), ("saliency", 1))]
    assert keys[0] == keys[1] != keys[2]
    assert judges.opinion(None, "nothing") is None


def test_the_map_of_another_model_is_judged_with_that_model(judges, monkeypatch):
    asked = []
    monkeypatch.setattr(module, "_verdict", lambda session, case: asked.append(session) or VERDICT)
    other = SimpleNamespace(model_fingerprint="other")
    own, beside, gap = (judges.put(SUBJECT, attribution(), *more) for more in ((), (other,), (other, "difference")))
    assert len({own, beside, gap}) == 3
    for key in (own, beside):
        until(judges, key, lambda opinion: opinion.verdict)
    assert asked == [None, other]


def test_the_verdict_comes_first_and_the_test_fills_itself_in(judges, monkeypatch):
    release, known = threading.Event(), []

    def tested(session, method):
        report("Saliency under random weights", 3, 10)
        release.wait(PATIENCE)
        known.append(SimpleNamespace(similarity=Estimate(0.77, 0.7, 0.8), blind=True, stages=("dense",)))

    monkeypatch.setattr(module, "randomisation_of", tested)
    monkeypatch.setattr(module, "known_randomisation", lambda session, method: known[0] if known else None)
    key = judges.put(SUBJECT, attribution())
    first = until(judges, key, lambda opinion: opinion.verdict)
    assert (first.verdict, first.open) == (VERDICT, True)
    assert first.weights.state in ("waiting", "running")
    running = until(judges, key, lambda opinion: opinion.weights.state == "running")
    assert running.weights.detail == "Saliency under random weights: 3 of 10"
    assert running.verdict.words == BELIEVED
    release.set()
    last = until(judges, key, lambda opinion: not opinion.open)
    assert (last.verdict.randomised, last.verdict.words, last.weights.state) == (0.77, BLIND, "known")
    assert len(judges.made) == 1  # it was judged once


def test_a_verdict_may_be_asked_for_without_the_test(judges, monkeypatch):
    monkeypatch.setattr(module, "randomisation_of", lambda session, method: pytest.fail("nobody asked for it"))
    opinion = judges.opinion(None, judges.put(SUBJECT, attribution()), wait=PATIENCE, test=False)
    assert (opinion.verdict, opinion.weights.state) == (VERDICT, "waiting")


def test_a_test_that_fails_leaves_the_verdict_and_says_why(judges, monkeypatch):
    def fails(session, method):
        raise WorkbenchError("no memory")

    monkeypatch.setattr(module, "randomisation_of", fails)
    opinion = until(judges, judges.put(SUBJECT, attribution()), lambda opinion: opinion.weights.state == "failed")
    assert (opinion.verdict, opinion.weights.detail, opinion.open) == (VERDICT, "no memory", False)


def test_a_verdict_that_fails_is_an_error_and_not_asked_for_again(judges, monkeypatch):
    def fails(session, case):
        raise WorkbenchError("the map is not finite")

    monkeypatch.setattr(module, "_verdict", fails)
    opinion = until(judges, judges.put(SUBJECT, attribution()), lambda opinion: opinion.error)
    assert (opinion.error, opinion.open) == ("the map is not finite", False)


def test_what_is_not_on_screen_any_more_is_dropped_and_begun_again_when_it_is(judges, monkeypatch):
    begun, entered, release = [], threading.Event(), threading.Event()

    def slow(session, case):
        begun.append(int(case.attribution.target[0]))
        entered.set()
        release.wait(PATIENCE)
        return VERDICT

    monkeypatch.setattr(module, "_verdict", slow)
    monkeypatch.setattr(module, "WANTED", (PATIENCE, PATIENCE))
    one, two = (judges.put(SUBJECT, attribution(target=target)) for target in (1, 2))
    judges.opinion(None, one)
    assert entered.wait(PATIENCE)
    judges.opinion(None, two)  # waits behind the first, and nobody asks for it again
    time.sleep(0.2)
    monkeypatch.setattr(module, "WANTED", (0.05, 0.05))
    release.set()
    until(judges, one, lambda opinion: opinion.verdict)
    assert judges._verdicts.get(two).done.wait(PATIENCE)
    assert begun == [1]
    monkeypatch.setattr(module, "WANTED", (PATIENCE, PATIENCE))
    until(judges, two, lambda opinion: opinion.verdict)
    assert begun == [1, 2]


def test_after_closing_nothing_is_begun(judges):
    key = judges.put(SUBJECT, attribution())
    judges.close()
    assert judges.opinion(None, key, wait=0.1) is None
    assert judges.made == []

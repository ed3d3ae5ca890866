"""Advice for models that are not ours: nested, two classes, tokens, and predictions only."""

from __future__ import annotations

import pytest

from tests.own import own
from workbench.diagnosis import advice
from workbench.diagnosis.advice import asking
from workbench.diagnosis.opening import Session

QUICK = ("occlusion", "saliency", "gradient-rollout")


@pytest.mark.parametrize("name", ["nested transfer", "two classes", "transformer", "ONNX"])
def test_every_model_gets_an_answer_and_only_of_methods_that_apply(name, monkeypatch):
    monkeypatch.setattr(asking, "known_evidence", lambda *_, **__: None)
    mine = own(name)
    session = Session(mine.model, mine.test, train=mine.train, name=name, cache=False)
    methods = [each for each in QUICK if each not in mine.refused]
    found = advice.advise(session, images=12, methods=methods, minutes=600)
    assert {each.name for each in found.methods} == {*methods}
    assert {each.name for each in found.advised} <= {*methods}
    assert len({each.family for each in found.advised}) == len(found.advised)
    assert all(each.counts for each in found.measures)
    assert found.said[0].startswith(f"For {name} on own/test")
    untested = "Whether maps depend on the weights was not tested: the model gives predictions only."
    assert (untested in found.said) == session.inference_only
    for each in found.advised:
        assert (each.similarity is None) == session.inference_only

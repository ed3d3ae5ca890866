"""Verdicts of a session, and what the cache keeps of them."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from workbench.attribution.methods import explainer
from workbench.core.kept import Kept
from workbench.diagnosis.opening import open_session
from workbench.faithfulness.randomisation import Randomisation
from workbench.session import judging


@pytest.fixture
def session(tiny_run, tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_RUNS", str(tiny_run.folder))
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path))
    monkeypatch.setattr(judging, "_known", Kept(2))
    return open_session("tiny", data=tiny_run.data)


def test_every_map_gets_a_verdict_that_knows_the_randomisation_test(session):
    maps = session.attribute("saliency", [0, 5, 9], verdict=True)
    assert len(maps.verdicts) == 3
    test = judging.randomisation_of(session, explainer("saliency")())
    for verdict, values in zip(maps.verdicts, maps.values, strict=True):
        assert verdict.largest == np.abs(values).max()
        assert verdict.randomised == pytest.approx(test.similarity.value)
        assert verdict.blind == test.blind
    assert session.attribute("saliency", [0]).verdicts is None


def test_the_test_is_made_once_and_kept_on_disk(session, monkeypatch):
    method = explainer("grad-cam")()
    assert judging.known_randomisation(session, method) is None
    first = judging.randomisation_of(session, method)
    judging._known.clear()  # another process
    again = judging.known_randomisation(session, method)
    assert again.stages == first.stages
    np.testing.assert_array_equal(again.spearman, first.spearman)
    assert again.similarity == first.similarity
    named = explainer("grad-cam")(layer=session.probe.default_layer)
    assert judging.known_randomisation(session, named).similarity == first.similarity
    assert judging.known_randomisation(session, explainer("grad-cam")(layer="conv1")) is None


def test_threads_that_ask_the_same_test_it_once_and_the_tests_used_last_are_kept(session, monkeypatch):
    tested = []

    def randomise(probe, method, *_, **__):
        tested.append(method.name)
        time.sleep(0.05)
        numbers = dict.fromkeys(("spearman", "absolute", "ssim", "floor"), np.zeros((1, 2)))
        return Randomisation(stages=("all",), maps=np.zeros((1, 2, 2, 2), np.float32), **numbers)

    monkeypatch.setattr("workbench.faithfulness.randomisation.randomise", randomise)
    session.cache = False
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(judging.randomisation_of, [session] * 4, [explainer("saliency")()] * 4))
    assert (len({id(each) for each in found}), tested) == (1, ["saliency"])
    assert found[0].maps.size == 0  # only its numbers are kept
    for name in ("grad-cam", "rise"):
        judging.randomisation_of(session, explainer(name)())
    assert len(judging._known) == 2
    assert judging.known_randomisation(session, explainer("saliency")()) is None


def test_without_the_test_the_percentile_alone_is_told(session):
    maps = session.attribute("guided-backprop", [2])
    verdict = judging.add_verdicts(
        session, explainer("guided-backprop")(), maps, session.dataset.images[[2]], test=False
    ).verdicts[0]
    assert verdict.randomised is None
    assert not verdict.blind

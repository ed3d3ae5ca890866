"""Models that are not the baseline: every method runs on them or says why not, and analyses of methods answer."""

from __future__ import annotations

import numpy as np
import pytest

from tests.own import NAMES, own
from workbench import judging, registry
from workbench.attribution import BELIEVED, BLIND, CHANCE
from workbench.errors import WorkbenchError
from workbench.explainers import explainer, explainers
from workbench.session import Session

METHODS = sorted(explainers())
ANALYSES = {
    "attribution-gallery": {"methods": ("grad-cam", "integrated-gradients", "guided-backprop"), "images": 2},
    "cell-dossier": {},
    "contrast-maps": {},
    "faithfulness-table": {"methods": ("saliency", "grad-cam"), "images": 6},
    "method-agreement": {"methods": ("saliency", "grad-cam", "random"), "images": 6},
    "randomisation-test": {"methods": ("saliency",)},
    "reference-sensitivity": {"steps": 8, "images": 6},
}
"""With few methods and images, to be quick."""


@pytest.fixture(scope="module", params=NAMES)
def session(request):
    mine = own(request.param)
    session = Session(mine.model, mine.test, name=request.param, train=mine.train, cache=False)
    session.refused = mine.refused
    return session


def test_it_has_learned_something(session):
    assert session.predictions.correct.mean() > 0.9


@pytest.mark.parametrize("name", METHODS)
def test_every_method_explains_it_or_says_why_not(kit, session, name):
    reason = explainer(name).missing(session.probe)
    assert (reason is not None) == (name in session.refused)
    quick = kit.quick(name).model_dump(exclude_defaults=True)
    if reason is not None:
        assert "This model has none" in reason
        with pytest.raises(WorkbenchError, match="This model has none"):
            session.attribute(name, [0], **quick)
        return
    maps = session.attribute(name, [0, 1, 2], target="label", **quick)
    assert np.isfinite(maps.values).all()
    assert len(maps.at_pixels()) == 3
    contrast = session.attribute(name, [0, 1], contrast=(0, 1), **quick)
    assert contrast.score == "contrast"
    assert np.isfinite(contrast.values).all()
    judged = judging.judged(session, maps, session.dataset.images[[0, 1, 2]], test=False)
    assert all(0 <= verdict.percentile <= 100 and verdict.words in (BELIEVED, CHANCE) for verdict in judged.verdicts)


def test_a_good_method_is_better_than_chance_on_most_images(session):
    maps = session.attribute("occlusion", range(12), size=3, stride=1)
    words = [each.words for each in judging.judged(session, maps, session.dataset.images[:12], test=False).verdicts]
    assert words.count(BELIEVED) >= 6
    control = session.attribute("random", range(12), verdict=True)
    assert [each.words for each in control.verdicts] == [BLIND] * 12


@pytest.mark.parametrize("name", ANALYSES)
def test_every_analysis_of_methods_answers(session, name):
    if reason := registry.missing(session, name):
        assert reason.endswith(".")
        return
    result = registry.compute(session, name, ANALYSES[name])
    assert result.findings
    assert registry.draw(result).axes

"""Models that are not the baseline: every method runs on them or says why not, and analyses of methods answer."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tests.own import CLOSED, GREY, NAMES, own
from workbench.attribution.methods import explainer, explainers
from workbench.core.attribution import BELIEVED, BESIDE, BLIND, PARTLY, UNTOLD
from workbench.core.errors import WorkbenchError
from workbench.diagnosis import registry
from workbench.session import judging
from workbench.session.session import Session

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


FEW = {
    "filters": {"steps": 2, "excite": 2, "images": 8},
    "label-issues": {"images": 60},
    "layer-story": {"layers": 3, "images": 24, "errors": 4, "support": 60},
    "robustness": {"families": ("blur", "shift"), "images": 12, "maps": 2},
    "smallest-evidence": {"images": 2, "examples": 2},
}
"""With few images and families, to be quick."""
INSIDE = {
    "channel-relevance",
    "channels",
    "concept-test",
    "concepts",
    "contrast-maps",
    "counterfactual-examples",
    "feature-maps",
    "feature-visualisation",
    "filters",
    "grad-cam-maps",
    "influence",
    "layer-story",
    "randomisation-test",
    "reference-sensitivity",
}
"""Analyses of what a model that is inference-only does not show."""


@pytest.fixture(scope="module", params=[*NAMES, "ONNX"])
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
        said = "This model is an? .*inference-only" if session.inference_only else "This model has no"
        assert re.search(said, reason)
        with pytest.raises(WorkbenchError, match=said):
            session.attribute(name, [0], **quick)
        return
    maps = session.attribute(name, [0, 1, 2], target="label", **quick)
    assert np.isfinite(maps.values).all()
    assert len(maps.at_pixels()) == 3
    contrast = session.attribute(name, [0, 1], contrast=(0, 1), **quick)
    assert contrast.score == "contrast"
    assert np.isfinite(contrast.values).all()
    judged = judging.add_verdicts(session, kit.quick(name), maps, session.dataset.images[[0, 1, 2]], test=False)
    for verdict in judged.verdicts:
        assert verdict.words in (BELIEVED, PARTLY, BESIDE, UNTOLD)
        assert verdict.untold or 0 <= verdict.percentile <= 100


def test_a_good_method_lies_on_the_evidence_more_than_the_control(session):
    maps = session.attribute("occlusion", range(12), size=3, stride=1)
    method = explainer("occlusion")(size=3, stride=1)
    judged = judging.add_verdicts(session, method, maps, session.dataset.images[:12], test=False).verdicts
    control = session.attribute("random", range(12), verdict=True).verdicts
    gain = np.array([own.excess - other.excess for own, other in zip(judged, control, strict=True)])
    assert np.isfinite(gain).sum() >= 9 and (gain[np.isfinite(gain)] > 0).mean() > 0.75
    said = [each.words for each in control]
    if session.inference_only:  # whose weights cannot be drawn anew
        assert not {BELIEVED, PARTLY, BLIND} & set(said)
    else:
        assert said == [BLIND] * 12


@pytest.mark.parametrize("session", NAMES, indirect=True)
@pytest.mark.parametrize("name", ANALYSES)
def test_every_analysis_of_methods_answers(session, name):
    if reason := registry.missing(session, name):
        assert reason.endswith(".")
        return
    result = registry.compute(session, name, ANALYSES[name])
    assert result.findings
    assert registry.draw(result).axes


@pytest.fixture(scope="module")
def few():
    """Sessions on a part of the images, made when they are first asked for."""
    made = {}

    def session(name):
        if name not in made:
            mine = own(name)
            train, test = mine.train.subset(range(120)), mine.test.subset(range(24))
            made[name] = Session(mine.model, test, name=name, train=train, cache=False)
        return made[name]

    return session


@pytest.mark.parametrize(
    ("model", "name"),
    # Those of methods are asked of the colour transfer above.
    [(GREY, name) for name in sorted(registry.analyses()) if name not in ANALYSES]
    + [("ONNX", name) for name in sorted(registry.analyses())],
)
def test_every_analysis_answers_or_says_why_not(few, model, name):
    session = few(model)
    reason = registry.missing(session, name)
    lacks_a_run = name in ("learning-curves", "training-dynamics")
    assert (reason is not None) == (lacks_a_run or (session.inference_only and name in INSIDE))
    quick = dict(registry.analysis(name).quick or {}) | {**ANALYSES, **FEW}.get(name, {})
    if session.inference_only:
        quick.pop("methods", None)  # those named above need gradients
    if reason is not None:
        assert lacks_a_run or re.search(r"It needs the (layers|gradients|weights) of the model.*inference-only", reason)
        with pytest.raises(WorkbenchError, match="cannot be answered here"):
            registry.compute(session, name, quick)
        return
    result = registry.compute(session, name, quick)
    assert result.findings
    assert registry.draw(result).axes


@pytest.mark.parametrize("model", CLOSED)
def test_a_file_that_gives_predictions_only_gives_those_of_its_keras_model(model):
    mine, theirs = (Session(own(name).model, own(model).test, cache=False) for name in (model, "colour residual"))
    np.testing.assert_allclose(mine.predictions.probabilities, theirs.predictions.probabilities, atol=1e-5)
    contrast = [each.attribute("occlusion", range(4), contrast=(0, 1)).values for each in (mine, theirs)]
    np.testing.assert_allclose(*contrast, atol=1e-3 * np.abs(contrast[1]).max())  # no normaliser in a difference

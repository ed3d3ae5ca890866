from types import SimpleNamespace

import numpy as np
import pytest

from analyses.attribution_gallery import USUAL, AttributionGallery, AttributionGalleryParams
from tests.verdicts import verdict as made_verdict
from workbench.core.attribution import BELIEVED, BLIND, PARTLY, Attribution

LABELS, PREDICTED = [0, 0, 0, 1, 1, 2], [0, 1, 1, 1, 0, 2]
RIGHT = {"hires-cam": 1.0, "saliency": 0.6, "integrated-gradients": 0.96}


@pytest.fixture
def session(stand_in, monkeypatch):
    """HiResCAM is good, saliency is not, and integrated gradients is good but blind."""
    session = stand_in(LABELS, PREDICTED)
    session.probe = SimpleNamespace(spatial_layers=["conv"], rectified=False, inference_only="")

    def attribute(method, rows, *, target, verdict, layer="", **params):
        assert (target, verdict) == ("predicted", True)
        signed, coarse = method != "saliency", method == "hires-cam"
        values = np.full((len(rows), 1, 1) if coarse else (len(rows), 2, 3), 2.0, np.float32)
        blind = method == "integrated-gradients"
        verdicts = tuple(
            made_verdict(RIGHT[method] - 0.5 * (row == 4), largest=2.0, randomised=0.1, blind=blind) for row in rows
        )
        details = {"completeness gap": np.full(len(rows), 0.125)} if blind else {}
        params = {**params, **({"layer": layer or "conv"} if coarse else {})}
        return Attribution(
            values,
            target=np.array(PREDICTED)[rows],
            score="logit",
            signed=signed,
            method=method,
            params=params,
            layer=params.get("layer"),
            image_size=(2, 3),
            details=details,
            verdicts=verdicts,
        )

    session.attribute = attribute
    known = SimpleNamespace(similarity=(0.75, 0.5, 0.875))
    monkeypatch.setattr("workbench.session.judging.known_randomisation", lambda session, method: known)
    return session


METHODS = ("hires-cam", "saliency", "integrated-gradients")


def test_each_method_is_counted_and_what_ignores_the_weights_is_called_out(session):
    result = AttributionGallery().compute(session, AttributionGalleryParams(methods=METHODS, images=4))
    claims = [finding.claim for finding in result.findings]
    assert claims[0] == (
        "HiResCAM at conv, 1×1 places, lies on the evidence in 3 of 4 images, 75.0 % (95 % interval 30.1–95.4 %)."
    )
    assert claims[1].startswith("Saliency lies on the evidence in 0 of 4 images")
    assert claims[2] == (
        "Integrated gradients does not depend on the weights: with random weights its maps have a rank correlation of "
        "0.75 (95 % interval 0.50 to 0.88) to these."
    )
    assert claims[3].startswith("On 1 of 4 images, 25.0 %")
    assert result.findings[0].evidence == result.findings[3].evidence == (4,)
    assert result.findings[1].effect.low == 0


def test_the_table_has_a_line_for_each_image_and_method(session):
    table = AttributionGallery().compute(session, AttributionGalleryParams(methods=METHODS, images=2)).tables["maps"]
    assert table["row"].tolist() == [1, 1, 1, 0, 0, 0]
    assert table["method"].tolist() == [*METHODS, *METHODS]
    assert table["verdict"][:3].tolist() == [BELIEVED, PARTLY, BLIND]
    assert table["largest"].unique().tolist() == [2]
    np.testing.assert_array_equal(table["completeness_gap"][:3], [np.nan, np.nan, 0.125])


def test_errors_of_the_leading_pairs_and_right_predictions_take_turns(session):
    def chosen(**params):
        return (
            AttributionGallery()
            .compute(session, AttributionGalleryParams(methods=METHODS[:1], **params))
            .arrays["rows"]
            .tolist()
        )

    assert chosen() == [1, 0, 4, 3, 5, 2]  # ant → bee, an ant; bee → ant, a bee; then a cat, and what is left
    assert chosen(images=3) == [1, 0, 4]
    assert chosen(rows=(2, 0, 2)) == [2, 0]


def test_what_does_not_apply_is_listed_with_its_sentence(session, words):
    result = AttributionGallery().compute(
        session, AttributionGalleryParams(methods=("hires-cam", "guided-backprop"), images=2)
    )
    assert result.findings[-1].claim.startswith("Left out: Guided backpropagation. ")
    assert "This model has none." in result.findings[-1].claim
    said = words(AttributionGallery().draw(result))
    assert any("Left out: Guided backpropagation:" in each for each in said)
    assert said.count(BELIEVED) == 2
    assert "1×1 at conv" in said


def test_usual_methods_are_methods_and_a_model_without_places_gets_those_that_need_none(session):
    from workbench.attribution.methods import explainers

    assert set(USUAL) <= set(explainers())
    session.probe = SimpleNamespace(
        spatial_layers=[], rectified=False, inference_only="", no_maps=lambda title: f"{title} needs a layer."
    )
    result = AttributionGallery().compute(session, AttributionGalleryParams(methods=("grad-cam", "saliency"), images=1))
    assert result.tables["left_out"]["method"].tolist() == ["Grad-CAM"]

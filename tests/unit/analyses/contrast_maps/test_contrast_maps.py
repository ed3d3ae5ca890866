from types import SimpleNamespace

import numpy as np
import pytest

from analyses.contrast_maps import ContrastMaps, ContrastMapsParams
from workbench.core.attribution import Attribution
from workbench.core.errors import WorkbenchError
from workbench.statistics import rates

LABELS, PREDICTED = [0, 0, 1, 1], [1, 0, 0, 1]


def pictures():
    """A bright 4×4 object in the middle of 14×14 black pixels; the last image has no plain background."""
    images = np.zeros((4, 14, 14, 1), np.uint8)
    images[:, 5:9, 5:9] = 200
    images[3] = np.random.default_rng(0).integers(0, 255, (14, 14, 1))
    return images


def planted(gap=0.25):
    """Maps of each row: on the object 1, at the top right -3, and at another place of the object -1; HiResCAM 2×2."""
    pixels = np.zeros((4, 14, 14), np.float32)
    pixels[:, 6, 6], pixels[:, 8, 8], pixels[:, 0, 13] = 1, -1, -3
    asked = []

    def attribute(method, rows, *, contrast, **params):
        asked.append((method, rows.tolist(), [each.tolist() for each in contrast], params))
        values = pixels[rows] if method != "hires-cam" else np.full((len(rows), 2, 2), -0.5, np.float32)
        details = {} if method == "hires-cam" else {"completeness gap": np.full(len(rows), gap)}
        return Attribution(
            values,
            target=contrast[0],
            score="contrast",
            signed=True,
            method=method,
            params=params,
            layer="conv" if method == "hires-cam" else None,
            image_size=(14, 14),
            against=contrast[1],
            details=details,
        )

    return attribute, asked


@pytest.fixture
def session(stand_in):
    session = stand_in(LABELS, PREDICTED, names=("ant", "bee"), images=pictures())
    session.probe = SimpleNamespace(spatial_layers=["conv"])
    session.attribute, session.asked = planted()
    return session


def test_the_margin_of_each_error_adds_up(session):
    result = ContrastMaps().compute(session, ContrastMapsParams())
    table = result.tables["errors"]
    assert sorted(table["row"]) == [0, 2]
    assert session.asked[0] == ("integrated-gradients", [0, 2], [[0, 1], [1, 0]], {"reference": "mean"})
    np.testing.assert_allclose(table["margin"], np.log(0.3 / 0.7), rtol=1e-6)
    np.testing.assert_allclose(table["on_object"], 0, atol=1e-9)
    np.testing.assert_allclose(table["on_background"], -3)
    np.testing.assert_allclose(table["margin"], table[["on_object", "on_background", "left_over"]].sum(axis=1))
    np.testing.assert_allclose(table["background_share"], 3 / 4)
    assert table[["largest_cell", "largest_value"]].to_numpy().tolist() == [["top right", -3.0]] * 2
    np.testing.assert_allclose(table["hires_sum"], -2)
    np.testing.assert_allclose(result.arrays["cells"][0][[3, 4, 0], [3, 4, 6]], [1, -1, -3])


def test_the_share_on_the_background_is_a_finding_and_two_equal_images_give_no_interval(session):
    first, second, gap, layer = ContrastMaps().compute(session, ContrastMapsParams()).findings
    assert first.claim.startswith("75.0 % of the evidence for the predicted class lies on")
    assert first.severity == "info"  # of two images, whatever they show
    assert set(first.evidence) == {0, 2}
    assert "the background −3.00" in second.claim
    assert gap.effect.value == 0.25
    assert layer.claim.startswith("HiResCAM at conv, 2×2 places, sums to the margin up to 1.15")


def test_a_background_that_gets_exactly_zero_is_not_taken_for_a_background_that_does_not_matter(session, monkeypatch):
    planted_maps = session.attribute

    def silent(method, rows, **rest):
        found = planted_maps(method, rows, **rest)
        if method != "hires-cam":
            found.values[:, 0, 13] = 0
        return found

    session.attribute = silent
    monkeypatch.setattr(rates, "FEWEST", 2)  # as if two images were enough to judge by
    finding = ContrastMaps().compute(session, ContrastMapsParams(reference="black")).findings[0]
    assert "0 % of the evidence for the predicted class lies on the background" in finding.claim
    assert "this method gives exactly zero to pixels equal to the reference" in finding.claim
    assert finding.severity == "mild"


def test_one_image_is_explained_alone_and_a_right_one_against_the_runner_up(session, words):
    result = ContrastMaps().compute(session, ContrastMapsParams(row=3))
    assert session.asked[0][1:3] == ([3], [[1], [0]])
    finding = result.findings[0]
    assert finding.claim.startswith(
        "test/103: the logit of bee minus that of ant is 0.85: whole image, which has no plain background"
    )
    assert np.isnan(result.tables["errors"]["on_background"][0])
    said = words(ContrastMaps().draw(result))
    assert "not ant" in said
    assert "no plain background" in said


def test_what_cannot_speak_for_a_class_is_refused(session):
    with pytest.raises(WorkbenchError, match=r"needs a signed method.*integrated-gradients.*Got 'saliency'\."):
        ContrastMaps().compute(session, ContrastMapsParams(pixel_method="saliency"))


def test_leading_pairs_come_first_each_with_its_worst_error(stand_in):
    from analyses.contrast_maps import _worst

    shares = [[0.4, 0.6, 0], [0.1, 0.9, 0], [1, 0, 0], [0.9, 0.1, 0], [0, 0.2, 0.8], [0.3, 0, 0.7]]
    session = stand_in([0, 0, 0, 1, 2, 0], probabilities=np.array(shares) + 1e-9)
    assert _worst(session.predictions, 3, 4).tolist() == [1, 3, 5, 0]  # ant → bee twice; the others once, by loss

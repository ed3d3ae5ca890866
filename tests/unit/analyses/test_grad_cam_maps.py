import numpy as np
import pytest

from analyses.grad_cam_maps import GradCamMaps, GradCamMapsParams

LABELS, PREDICTED = [0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 0, 2]
EMPTY, FULL = np.zeros((5, 5)), np.full((5, 5), 2.0)
MAPS = {0: FULL, 1: EMPTY, 2: EMPTY, 3: FULL, 4: 3 * FULL, 5: FULL}


@pytest.fixture
def result(stand_in):
    return GradCamMaps().compute(stand_in(LABELS, PREDICTED, maps=MAPS), GradCamMapsParams())


def test_a_right_and_a_wrong_example_of_each_class(result):
    table = result.tables["examples"]
    assert table[["row", "true", "predicted", "correct"]].to_numpy().tolist() == [
        [0, "ant", "ant", True],
        [2, "ant", "bee", False],
        [3, "bee", "bee", True],
        [4, "bee", "ant", False],
        [5, "cat", "cat", True],
    ]
    assert table["largest_evidence"].tolist() == [2, 0, 2, 6, 2]


def test_maps_without_positive_evidence_are_counted(result):
    (finding,) = result.findings
    assert finding.claim.startswith(
        "2 of 6 predictions have no positive evidence in conv, 33.3 % (95 % interval 9.7–70.0 %)"
    )
    assert "correct predictions 25.0 %" in finding.claim
    assert "errors 50.0 %" in finding.claim
    assert finding.evidence == (2, 1)  # the wrong one has the higher loss


def test_a_coarse_map_is_called_coarse(stand_in):
    maps = {row: np.ones((3, 3)) for row in range(6)}
    coarse = GradCamMaps().compute(stand_in(LABELS, PREDICTED, maps=maps), GradCamMapsParams()).findings[-1]
    assert coarse.claim.startswith("A map of conv has only 3×3 places")


def test_an_empty_map_is_grey_and_says_so(result, words):
    said = words(GradCamMaps().draw(result))
    assert said.count("no positive evidence") == 1
    assert any("native size 5×5" in each for each in said)


def test_of_many_classes_those_with_most_errors_are_shown(stand_in):
    table = (
        GradCamMaps().compute(stand_in(LABELS, PREDICTED, maps=MAPS), GradCamMapsParams(classes=1)).tables["examples"]
    )
    assert set(table["true"]) == {"ant"}


def test_a_model_without_places_is_told(stand_in):
    class Flat:
        spatial_layers = ()

        def no_maps(self, method):
            return f"{method} needs a layer. This model has none: its weights are in Dense (1)."

    session = stand_in(LABELS, PREDICTED, maps=MAPS)
    assert GradCamMaps().missing(session) is None  # not known before the model is loaded
    session.probe = Flat()
    assert (
        GradCamMaps().missing(session) == "Grad-CAM needs a layer. This model has none: its weights are in Dense (1)."
    )

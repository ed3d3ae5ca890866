"""A cell of which half the errors carry a bright mark in a corner that the model takes for the other class."""

import keras
import numpy as np
import pytest

from analyses.cell_dossier import CellDossier, CellDossierParams
from workbench.core.dataset import Dataset
from workbench.core.errors import WorkbenchError
from workbench.session.session import Session

SIDE, EACH = 14, 20
MARK = np.s_[12:14, 12:14]


def made(mark: int):
    """Class 0 is bright above, class 1 below; half of the errors are class 0 as it should be, with a `mark`.

    Returns:
        Images and labels: 14 marked errors, 14 errors that look like class 1, and 6 right ones of each class.
    """
    chance = np.random.default_rng(0)
    kinds = [(0, 1)] * EACH + [(0, 0)] * EACH + [(0, 1)] * 6 + [(1, 0)] * 6
    images = np.zeros((len(kinds), SIDE, SIDE, 1), np.uint8)
    for image, (_, above) in zip(images, kinds, strict=True):
        image[4:10, 4:10, 0] = 90 + chance.integers(0, 20, (6, 6))
        image[4 : 7 if above else 10, 4:10][-3:] += 60
    images[:EACH][(slice(None), *MARK)] = mark
    return images, np.array([label for label, _ in kinds])


@pytest.fixture(scope="module")
def model():
    """Linear: f_0 - f_1 is what is brighter above, less eight times the mark."""
    network = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 1)),
            keras.layers.Conv2D(1, 1, use_bias=False),
            keras.layers.Flatten(),
            keras.layers.Dense(2),
        ]
    )
    weights = np.zeros((SIDE, SIDE))
    weights[4:7, 4:10], weights[7:10, 4:10], weights[MARK] = 1, -1, -8
    kernel = np.stack([weights, -weights], axis=-1).reshape(-1, 2) / 2
    network.set_weights([np.ones((1, 1, 1, 1)), kernel, np.zeros(2)])
    return network


@pytest.fixture
def dossier(model):
    def ask(mark=255, **params):
        images, labels = made(mark)
        data = Dataset(images, labels, class_names=("ant", "bee"), indices=np.arange(len(labels)), name="hand/test")
        session = Session(model, data, cache=False)
        return CellDossier().compute(session, CellDossierParams(**params)), session

    return ask


def test_the_marked_errors_are_a_group_whose_map_lies_in_the_corner(dossier):
    result, session = dossier()
    assert session.predictions.predicted[: 2 * EACH].tolist() == [1] * 2 * EACH
    table = result.tables["clusters"].set_index("place")
    assert len(table) == 2
    corner = table.loc["bottom right"]
    assert corner[["errors", "half_in_cells", "object_covers"]].tolist() == [EACH, 1, 0]
    assert corner["covers_high"] == pytest.approx(1 - 0.025 ** (1 / EACH))  # Clopper-Pearson, of 0 in EACH
    (finding,) = [each for each in result.findings if "bottom right" in each.claim]
    assert finding.severity == "serious"
    assert [each.severity for each in result.findings].count("serious") == 2  # this one, and that it is so frequent
    assert set(finding.evidence) == set(range(EACH))
    assert (
        "the object covers 0 % (95 % interval 0–16.8 %) of them, so the object does not explain them" in finding.claim
    )
    other = table.drop("bottom right").iloc[0]
    assert other["object_covers"] > 0.5 and other["covers_low"] > 0.4
    mean = result.arrays["means"][3 + int(corner["cluster"]) - 1]
    assert np.abs(mean[MARK]).sum() > np.abs(mean).sum() / 2


def test_maps_show_what_speaks_for_the_true_class_as_positive(dossier):
    means = dossier()[0].arrays["means"]
    assert means[0][MARK].max() < 0  # the mark speaks for bee
    assert means[1][4:7, 4:10].mean() > 0  # right ants are bright above
    np.testing.assert_allclose(means[1][4:10, 4:10].sum() + means[1][MARK].sum(), means[1].sum(), atol=1e-4)


def test_the_cell_is_counted_and_compared_with_its_mirror_image(dossier):
    result, _ = dossier()
    rates = result.tables["cell"]
    assert rates[["true", "predicted", "images", "of"]].to_numpy().tolist() == [
        ["ant", "bee", 40, 46],
        ["bee", "ant", 0, 6],
    ]
    assert result.findings[0].claim.startswith("40 of 46 images of ant, 87.0 % (95 % interval 74.3–93.9 %), are pred")
    assert "p < 0.0001 (Fisher's exact test, two-sided)" in result.findings[1].claim


def test_without_a_mark_the_marked_ones_are_right_and_few_errors_are_not_split(dossier, words):
    result, _ = dossier(mark=0, errors=6)
    assert len(result.tables["clusters"]) == 1
    assert "6 errors: too few to look for clusters" in result.findings[2].claim
    said = words(CellDossier().draw(result))
    assert "ant → bee" in said
    assert "The errors' maps form one cluster" in said


def test_a_cell_without_errors_is_said_to_have_none(dossier):
    result, _ = dossier(true="bee")
    assert result.findings[0].claim == "No image of bee is predicted as another class."
    asked, _ = dossier(true="bee", predicted="ant")
    assert asked.findings[0].claim.startswith("0 of 6 images of bee")
    assert CellDossier().draw(asked)
    with pytest.raises(WorkbenchError, match="two different classes"):
        dossier(true="bee", predicted="bee")

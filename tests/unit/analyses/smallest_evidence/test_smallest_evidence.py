"""Smallest evidence of several images, on a network whose answer is known."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from analyses.smallest_evidence import SmallestEvidence, SmallestEvidenceParams
from workbench.models.probe import Probe

SHAPE = (8, 8, 1)


@pytest.fixture(scope="module")
def probe():
    """ "on" where the upper two of four quarters have, together, a mean above 0.6 of white."""
    model = keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.AveragePooling2D(4),
            layers.Flatten(),
            layers.Dense(1, activation="relu"),
            layers.Dense(2),
        ]
    )
    cells, end = np.array([[1], [1], [0], [0]], np.float32), np.array([[0, 40]], np.float32)
    model.set_weights([cells, np.array([-0.5], np.float32), end, np.array([4, 0], np.float32)])
    return Probe(model)


@pytest.fixture
def session(stand_in, probe):
    """White, on; upper left white, on; black, off, and its label is on; white with a black middle, on."""
    images = np.zeros((4, *SHAPE), np.uint8)
    images[0] = 255
    images[1, :4, :4] = 255
    images[3] = 255
    images[3, :, 3:5] = 0
    return stand_in([1, 1, 1, 1], [1, 1, 0, 1], names=("off", "on"), images=images, probe=probe)


def answer(session, **params):
    return SmallestEvidence().compute(session, SmallestEvidenceParams(side=2, **params))


def test_each_image_has_its_certificate(session):
    images = answer(session, reference="black", beside="black").tables["images"].set_index("row")
    assert images["reference"].unique().tolist() == ["black"]
    assert images["regions"].tolist() == [4, 1, 0, 4]
    assert images["kept"].tolist() == [1, 1, 0, 1]
    np.testing.assert_array_equal(images["removed"], [2, 1, np.nan, 2])
    assert images["becomes"].tolist() == ["off", "off", "", "off"]
    assert images["kept_proved"].all() and images["removed_proved"].all()
    np.testing.assert_allclose(images.loc[0, ["kept_margin", "margin_with_one_less"]].astype(float), [16, -4])
    np.testing.assert_allclose(images.loc[0, ["removed_margin", "margin_with_one_back"]].astype(float), [-4, 16])
    assert images.loc[0, "kept_others"] == 1


def test_findings_count_what_one_region_flips_and_what_needs_none(session):
    result = answer(session, reference="black", beside="black")
    said = [each.claim for each in result.findings]
    assert said[0] == (
        "Hidden is black: of 2.2 regions on average, the fewest that keep the prediction are a median of 1 for 3 right "
        "predictions and 0 for 1 error."
    )
    assert said[1].startswith("Hidden is black: one region flips the prediction of 33.3 % (95 % interval")
    assert said[1].endswith("of 1 error. Of 1 image no set of regions does, however large.")
    assert result.findings[1].evidence == (1,)
    assert "1 of 4 images needs no region, since with all hidden the model says the same (off)." in said[2]
    assert said[3].startswith("In 8 of 8 searches all smaller sets were tried. Other sets are as small in 2")
    assert len(said) == 4


def test_two_references_are_set_side_by_side(session):
    """White hides nothing of white: what can be hidden there is what is dark, and nothing of it is needed."""
    result = answer(session, reference="black", beside="white")
    shared = result.tables["references"].set_index("row")
    assert shared.loc[0, ["kept_first", "kept_second"]].tolist() == [1, 0]
    assert shared.loc[0, "shared"] == 0
    said = next(each for each in result.findings if "in place of hidden regions" in each.claim)
    assert said.claim.startswith("The references disagree. With black and white") and said.advice
    assert said.severity == "info"  # four images show no more
    same = answer(session, reference="black", beside="mean").tables["references"].set_index("row")
    assert same.loc[1, "shared"] == 1


def test_a_single_image_is_said_in_words(session):
    result = answer(session, row=1, beside="black")
    assert result.findings[0].claim.startswith("1 of 1 region keeps on, 100.00 %, with the others hidden: no smaller")
    assert result.findings[0].evidence == (1,)
    assert result.tables["images"]["row"].tolist() == [1]


def test_pictures_show_what_is_hidden_in_grey(session, words):
    analysis = SmallestEvidence()
    result = answer(session, beside="black")
    kept, without = result.arrays["pictures"][result.notes["shown"].index(1), 0]
    assert (kept == session.dataset.images[1]).all()
    assert (without[:4, :4] == 212).all() and (without[4:] == 0).all()
    read = words(analysis.draw(result))
    assert "kept 1 of 4 regions" in read and "without 2 regions" in read and "no set flips it" in read
    assert "Hidden: black (1 image not flipped)" in read

"""Counterfactual and semifactual examples of images whose nearest ones are known."""

from __future__ import annotations

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers

from workbench.core.dataset import Dataset
from workbench.core.errors import WorkbenchError
from workbench.session.counterfactual import counterfactual, only_cells, other_class, partner, semifactual
from workbench.session.session import Session

NAMES = ("dark", "bright", "never")


def model():
    """Sums four of 4 × 4 cells, means of 2 × 2 pixels; "bright" where their mean is above 0.5575 of white."""
    made = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Conv2D(1, 2, strides=2, name="cells"), layers.Flatten(), layers.Dense(3)]
    )
    ends = np.zeros((16, 3), np.float32)
    ends[[0, 1, 4, 5], 1] = 10.0
    made.set_weights([np.full((2, 2, 1, 1), 0.25, np.float32), np.zeros(1, np.float32), ends, np.array([22.3, 0, -90])])
    return made


def image(level, rest=0.3):
    pixels = np.full((8, 8, 1), round(255 * rest), np.uint8)
    pixels[:4, :4] = round(255 * level)
    return pixels


LEVELS, LABELS = (0.1, 0.2, 0.4, 0.5, 0.6, 0.9, 0.51), (0, 0, 0, 0, 1, 1, 1)


@pytest.fixture(scope="module")
def session():
    """Four dark images, two bright ones, and a bright one that is taken for dark."""
    data = Dataset(
        np.stack([image(level) for level in LEVELS]),
        np.array(LABELS),
        class_names=NAMES,
        indices=np.arange(len(LEVELS)),
        name="made/test",
    )
    return Session(model(), data, cache=False)


def test_the_partner_is_the_nearest_recognised_image_of_the_class(session):
    assert session.predictions.predicted.tolist() == [0, 0, 0, 0, 1, 1, 0]
    assert partner(session, 0, 1) == 4  # not 6, which is nearer and taken for dark
    assert partner(session, 5, 0) == 3
    assert other_class(session, 6) == 1 and other_class(session, 0) == 1  # "never" is recognised nowhere
    with pytest.raises(WorkbenchError, match="test/0 is predicted as dark already"):
        partner(session, 0, 0)
    with pytest.raises(WorkbenchError, match="No image of the class never is recognised here"):
        counterfactual(session, 0, to=2)


def test_as_few_cells_as_suffice_are_exchanged_and_all_of_them_decide(session):
    """The score of bright is 10 × the sum of four cells, and must pass 22.3: four of 0.5 are 20, each of 0.6 adds 1."""
    found = counterfactual(session, 3)
    assert found.other_row == 4 and found.layer == "cells" and found.grid == (4, 4)
    assert found.flipped and len(found.swaps) == 3
    assert {each.cell for each in found.swaps} <= {0, 1, 4, 5} and {each.other for each in found.swaps} <= {0, 1, 4, 5}
    assert found.before.argmax() == 0 and found.after.argmax() == 1
    assert found.words.startswith("3 cells of 16 of test/4 in cells make it bright (")
    assert found.table["predicted"].tolist() == ["dark", "dark", "bright"]
    assert found.table["cell"].tolist() == [found.place(each.cell) for each in found.swaps]
    in_place = counterfactual(session, 3, taken_from="same-place")
    assert all(each.cell == each.other for each in in_place.swaps) and len(in_place.swaps) == 3
    assert "<img" in found._repr_html_()


def test_all_cells_that_count_may_be_needed(session):
    found = counterfactual(session, 0)
    assert found.flipped and len(found.swaps) == 4


def test_an_image_in_between_is_predicted_the_same(session):
    """By angle the images lie in the order of their levels; between 0.1 and 0.6 the last dark one is taken."""
    found = counterfactual(session, 0)
    assert found.semifactual == semifactual(session, 0, 4) == 6
    assert found.words.endswith("Even if it looked like test/6, it would be dark.")
    assert semifactual(session, 6, 4) is None
    assert counterfactual(session, 6).words.endswith("No image lies between both that is predicted as it is.")


def test_the_session_asks_by_names(session):
    assert session.counterfactual("test/3", to="bright", layer="cells").words == counterfactual(session, 3).words
    with pytest.raises(WorkbenchError, match="There is no place 'moon'"):
        session.counterfactual(3, taken_from="moon")
    with pytest.raises(WorkbenchError, match="There is no layer"):
        session.counterfactual(3, layer="moon")


def test_a_model_without_places_is_told_in_a_sentence(session):
    flat = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(3)])
    kernel = np.zeros((64, 3), np.float32)
    kernel[0, 1] = 9.0
    flat.set_weights([kernel, np.array([5.0, 0, -90], np.float32)])
    with pytest.raises(WorkbenchError, match=r"A counterfactual example needs a layer .* This model has no"):
        Session(flat, session.dataset, cache=False).counterfactual(0)


def test_pictures_are_whitened_but_for_the_cells():
    pixels = np.zeros((6, 4, 1), np.uint8)
    shown = only_cells(pixels, (np.array([0, 0.5, 1]), np.array([0, 0.5, 1])), [1])
    assert (shown[:3, 2:] == 0).all() and (shown[3:] > 150).all() and (shown[:3, :2] > 150).all()


@pytest.mark.parametrize("seed", range(5))
def test_the_semifactual_example_is_the_one_of_an_explicit_loop(seed):
    chance = np.random.default_rng(seed)
    vectors, predicted = chance.normal(size=(30, 3)), chance.integers(0, 2, 30)
    row, other = int(np.flatnonzero(predicted == 0)[0]), int(np.flatnonzero(predicted == 1)[0])
    study = SimpleNamespace(embeddings=vectors.astype(np.float32), predictions=SimpleNamespace(predicted=predicted))

    def apart(i, j):
        one, two = (vectors[each] / np.sqrt((vectors[each] ** 2).sum()) for each in (i, j))
        return np.sqrt(((one - two) ** 2).sum())

    best, nearest = None, np.inf
    for i in range(30):
        between = max(apart(i, row), apart(i, other)) < apart(row, other)
        if predicted[i] == 0 and i != row and between and apart(i, other) < nearest:
            best, nearest = i, apart(i, other)
    assert semifactual(study, row, other) == best

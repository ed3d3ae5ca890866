"""Counterfactual examples of several images, on a network that sums four cells."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from analyses.counterfactual_examples import CounterfactualExamples, CounterfactualExamplesParams
from analyses.counterfactual_examples.findings import findings_of
from workbench.core.dataset import Dataset
from workbench.session.counterfactual import counterfactual
from workbench.session.session import Session

NAMES = ("dark", "bright")


@pytest.fixture(scope="module")
def session():
    """Ten dark images, ten bright ones, and four bright ones that are too dark; the upper left quarter counts."""
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Conv2D(1, 2, strides=2, name="cells"), layers.Flatten(), layers.Dense(2)]
    )
    ends = np.zeros((16, 2), np.float32)
    ends[[0, 1, 4, 5], 1] = 10.0
    model.set_weights([np.full((2, 2, 1, 1), 0.25, np.float32), np.zeros(1), ends, np.array([20.0, 0])])
    levels = np.concatenate([np.linspace(0.1, 0.44, 10), np.linspace(0.56, 0.9, 10), [0.45, 0.46, 0.47, 0.48]])
    images = np.full((24, 8, 8, 1), 60, np.uint8)
    images[:, :4, :4] = (255 * levels).round()[:, None, None, None]
    labels = np.repeat([0, 1, 1], [10, 10, 4])
    data = Dataset(images, labels, class_names=NAMES, indices=np.arange(24), name="made/test")
    return Session(model, data, cache=False)


def answer(session, **params):
    return CounterfactualExamples().compute(session, CounterfactualExamplesParams(**params))


def test_errors_take_fewer_swaps_than_right_predictions_and_random_cells_more(session):
    result = answer(session, images=12)
    images, groups = result.tables["images"], result.tables["groups"].set_index("group")
    assert groups["images"].to_dict() == {"errors": 4, "right predictions": 8}
    assert images["class"].tolist() == ["bright" if each == "dark" else "dark" for each in images["predicted"]]
    assert groups.loc["errors", "median_swaps"] <= groups.loc["right predictions", "median_swaps"]
    assert (images["swaps"] <= images["swaps_at_random"]).all()
    assert (images["swaps"] <= images["swaps_at_their_places"]).all()
    assert images["swaps"].between(1, 4).all()
    said = [each.claim for each in result.findings]
    assert said[0].startswith(
        "Of 4 errors, cells of the nearest image of the true class at cells flip the prediction to it after a "
        "median of "
    )
    assert said[1].startswith("Of 8 right predictions, cells of the nearest image of the next most probable class")
    assert sum("swaps, cells in random order" in each for each in said) == 1
    assert any(each.startswith(f"Of {len(result.tables['swaps'])} swaps, ") for each in said)
    assert all(line["probability_after"] > 0.5 > line["probability_before"] for _, line in images.iterrows())


def test_semifactual_examples_are_predicted_as_the_image_is(session):
    result = answer(session, images=24)
    between = result.tables["semifactuals"]
    predicted = session.predictions.predicted
    assert len(between)
    assert (predicted[between["row"]] == predicted[between["other_row"]]).all()
    assert (between["probability_between"] < between["probability"]).all()  # nearer to the boundary


def test_a_single_image_is_said_in_words_and_drawn(session, words):
    result = answer(session, row=20, taken_from="same-place")
    assert result.tables["images"]["row"].tolist() == [20]
    assert result.findings[0].claim == session.counterfactual(20, taken_from="same-place").words
    swaps = result.tables["swaps"]
    assert (swaps["cell"] == swaps["taken_from"]).all()
    read = words(CounterfactualExamples().draw(result))
    assert "exchanged:" in read and not any(each.startswith("Flipped after") for each in read)


def test_the_figure_says_how_many_are_flipped_by_how_many_swaps(session, words):
    read = words(CounterfactualExamples().draw(answer(session, images=12)))
    assert "Flipped after so many swaps (12 images)" in read and "best cells, each from its place" in read


def test_images_of_one_class_have_none_and_it_is_said(session):
    dark = session.subset(range(10))
    result = answer(dark)
    assert result.findings[0].claim.startswith("No image of another class is recognised here")
    assert result.tables["images"].empty and CounterfactualExamples().draw(result).get_suptitle()


def test_images_without_an_example_are_counted_by_why(session):
    made, result = [counterfactual(session, row) for row in (20, 21)], answer(session, images=12)
    images = result.tables["images"]
    some = images[images["row"].isin([20, 21])]
    said = findings_of(some, result.tables["semifactuals"].head(0), made, {3: "Too dark.", 5: "Too dark.", 4: "Odd."})
    assert [each.claim for each in said[-2:]] == ["2 images have no example. Too dark.", "1 image has no example. Odd."]
    assert list(said[-2].evidence) == [3, 5]


def test_errors_that_are_set_against_another_class_than_the_true_one_are_counted(session):
    result = answer(session, images=12)
    images, found = result.tables["images"].copy(), [counterfactual(session, row) for row in (20, 21, 22, 23)]
    errors = images.index[~images["correct"]]
    images.loc[errors[0], "class"] = "grey"
    said = findings_of(images, result.tables["semifactuals"].head(0), found, {})
    assert said[0].claim.startswith(
        "Of 4 errors, cells of the nearest image of the true class (for 1 of another, since no image of the true one "
        "is recognised) at cells flip"
    )
    images.loc[errors, "class"] = "grey"
    said = findings_of(images, result.tables["semifactuals"].head(0), found, {})
    assert said[0].claim.startswith("Of 4 errors, cells of the nearest image of the next most probable class at cells")

"""Helpful and harmful training images of a network of four pixels, among which some labels are wrong."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from analyses.influence import Influence, InfluenceParams, chosen
from analyses.influence.findings import _many
from workbench.core.dataset import Dataset
from workbench.core.predictions import Predictions
from workbench.session.session import Session

NAMES = ("left", "right")
FLIPPED = [3, 10, 21]


def made(bright, labels, name):
    """`(N, 2, 2, 1)`: how bright the left of two lit pixels is, the other one the rest of 255."""
    bright = np.asarray(bright, np.float64)
    images = np.zeros((len(bright), 2, 2, 1), np.uint8)
    images[:, 0, 0, 0], images[:, 1, 1, 0] = (255 * bright).round(), (255 * (1 - bright)).round()
    count = np.arange(len(images))
    return Dataset(images, np.array(labels), class_names=NAMES, indices=count, name=f"made/{name}")


@pytest.fixture(scope="module")
def session():
    """Sixty training images, three with the wrong label; fourteen others, of which twelve are misclassified."""
    model = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")])
    kernel = np.zeros((4, 2), np.float32)
    kernel[0], kernel[3] = [4, -4], [-4, 4]
    model.set_weights([kernel, np.zeros(2, np.float32)])
    chance = np.random.default_rng(0)
    labels = np.arange(60) % 2
    bright = np.where(labels == 0, 0.9, 0.1) + chance.uniform(-0.08, 0.08, 60)
    labels[FLIPPED] = 1 - labels[FLIPPED]
    seen = made([*np.linspace(0.55, 0.72, 12), 0.9, 0.1], [1] * 12 + [0, 1], "test")
    return Session(model, seen, train=made(bright, labels, "train"), cache=False)


def answer(session, **params):
    return Influence().compute(session, InfluenceParams(**params))


def test_wrong_labels_harm_those_that_look_like_them_and_influence_themselves(session):
    result = answer(session, top=3, listed=4)
    images = result.tables["images"]
    assert images["row"].drop_duplicates().tolist() == list(range(11, -1, -1))  # the surest error first
    # Errors look left and are right: the flipped images that look left help, since they say that this is right.
    helpful = images[images["did"] == "helpful"].groupby("row").first()
    assert set(helpful["train_row"]) <= {10}  # the only flipped one of an even row, which looks left
    assert (helpful["its_label"] == "right").all()
    harmful = images[images["did"] == "harmful"].groupby("row").first()
    assert (harmful["its_label"] == "left").all()
    assert (images["influence"] > 0).tolist() == (images["did"] == "helpful").tolist()
    own = result.tables["training"].set_index("train_row")["self_influence"]
    assert set(own.nlargest(3).index) == set(FLIPPED)


def test_findings_name_what_harms_many_and_say_at_which_weights(session):
    result = answer(session, top=3)
    said = [each.claim for each in result.findings]
    assert said[0].startswith(
        "Of 12 images, the most harmful training image has the predicted class as its label for 100 %"
    )
    training = result.tables["training"]
    many = training[training["images_harmed"] >= 2]
    p = 3 / 60  # of 60 training images, which 12 images draw three of each: how many are drawn twice or more
    usual = 60 * (1 - (1 - p) ** 12 - 12 * p * (1 - p) ** 11)
    assert said[1].startswith(
        f"{len(many)} training images are among the 3 most harmful of at least 2 of 12 images; by chance {usual:.3g} "
        "would be. "
    )
    assert list(result.findings[1].evidence) == many["train_row"].tolist() and result.findings[1].part == "train"
    assert int(training["images_harmed"].sum()) == 12 * 3
    assert said[2].startswith("1 training image with the largest influence on itself (last layer) has")
    assert result.findings[2].evidence[0] in FLIPPED
    assert "may lie" in result.findings[1].advice and "may be among them" in result.findings[2].advice
    frame = result.tables["training"]
    assert "; by chance fewer than 0.01 would be. " in _many(frame, 12, 3, 600_000)[0].claim
    (none,) = _many(frame.assign(images_harmed=0), 12, 3, 60)
    assert (
        none.claim
        == f"No training image is among the 3 most harmful of at least 2 of 12 images; by chance {usual:.3g} would be."
    )
    crowd = [each.claim for each in answer(session, top=6).findings]  # a tenth of all: nothing to be told apart
    assert len(crowd) == 3 and not any("most harmful of at least" in each for each in crowd)
    assert said[3].startswith("Measured at one checkpoint, the final weights")


def test_a_single_image_is_asked_by_its_row(session, words):
    result = answer(session, row=13, listed=2)
    assert result.tables["images"]["row"].unique().tolist() == [13]
    assert result.findings[0].claim.startswith("For test/13, a right that is predicted as right, training image train/")
    assert result.findings[0].part == "train" and len(result.findings[0].evidence) == 4
    read = words(Influence().draw(result))
    assert "helpful" in read and "harmful" in read


def test_the_figure_shows_the_images_that_harm_most_often(session, words):
    read = words(Influence().draw(answer(session, top=3)))
    assert "Most often among the 3 most harmful" in read and any(each.startswith("harms ") for each in read)


def test_the_surest_errors_are_asked_about_and_without_errors_the_largest_losses():
    logits = np.array([[3, 0], [0, 1], [0, 2], [1, 0]], np.float32)
    assert chosen(Predictions(logits, np.array([0, 0, 0, 0])), 5).tolist() == [2, 1]
    assert chosen(Predictions(logits, np.array([0, 1, 1, 0])), 2).tolist() == [1, 3]


def test_without_training_images_it_says_what_it_needs(session):
    alone = Session(session.model, session.dataset, cache=False)
    assert (
        Influence().missing(alone) == "It needs the images that the model was trained on, and they are not known here."
    )

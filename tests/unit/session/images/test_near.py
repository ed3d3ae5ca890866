"""The images nearest to one: by pixels against distances written out, by the model, across parts, never itself."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from workbench.core.dataset import Dataset
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.session.session import Session


def grey(levels, part, indices=None):
    images = np.zeros((len(levels), 6, 6, 1), np.uint8) + np.array(levels, np.uint8)[:, None, None, None]
    indices = np.arange(len(levels)) if indices is None else np.array(indices)
    labels = np.arange(len(levels)) % 2
    return Dataset(images, labels, class_names=("a", "b"), indices=indices, name=f"grey/{part}")


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Conv2D(2, 3, activation="relu"), keras.layers.Flatten(), keras.layers.Dense(2)]
    return keras.Sequential([keras.Input((6, 6, 1)), *layers])


@pytest.fixture
def session(model):
    return Session(model, grey([0, 40, 100, 50, 200], "test"), train=grey([45, 210, 10], "train"), preprocessing="unit")


def test_by_pixels_they_are_in_the_order_of_their_distances(session):
    levels = np.array([0, 40, 100, 50, 200])
    for row, level in enumerate(levels.tolist()):
        found = session.nearest(row, by="pixels")
        expected = sorted((abs(other - level), place) for place, other in enumerate(levels.tolist()) if place != row)
        assert found.rows.tolist() == [place for _, place in expected]


def test_they_are_found_in_the_other_part_both_ways(session):
    assert session.nearest(1, among="train", by="pixels").names.tolist() == ["train/0", "train/2", "train/1"]
    assert session.nearest("train/1", part="train", by="pixels", most=1).names.tolist() == ["test/4"]
    assert session.nearest(0, part="train", among="train", by="pixels").rows.tolist() == [2, 1]


def test_by_embedding_the_angle_counts(session):
    vectors = {part: study.embeddings for part, study in (("data", session), ("train", session.training))}
    lengths = {part: np.linalg.norm(each, axis=1, keepdims=True) for part, each in vectors.items()}
    own, there = (vectors[part] / np.maximum(lengths[part], 1e-30) for part in ("data", "train"))
    order = np.argsort(np.linalg.norm(there - own[2], axis=1), kind="stable")
    assert session.nearest(2, among="train").rows.tolist() == order.tolist()


def test_an_image_that_was_trained_on_is_no_neighbour_of_itself(model):
    train = grey([45, 210, 10, 46], "train")
    session = Session(model, train.subset([3, 0]), train=train, preprocessing="unit")
    assert session.nearest(0, among="train", by="pixels").rows.tolist() == [0, 2, 1]
    assert session.nearest(0, part="train", by="pixels").rows.tolist() == [0]


def test_what_there_is_not_is_a_sentence(model, session):
    with pytest.raises(WorkbenchError, match="no image 'test/9'"):
        session.nearest("test/9")
    with pytest.raises(WorkbenchError, match="no sense 'sound'"):
        session.nearest(0, by="sound")
    alone = Session(model, grey([0, 40], "test"), preprocessing="unit")
    with pytest.raises(Unavailable, match="training images are not known"):
        alone.nearest(0, among="train")
    guessed = Session(predictions=np.eye(2)[[0, 1]], dataset=grey([0, 40], "test"))
    with pytest.raises(Unavailable, match="not predictions alone"):
        guessed.nearest(0)
    assert guessed.nearest(0, by="pixels").rows.tolist() == [1]

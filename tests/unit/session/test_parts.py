"""Other parts of the data beside the one under study: loaded when asked for, once; with the same model."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from workbench.core.dataset import Dataset
from workbench.core.errors import Unavailable
from workbench.diagnosis.opening import Session, open_session


def part_of(name, count, first=0):
    images = np.random.default_rng(first).integers(0, 256, (count, 6, 6, 1), np.uint8)
    labels = np.arange(count) % 2
    return Dataset(images, labels, class_names=("a", "b"), indices=np.arange(count), name=f"made/{name}")


@pytest.fixture
def loaded():
    return []


@pytest.fixture
def session(loaded):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6, 6, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])

    def load(name, count, first):
        loaded.append(name)
        return part_of(name, count, first)

    others = {"validation": lambda: load("validation", 5, 1), "test": lambda: load("test", 9, 2)}
    return Session(
        model, part_of("test", 9, 2), train=lambda: load("train", 12, 3), others=others, preprocessing="unit"
    )


def test_they_are_known_before_they_are_loaded_and_loaded_once(session, loaded):
    assert session.other_parts == ("validation", "train")
    assert loaded == []
    found = session.images_of("validation")
    assert found.names.tolist() == [f"validation/{row}" for row in range(5)]
    assert len(session.images_of("validation").where("label:a")) == 3
    assert session.on("validation") is session.on("validation")
    assert loaded == ["validation"]


def test_the_model_is_asked_about_them_and_their_answers_are_their_own(session):
    beside = session.on("validation")
    expected = session.model.predict(beside.dataset.images / 255, verbose=0)
    assert beside.predictions.logits == pytest.approx(expected, abs=1e-5)
    fields = session.images_of("validation").fields
    assert "confidence" in fields and "label_issue" not in fields  # analyses answer of what is studied and of training
    assert "label_issue" in session.images_of("train").fields
    assert session.on("data") is session
    assert set(beside.other_parts) == {"test", "train"}


def test_what_is_there_in_two_parts_is_no_neighbour_of_itself(session):
    train = session.train
    session._parts._given["validation"] = train.subset([4, 7])
    near = session.nearest(0, part="validation", among="train", by="pixels")
    assert 4 not in near.rows.tolist() and len(near) == 11
    assert session.nearest(4, part="train", among="validation", by="pixels").rows.tolist() == [1]


def test_what_there_is_not_is_one_sentence(session):
    session._parts._given["validation"] = None
    assert session.other_parts == ("train",)
    with pytest.raises(Unavailable, match=r"The validation images are not known here\."):
        session.images_of("validation")


def test_a_run_has_its_validation_images_beside(tiny_run):
    session = open_session(tiny_run.folder / tiny_run.name)
    assert session.other_parts == ("validation", "train")
    accuracy = session.run.manifest.metrics["validation"]["accuracy"]
    assert session.on("validation").predictions.correct.mean() == pytest.approx(accuracy)
    other = open_session(tiny_run.folder / tiny_run.name, split="validation")
    assert other.other_parts == ("test", "train")
    assert other.dataset.fingerprint == session.on("validation").dataset.fingerprint

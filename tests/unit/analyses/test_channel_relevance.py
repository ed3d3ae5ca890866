"""Relevance through the channels of a layer whose channels are made by hand: each sees a stroke of one direction."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

import workbench as wb
from workbench.core.errors import WorkbenchError
from workbench.diagnosis import registry
from workbench.session.session import Session

SIDE, STROKE = 16, 5
NAMES = ("rising", "level")


def drawn(count, seed):
    """`(N, 16, 16, 1)` uint8: an upright stroke at the left, a level one at the right, at any height; one is bright."""
    chance = np.random.default_rng(seed)
    images, labels = np.zeros((count, SIDE, SIDE, 1), np.uint8), np.arange(count) % 2
    for image, label in zip(images, labels, strict=True):
        top, other = chance.integers(0, SIDE - STROKE, 2)
        image[top : top + STROKE, 2] = 220 if label == 0 else 60
        image[other, SIDE - STROKE - 1 : SIDE - 1] = 220 if label == 1 else 60
    return images, labels


def model_of(*extra):
    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 1)),
            *extra,
            layers.Conv2D(3, 3, activation="relu", name="strokes"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2, name="scores"),
        ]
    )
    kernel = np.zeros((3, 3, 1, 3), np.float32)
    kernel[:, 1, 0, 0] = kernel[1, :, 0, 1] = 2
    kernel[:, [0, 2], 0, 0] = kernel[[0, 2], :, 0, 1] = -1
    kernel[..., 2] = 0.01  # sees whatever there is, and says nothing
    model.get_layer("strokes").set_weights([kernel, np.zeros(3, np.float32)])
    model.get_layer("scores").set_weights([np.array([[9, 0], [0, 9], [0.1, 0.1]], np.float32), np.zeros(2, np.float32)])
    return model


@pytest.fixture(scope="module")
def session():
    images, labels = drawn(60, 0)
    labels[:12] = 1 - labels[:12]  # named wrongly: errors, of both classes
    data = wb.Dataset(images, labels, class_names=NAMES, indices=np.arange(60), name="strokes/test")
    return Session(model_of(), data, cache=False)


def test_each_class_is_carried_by_the_channel_that_sees_its_stroke(session):
    for label, channel in ((0, 0), (1, 1)):
        row = int(np.flatnonzero(session.predictions.predicted == label)[0])
        found = registry.compute(session, "channel-relevance", {"row": row, "show": 2})
        assert found.notes["layer"] == "strokes"
        table = found.tables["channels"]
        assert table["channel"].iloc[0] == channel
        assert table["share"].iloc[0] > 0.9
        assert table["its_images"].iloc[0] == f"{NAMES[label]} 9"
        whole, through = np.abs(found.arrays["maps"][:2])
        left = through[:, : SIDE // 2].sum() / through.sum()
        assert (left if channel == 0 else 1 - left) > 0.8  # ends of the other stroke are strokes too, short ones
        assert through.max() == pytest.approx(whole.max(), rel=0.1)
        bright = found.arrays["crops"][0].max(axis=(1, 2, 3))  # around the stroke that was seen
        assert (bright == 220).all()


def test_all_channels_together_are_the_whole(session):
    found = registry.compute(session, "channel-relevance", {"row": 0, "show": 3})
    whole, *parts = found.arrays["maps"]
    np.testing.assert_allclose(np.sum(parts, axis=0), whole, atol=1e-6 * np.abs(whole).max())


def test_errors_that_rest_on_nothing_else_are_not_said_to(session):
    found = registry.compute(session, "channel-relevance", {"row": 0})
    assert not found.tables["errors"].get("discovered", np.zeros(0)).astype(bool).any()
    assert len(found.findings) == 2


def test_a_channel_by_number(session):
    found = registry.compute(session, "channel-relevance", {"row": 0, "channel": 2})
    assert list(found.tables["channels"]["channel"]) == [2]
    with pytest.raises(WorkbenchError, match=r"`channel` must be below 3, the channels of strokes\. Got 3"):
        registry.compute(session, "channel-relevance", {"channel": 3})


def test_an_image_of_which_nothing_comes_through_is_said_to_be_one(session):
    images = np.concatenate([np.zeros((1, SIDE, SIDE, 1), np.uint8), session.dataset.images[:2]])
    data = wb.Dataset(images, np.array([0, 0, 1]), class_names=NAMES, indices=np.arange(3), name="few/test")
    few = Session(session.model, data, cache=False)
    found = registry.compute(few, "channel-relevance", {"row": 0})
    assert [each.claim for each in found.findings] == [
        f"In this image nothing of the logit of {NAMES[few.predictions.predicted[0]]} comes through strokes."
    ]
    assert (found.arrays["rows"][:, 2:] == -1).all()  # of two others, no third is made
    assert registry.draw(found).axes


def test_a_model_without_a_way_back_is_told(session):
    gate = keras.Input((SIDE, SIDE, 1))
    first = layers.Conv2D(3, 3, activation="relu", padding="same")(gate)
    both = layers.Multiply()([first, layers.Conv2D(3, 1, activation="tanh")(first)])  # no gate
    model = keras.Model(gate, layers.Dense(2)(layers.GlobalAveragePooling2D()(both)))
    closed = Session(model, session.dataset, cache=False)
    for _ in range(2):  # before and after the model is known
        with pytest.raises(WorkbenchError, match="This model has none through 'multiply"):
            registry.compute(closed, "channel-relevance")
        assert closed.probe.impassable

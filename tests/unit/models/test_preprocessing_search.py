"""A linear model that knows left from right by pixels of one convention, and what is found of it."""

import keras
import numpy as np
import pytest

from tests.own import dataset
from workbench.core.errors import WorkbenchError
from workbench.models.preprocessing import CONVENTIONS
from workbench.models.preprocessing_search import find_preprocessing, in_order
from workbench.models.probe import Probe
from workbench.session.session import Session

SHAPE = (4, 4, 3)


def halves(count=80):
    """A grey half and a dark one; noise so that no two images are alike."""
    labels = np.arange(count) % 2
    images = np.random.default_rng(0).integers(0, 30, (count, *SHAPE)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[:, 2 * label : 2 * label + 2] += 130
    return dataset(images, labels, ("left", "right"), "test")


def wanting(name):
    """A model that is right on images given in one way: what it sees else lies beyond its two narrow hats."""
    how = CONVENTIONS[name]
    bright, dark = (how.change(np.full((1, 1, 1, 3), v / 255, np.float32)).mean() for v in (145, 15))
    image = keras.Input(SHAPE)
    mean = keras.layers.GlobalAveragePooling2D()(image[:, :, :2]), keras.layers.GlobalAveragePooling2D()(image)
    left, whole = (keras.ops.mean(each, axis=-1, keepdims=True) for each in mean)
    step = (bright - dark) / 2
    near = keras.ops.cast(keras.ops.abs(whole - (bright + dark) / 2) < 0.1 * step, "float32")
    scores = keras.ops.concatenate([near * (left - whole) + (1 - near), -near * (left - whole)], axis=-1)
    return keras.Model(image, scores)


@pytest.mark.parametrize("name", ["unit", "signed", "pixels", "imagenet-torch", "imagenet-caffe"])
def test_the_convention_it_learned_is_found(name):
    said, found = find_preprocessing(lambda: wanting(name), halves())
    if name == "unit":
        assert (found, said[:39]) == ("auto", "auto (unit): 100 % of 80 images correct")
        assert said.endswith("none is significantly better.")
    else:
        assert found == name
        assert said == f"{name}: 100 % of 80 images correct; auto (unit): 50.0 %."


def test_what_is_found_is_kept_and_the_session_is_another_one_than_that_of_another_scale(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path))
    model, data = wanting("signed"), halves()
    unit, found = (Session(model, data, preprocessing=name) for name in ("unit", "find"))
    assert unit.predictions.correct.mean() == 0.5
    assert found.preprocessing == "signed" and found.found.startswith("signed: 100 %")
    assert found.predictions.correct.all()
    assert found.model_fingerprint != unit.model_fingerprint
    assert Session(model, data, preprocessing="signed").has_predictions
    assert Session(model, data, preprocessing="unit").predictions.correct.mean() == 0.5  # its own, from the cache
    assert found.subset([0, 1]).preprocessing == "signed"
    path = tmp_path / "answer.npz"
    first = find_preprocessing(lambda: model, data, path)
    assert find_preprocessing(lambda: pytest.fail("the answer is there"), data, path) == first


def test_gradients_stay_by_the_pixel_in_0_1():
    model = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(2)])
    images, target = np.full((1, *SHAPE), 0.5, np.float32), np.array([0])
    plain, caffe = Probe(model), Probe(model, given="imagenet-caffe")
    kernel = plain.gradient(images, target)
    np.testing.assert_allclose(caffe.gradient(images, target), 255 * kernel[..., ::-1], rtol=1e-5)
    given = CONVENTIONS["imagenet-caffe"].change(images)
    np.testing.assert_allclose(caffe.logits(images), plain.logits(given), rtol=1e-4, atol=1e-4)
    assert caffe.note.endswith("Images are given as blue, green, red in 0…255 less ImageNet's mean.")


def test_a_wrong_name_is_refused_before_anything_is_loaded():
    with pytest.raises(WorkbenchError, match="There is no preprocessing 'torch'"):
        Session("nowhere.keras", halves(), preprocessing="torch")


def test_of_those_that_are_not_surely_worse_the_loss_decides_and_then_what_is_usual():
    """1 image of 200 more is chance; 40 nats an image are not."""
    hits = {name: np.arange(200) < n for name, n in [("imagenet-caffe", 162), ("signed", 161), ("unit", 80)]}
    losses = {"imagenet-caffe": np.full(200, 42.0), "signed": np.full(200, 0.55), "unit": np.full(200, 0.1)}
    assert in_order(hits, losses, 4) == ["signed", "imagenet-caffe"]
    alike = dict.fromkeys(("imagenet-torch", "signed", "pixels"), hits["signed"])
    assert in_order(alike, dict.fromkeys(alike, np.ones(200)), 4) == ["pixels", "signed", "imagenet-torch"]
    endless = {"pixels": np.append(np.zeros(199), np.inf), "signed": np.ones(200), "imagenet-torch": np.ones(200)}
    assert in_order(alike, endless, 4)[0] == "signed"


def test_a_loss_that_chance_makes_smaller_is_no_reason_for_an_unusual_scale():
    noise = np.random.default_rng(0).normal(size=200)
    right = dict.fromkeys(("imagenet-caffe", "pixels"), np.arange(200) % 5 > 0)
    assert in_order(right, {"imagenet-caffe": 0.5 + 0 * noise, "pixels": 0.52 + 0.3 * noise}, 4)[0] == "pixels"
    assert in_order(right, {"imagenet-caffe": 0.5 + 0 * noise, "pixels": 0.7 + 0.3 * noise}, 4)[0] == "imagenet-caffe"

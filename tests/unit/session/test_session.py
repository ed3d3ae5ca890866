from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np
import pytest

import workbench as wb
from tests.patience import PATIENCE
from workbench.core.dataset import Dataset
from workbench.core.errors import WorkbenchError
from workbench.core.predictions import Predictions
from workbench.core.progress import reporting
from workbench.diagnosis.opening import Session
from workbench.models.probe import Probe
from workbench.session import study

NAMES = ("Shirt", "2", "Coat")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache folder of its own for each test."""
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def model():
    """Scores are a Dense layer over the mean of each half of a 2x4 image."""
    model = keras.Sequential(
        [keras.Input((2, 4, 1)), keras.layers.AveragePooling2D(2), keras.layers.Flatten(), keras.layers.Dense(3)],
        name="halves",
    )
    model.set_weights([np.array([[1, 0, -1], [0, 2, 1]]), np.array([0, 0, 0.5])])
    return model


@pytest.fixture(scope="module")
def data():
    """Left half bright, right half bright, both dark, both bright; the last one is labelled wrong."""
    halves = np.array([[255, 0], [0, 255], [0, 0], [255, 255]], np.uint8)
    images = np.repeat(halves[:, None, :], 2, axis=1).repeat(2, axis=2)[..., None]
    return Dataset(
        images, np.array([0, 1, 2, 0]), class_names=NAMES, indices=np.array([10, 11, 12, 13]), name="made/test"
    )


LOGITS = [[1, 0, -0.5], [0, 2, 1.5], [0, 0, 0.5], [1, 2, 0.5]]
EMBEDDINGS = [[1, 0], [0, 1], [0, 0], [1, 1]]


@pytest.fixture
def session(model, data):
    return Session(model, data)


class Counting(Probe):
    """A probe that counts the images it is asked about."""

    seen = 0

    def logits_and_embeddings(self, images):
        Counting.seen += len(images)
        return super().logits_and_embeddings(images)


@pytest.fixture
def counting(monkeypatch):
    monkeypatch.setattr("workbench.models.probe.Probe", Counting)
    Counting.seen = 0
    return Counting


def test_predictions_and_embeddings_by_hand(session):
    assert not session.ready
    assert not session.has_predictions
    np.testing.assert_allclose(session.predictions.logits, LOGITS, atol=1e-6)
    np.testing.assert_allclose(session.embeddings, EMBEDDINGS, atol=1e-6)
    assert session.predictions.correct.tolist() == [True, True, True, False]
    assert session.ready
    assert session.has_predictions
    assert session.model is session.probe.model


def test_images_pass_once_and_a_second_session_reads_what_the_first_computed(model, data, counting):
    first = Session(model, data)
    assert [len(first.embeddings), len(first.predictions)] == [4, 4]
    assert counting.seen == 4
    second = Session(model, data)
    assert second.has_predictions
    np.testing.assert_array_equal(second.predictions.logits, first.predictions.logits)
    np.testing.assert_array_equal(second.embeddings, first.embeddings)
    assert counting.seen == 4
    assert not second.ready


def test_without_cache_nothing_is_written_or_read(model, data, cache, counting):
    assert len(Session(model, data, cache=False).predictions) == 4
    assert not cache.exists()
    assert len(Session(model, data).predictions) == 4
    assert len(Session(model, data, cache=False).predictions) == 4
    assert counting.seen == 12


@pytest.mark.parametrize("name", ["logits", "embeddings"])
def test_a_cache_of_other_arrays_is_computed_again(session, name):
    from workbench.core.cache import save_arrays

    kept = {"logits": np.zeros((4, 3), np.float32), "embeddings": np.zeros((4, 2), np.float32)}
    save_arrays(session.cache_path("predictions.npz"), {name: kept[name][:3]})
    np.testing.assert_allclose(session.predictions.logits, LOGITS, atol=1e-6)
    np.testing.assert_allclose(session.embeddings, EMBEDDINGS, atol=1e-6)


def test_predictions_from_the_cache_import_no_tensorflow(model, data, tmp_path):
    model.save(tmp_path / "halves.keras")
    np.savez(tmp_path / "data.npz", x_test=data.images, y_test=data.labels, class_names=np.array(NAMES))
    opened = wb.open_session(model=tmp_path / "halves.keras", data=tmp_path / "data.npz")
    assert opened.name == "halves"
    assert opened.predictions.predicted.tolist() == [0, 1, 2, 1]
    code = f"""
import sys, workbench as wb
session = wb.open_session(model={str(tmp_path / "halves.keras")!r}, data={str(tmp_path / "data.npz")!r})
assert session.has_predictions
print(session.predictions.predicted.tolist(), session.embeddings.tolist(), session.class_index("coat"))
print(sorted({{"tensorflow", "keras", "matplotlib.pyplot", "gradio"}} & set(sys.modules)))
"""
    root = str(Path(wb.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": root}, check=True
    )
    assert done.stdout.splitlines() == ["[0, 1, 2, 1] [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0], [1.0, 1.0]] 2", "[]"]


def test_the_fingerprint_changes_with_any_weight_and_with_the_data(model, data):
    other = keras.models.clone_model(model)
    other.set_weights([each + np.float32(0.001) * (each == 2) for each in model.get_weights()])
    one = Session(model, data)
    assert one.model_fingerprint == Session(model, data).model_fingerprint
    assert one.model_fingerprint != Session(other, data).model_fingerprint
    paths = {one.cache_path("x"), Session(other, data).cache_path("x"), one.subset([0, 1]).cache_path("x")}
    assert len(paths) == 3
    assert one.context == {
        "run": "halves",
        "dataset": "made/test",
        "images": 4,
        "classes": 3,
        "model": one.model_fingerprint,
        "data": data.fingerprint,
        "preprocessing": "unit, assumed",  # four images cannot tell
    }


def test_text_is_a_name_first_and_a_number_is_a_number(session):
    assert [session.class_index(each) for each in ("Shirt", "2", 2, "1", 0, "COAT")] == [0, 1, 2, 1, 0, 2]
    with pytest.raises(WorkbenchError, match=r"Did you mean 'Coat'"):
        session.class_index("cot")


def test_a_subset_shares_the_model_and_what_is_known(model, data, counting):
    session = Session(model, data)
    assert len(session.predictions) == 4
    part = session.subset([3, 0])
    assert part.predictions.logits.tolist() == session.predictions.logits[[3, 0]].tolist()
    assert part.predictions.labels.tolist() == [0, 0]
    assert part.dataset.indices.tolist() == [13, 10]
    assert part.probe is session.probe
    np.testing.assert_allclose(part.embeddings, [[1, 1], [1, 0]], atol=1e-6)
    assert counting.seen == 4  # embeddings came with the predictions
    np.testing.assert_array_equal(session.subset(session.predictions.correct).dataset.labels, [0, 1, 2])


def test_sessions_on_other_images_are_the_same_again_and_the_ones_used_last_are_kept(model, data, monkeypatch):
    monkeypatch.setattr(study, "BESIDE", 2)
    session = Session(model, data)
    with ThreadPoolExecutor(4) as pool:
        assert len({id(each) for each in pool.map(session.subset, [[0, 1]] * 8)}) == 1
    parts = [session.subset([row]) for row in range(4)]
    assert len(session._beside) == 2
    assert session.subset([3]) is parts[3]
    assert session.subset([0]) is not parts[0]
    assert parts[0].probe is session.probe  # whoever holds a forgotten one can go on with it


def test_a_session_without_a_model_knows_its_images(data):
    session = Session(None, data, name="not trained yet")
    assert session.analyze("class-balance").findings
    assert (session.context["run"], session.context["model"]) == ("not trained yet", "no-model")
    assert session.training is None
    with pytest.raises(WorkbenchError, match="There is no model here, only images"):
        _ = session.predictions


def test_a_subset_of_a_session_without_predictions_computes_its_own(model, data, counting):
    part = Session(model, data).subset(slice(1, 3))
    np.testing.assert_allclose(part.predictions.logits, LOGITS[1:3], atol=1e-6)
    assert counting.seen == 2


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("predicted", [0, 1]),
        ("label", [0, 0]),
        ("2", [1, 1]),
        (0, [0, 0]),
        (np.int64(2), [2, 2]),
        ("coat", [2, 2]),
        (np.array([2, 0]), [2, 0]),
        ([1, 2], [1, 2]),
    ],
)
def test_a_target_is_a_word_a_class_or_one_class_an_image(session, target, expected):
    given = session.attribute("integrated-gradients", [0, 3], target=target, steps=2)
    assert given.target.tolist() == expected
    # The model is linear: each pixel of a bright half is worth its weight over four pixels.
    kernel = np.array([[1, 0, -1], [0, 2, 1]]) / 4
    for map_, (left, right), c in zip(given.values, ([1, 0], [1, 1]), expected, strict=True):
        half = np.array([left * kernel[0, c]] * 2 + [right * kernel[1, c]] * 2)
        np.testing.assert_allclose(map_, np.stack([half, half]), atol=1e-6)


@pytest.mark.parametrize(
    "contrast", [("label", "predicted"), ("Shirt", "2"), (0, 1), (np.array([0]), "predicted"), ["label", np.int64(1)]]
)
def test_two_classes_make_a_contrast(session, contrast):
    given = session.attribute("integrated-gradients", [3], contrast=contrast, steps=2)
    assert (given.score, given.target.tolist(), given.against.tolist()) == ("contrast", [0], [1])
    np.testing.assert_allclose(given.values[0], [[0.25, 0.25, -0.5, -0.5]] * 2, atol=1e-6)


def test_each_image_of_a_contrast_has_its_own_classes(session):
    given = session.attribute("integrated-gradients", [0, 3], contrast=("predicted", "Coat"), steps=2)
    assert (given.target.tolist(), given.against.tolist()) == ([0, 1], [2, 2])
    # f_Shirt - f_Coat weighs the left half by 1 - (-1); f_2 - f_Coat the right half by 2 - 1, and the left by 0 + 1.
    expected = [[[0.5, 0.5, 0, 0]] * 2, [[0.25, 0.25, 0.25, 0.25]] * 2]
    np.testing.assert_allclose(given.values, expected, atol=1e-6)


def test_the_score_may_be_the_probability(session):
    given = session.attribute("saliency", [2], target="Coat", score="probability")
    odds = np.exp(LOGITS[2]) / np.exp(LOGITS[2]).sum()
    slopes = odds[2] * (np.array([[1, 0, -1], [0, 2, 1]])[:, 2] - np.array([[1, 0, -1], [0, 2, 1]]) @ odds) / 4
    np.testing.assert_allclose(given.values[0], [np.repeat(np.abs(slopes), 2)] * 2, atol=1e-6)
    assert (given.score, given.against) == ("probability", None)


def test_the_background_is_five_training_images_or_of_the_data_where_no_training_part_is_known(model, data, session):
    chance = np.random.default_rng(0)
    many = chance.integers(0, 256, (9, 2, 4, 1), np.uint8)
    train = Dataset(many, np.arange(9) % 3, class_names=NAMES, indices=np.arange(9), name="made/train")
    background = Session(model, data, train=train).background
    assert background.shape == (5, 2, 4, 1) and background.dtype == np.uint8
    rows = [int(np.flatnonzero((many == image).all(axis=(1, 2, 3)))[0]) for image in background]
    assert len(set(rows)) == 5 and rows == sorted(rows)
    np.testing.assert_array_equal(Session(model, data, train=lambda: train).background, background)
    np.testing.assert_array_equal(session.background, data.images)  # there are four


def test_the_background_is_what_the_training_reference_means(model, data):
    """A linear model: each pixel's weight times its difference to the background's mean."""
    train = Dataset(
        data.images[[1, 1, 3]], np.array([1, 1, 0]), class_names=NAMES, indices=np.arange(3), name="made/train"
    )
    session = Session(model, data, train=train)
    given = session.attribute("integrated-gradients", [0], target=1, reference="training", steps=2)
    # f_2 = 2 x the right half: there the background is white, and the image black; the left half has no weight.
    np.testing.assert_allclose(given.values[0], [[0, 0, -0.5, -0.5]] * 2, atol=1e-6)
    np.testing.assert_allclose(given.details["completeness gap"], 0, atol=1e-6)


def test_uploads_need_not_belong_to_the_data(session, data):
    mine = session.attribute_images("saliency", data.images[1:2], np.array([1]))
    np.testing.assert_allclose(mine.values, session.attribute("saliency", [1], target=1).values, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda s: s.attribute("salience", [0]), r"no attribution method 'salience'\. Did you mean 'saliency'"),
        (lambda s: s.attribute("saliency", [4]), r"Image 4 does not exist: 'made/test' has images 0…3"),
        (lambda s: s.attribute("saliency", [0], target="cot"), r"no class 'cot'\. Did you mean 'Coat'"),
        (lambda s: s.attribute("saliency", [0], target=3), r"no class '3'"),
        (lambda s: s.attribute("saliency", [0, 1], target=[0]), r"one class for each of 2 images"),
        (lambda s: s.attribute("saliency", [0], layer="conv"), r"no parameter 'layer'"),
        (
            lambda s: s.attribute("saliency", [0], contrast=("label", "predicted"), target="label"),
            r"`contrast` takes two classes, and replaces `target` and `score`",
        ),
        (lambda s: s.attribute("saliency", [0], contrast=(0, 1), score="probability"), r"`contrast` takes two classes"),
        (lambda s: s.attribute("saliency", [0], contrast=(0, 1, 2)), r"`contrast` takes two classes"),
        (lambda s: s.attribute("saliency", [0], contrast=(0, "cot")), r"no class 'cot'\. Did you mean 'Coat'"),
        (
            lambda s: s.attribute("grad-cam", [0], layer="dense"),
            r"needs a layer that computes \(N, h, w, F\) feature maps .* has none: its weights are in Dense \(1\)\.",
        ),
        (lambda s: s.subset([7]), r"Image 7 does not exist"),
        (lambda s: s.subset([]), r"must hold at least one image"),
    ],
)
def test_what_does_not_exist_is_said(session, call, sentence):
    with pytest.raises(WorkbenchError, match=sentence):
        call(session)


def test_no_rows_is_no_error(session):
    assert session.attribute("saliency", []).at_pixels().shape == (0, 2, 4)


def test_a_model_that_does_not_fit_the_data_is_said(model, data):
    four = Dataset(data.images, data.labels, class_names=(*NAMES, "Bag"), indices=data.indices, name="made/test")
    with pytest.raises(WorkbenchError, match=r"gives 3 scores per image\. 'made/test' has 4 classes"):
        _ = Session(model, four).predictions
    wide = Dataset(
        np.zeros((4, 2, 5, 1), np.uint8), data.labels, class_names=NAMES, indices=data.indices, name="wide/test"
    )
    with pytest.raises(
        WorkbenchError, match=r"takes images of shape \(2, 4, 1\) \(H, W, C\)\. The data has \(2, 5, 1\)"
    ):
        _ = Session(model, wide).probe


def test_training_images_are_loaded_when_asked_for_and_once(model, data):
    loads = []
    session = Session(model, data, train=lambda: (loads.append(1), data)[1])
    assert loads == []
    assert session.train is session.train is data
    assert loads == [1]
    assert Session(model, data).train is None
    assert Session(model, data).history is None


def test_many_threads_compute_once_and_see_the_same(model, data, counting):
    session, start, found, heard = Session(model, data), threading.Barrier(8), [], []

    def work(number):
        start.wait()
        with reporting(lambda *said: heard.append(said)):
            found.append(session.predictions if number % 2 else session.embeddings)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert counting.seen == 4
    assert heard == [("Predictions", 4, 4)]
    assert len({id(each) for each in found if isinstance(each, Predictions)}) == 1
    assert len(found) == 8


def test_it_answers_analyses_by_name(session):
    result = session.analyze("most-confused", top=5)
    assert (result.analysis, result.params["top"]) == ("most-confused", 5)
    assert result.context["data"] == session.dataset.fingerprint
    assert {row for finding in result.findings for row in finding.evidence} == {3}  # the only image that is wrong
    with pytest.raises(WorkbenchError, match=r"no analysis 'most-confusing'\. Did you mean 'most-confused'"):
        session.analyze("most-confusing")


def test_a_session_says_what_it_is_about(session):
    assert repr(session) == "Session('halves', 'made/test', 4 images)"
    assert session.split == "test"
    assert session.class_names == NAMES

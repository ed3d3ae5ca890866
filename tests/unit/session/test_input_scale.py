"""What is said of a model that does not show its scale: measured where labels can tell, else assumed, and said so."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import layers

import workbench as wb
from tests.unit.models.test_input_scaling import UNKNOWN, accuracy, knowing
from tests.unit.models.test_preprocessing_search import SHAPE, halves, wanting
from workbench.diagnosis.opening import Session
from workbench.models.preprocessing import ASSUMED, CONVENTIONS
from workbench.models.probe import Probe
from workbench.models.scale_measurement import measure_scale


def session(model, data=None, **how):
    return Session(model, halves() if data is None else data, cache=False, **how)


@pytest.mark.parametrize("name", CONVENTIONS)
def test_what_it_was_trained_on_is_measured_and_the_numbers_are_said(name):
    asked = session(wanting(name))
    assert asked.predictions.correct.all()
    second = "signed" if name == "unit" else "unit"
    assert asked.preprocessing == name
    assert asked.found == f"measured: best of 5 tried, 100 % of 80 images correct, 50.0 % with {second}"
    assert (asked.assumed, asked.probe.assumption) == ("", "")
    assert asked.context["preprocessing"] == f"{name}, measured"
    assert asked.probe.preprocessing is CONVENTIONS[name]


@pytest.mark.parametrize("name", ["logarithm", "root", "twice", "BatchNormalization", "blue first", "nothing"])
def test_what_cannot_be_followed_is_right_as_plain_keras_says(name):
    model = knowing(*UNKNOWN[name])
    white = UNKNOWN[name][1]
    assert accuracy(model, white) == session(model).predictions.correct.mean() == 1.0


def bright():
    """A model that any positive scale is the same to: whether the left half is brighter than the right one."""
    image = keras.Input(SHAPE)
    left, right = (layers.GlobalAveragePooling2D(keepdims=True)(each) for each in (image[:, :, :2], image[:, :, 2:]))
    both = layers.Flatten()(layers.Concatenate(axis=1)([left, right]))
    model = keras.Model(image, layers.Dense(2)(both))
    model.set_weights([np.repeat(np.eye(2), 3, axis=0), np.zeros(2)])
    return model


def test_a_tie_is_an_assumption_and_has_both_numbers():
    asked = session(bright())
    assert asked.predictions.correct.all()
    assert asked.preprocessing == "auto" and asked.found == ""
    assert asked.assumed.startswith(
        "The pixels' scale is assumed to be 0…1: it cannot be read off the model, and accuracy cannot tell it "
        "(100 % of 80 images correct, 100 % with signed). If that is wrong, every number here is: --preprocessing "
    )
    assert asked.probe.note.endswith(asked.assumed)
    assert asked.context["preprocessing"] == "unit, assumed"


def test_the_best_of_those_that_cannot_be_told_apart_is_taken_where_the_usual_one_is_surely_worse():
    image = keras.Input(SHAPE)
    asked = session(keras.Model(image, wanting("signed")(image) + wanting("imagenet-torch")(image)))
    assert asked.preprocessing in ("signed", "imagenet-torch")
    assert asked.predictions.correct.mean() > 0.9
    assert "accuracy cannot tell" in asked.assumed and asked.assumed.startswith("The pixels are assumed to be ")
    assert asked.context["preprocessing"] == f"{asked.preprocessing}, assumed"


def test_few_images_one_class_or_a_model_that_knows_nothing_cannot_tell():
    few = halves(8)
    assert "and 8 labelled images cannot tell it" in session(wanting("pixels"), few).assumed
    one = halves().subset(np.arange(0, 80, 2))
    assert "and images of one class cannot tell it" in session(wanting("pixels"), one).assumed
    wrong = replace(halves(), labels=np.random.default_rng(0).integers(0, 2, 80), source_fingerprint="")
    said = session(wanting("pixels"), wrong)
    assert said.preprocessing == "auto" and "accuracy cannot tell it" in said.assumed


def test_an_unbalanced_part_is_no_proof_that_the_commonest_class_is_known():
    """Where it is given wrongly this model says "left" of everything, which is right of 95 %."""
    data = halves(400)
    rows = np.concatenate([np.flatnonzero(data.labels == 0), np.flatnonzero(data.labels == 1)[:10]])
    part = data.subset(np.sort(rows))
    image = keras.Input(SHAPE)
    always = keras.Model(image, layers.Dense(2)(layers.Flatten()(image)))
    always.set_weights([np.zeros((48, 2)), np.array([1.0, 0.0])])
    assert "(95.0 % of 200 images correct, 95.0 % with" in session(always, part).assumed


def test_what_is_given_stays_given():
    asked = session(wanting("pixels"), preprocessing="unit")
    assert asked.predictions.correct.mean() == 0.5
    assert (asked.preprocessing, asked.found, asked.assumed) == ("unit", "", "")


def test_other_images_and_parts_share_the_answer():
    asked = session(wanting("signed"), train=halves(40))
    assert asked.training.preprocessing == asked.subset([0, 1]).preprocessing == "signed"
    assert asked.training.found == asked.found
    assert asked.training.model_fingerprint == asked.subset([0]).model_fingerprint == asked.model_fingerprint
    assert asked.training.predictions.correct.all()


def test_the_answer_is_kept_and_read_without_the_model(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "hidden.keras"
    knowing(*UNKNOWN["BatchNormalization"]).save(path)
    first = Session(path, halves())
    assert not first.settled and not first.has_predictions
    assert first.predictions.correct.all()
    monkeypatch.setattr("workbench.models.files.load_model", lambda *_, **__: pytest.fail("it is known"))
    again = Session(path, halves())
    assert again.settled and again.has_predictions
    assert (again.preprocessing, again.found, again.assumed) == (first.preprocessing, first.found, first.assumed)
    assert again.predictions.correct.all()
    monkeypatch.setattr("workbench.session.studied_model.code_digest", lambda: "other code")
    assert not Session(path, halves()).settled


def test_the_answers_of_two_scales_are_not_mixed_up(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path))
    model = wanting("pixels")
    measured, unit, pixels = (Session(model, halves(), preprocessing=name) for name in (None, "unit", "pixels"))
    assert [each.predictions.correct.mean() for each in (measured, unit, pixels)] == [1.0, 0.5, 1.0]
    assert measured.model_fingerprint == pixels.model_fingerprint != unit.model_fingerprint


def test_the_measurement_says_nothing_of_a_probe_alone():
    probe = Probe(wanting("pixels"))
    assert probe.assumption == ASSUMED
    assert measure_scale(probe, halves()).name == "pixels"
    assert probe.assumption == ASSUMED


def test_no_analysis_says_that_a_measured_input_is_wrong():
    asked = session(wanting("pixels"), train=halves(60))
    assert "preprocessing-mismatch" not in {each.kind for each in asked.analyze("sanity-check").findings}


def test_of_a_run_of_our_own_trainer_nothing_is_measured_or_assumed(tiny_run, monkeypatch):
    monkeypatch.setattr("workbench.models.scale_measurement.measure_scale", lambda *_: pytest.fail("it is known"))
    opened = wb.open_session(tiny_run.folder / "tiny", data=tiny_run.data)
    assert opened.settled and (opened.preprocessing, opened.found, opened.assumed) == ("auto", "", "")
    assert opened.model_fingerprint == opened.run.manifest.model_sha256[:16]
    assert "assumed" not in opened.probe.note and "preprocessing" not in opened.context


def shown_but_trained_on_unit():
    """Its first layer divides by 255, and what is behind it knows 0…1 divided by that."""
    image, inner = keras.Input(SHAPE), wanting("unit")
    seen = layers.Conv2D(3, 1, use_bias=False)
    model = keras.Model(image, inner(seen(layers.Rescaling(1 / 255)(image))))
    seen.set_weights([255 * np.eye(3)[None, None]])
    return model


def test_what_the_model_shows_is_kept_and_doubted_where_another_scale_is_surely_better():
    model = shown_but_trained_on_unit()
    assert (accuracy(model, 1), accuracy(model, 255)) == (1.0, 0.5)
    asked = session(model)
    assert (asked.preprocessing, asked.found, asked.scale.given, asked.scale.assumed) == ("auto", "", "pixels", "")
    assert asked.predictions.correct.mean() == 0.5
    assert (
        asked.assumed
        == asked.scale.doubt
        == (
            "The model's layers show that images are given as pixels of 0…255, but scaled to 0…1 is surely more "
            "accurate on 80 images: 100 % instead of 50.0 %. It was trained on such images, or these are not like "
            "those of its training: --preprocessing unit."
        )
    )
    assert asked.probe.note.endswith(asked.assumed)
    assert asked.context["preprocessing"] == "pixels, in doubt"
    assert session(model, preprocessing="unit").assumed == ""


def loud():
    """As accurate on any scale; so sure on 255 times its own that its errors cost more than saying nothing."""
    model = bright()
    image = keras.Input(SHAPE)
    seen = layers.Conv2D(3, 1, use_bias=False)
    whole = keras.Model(image, model(seen(layers.Rescaling(1 / 255)(image))))
    seen.set_weights([255 * np.eye(3)[None, None]])
    return whole


def test_a_loss_above_that_of_saying_nothing_is_a_doubt_too():
    data = halves()
    wrong = replace(data, labels=np.where(np.arange(80) % 8 == 0, 1 - data.labels, data.labels), source_fingerprint="")
    asked = session(loud(), wrong)
    assert asked.predictions.loss.mean() > np.log(2) and asked.predictions.correct.mean() == 0.875
    assert "scaled to 0…1 fits 80 images better: a mean loss of" in asked.scale.doubt
    assert asked.scale.doubt.endswith(
        "If it was trained on such images, open it with --preprocessing unit; else it is too sure of its errors."
    )
    assert session(loud()).scale.doubt == ""  # all correct: nothing could be better


@pytest.mark.parametrize("count", [4, 80])
def test_few_images_or_labels_of_chance_are_no_doubt(count):
    data = halves(count)
    wrong = replace(data, labels=np.random.default_rng(0).integers(0, 2, count), source_fingerprint="")
    assert session(knowing(lambda x: x / 255.0, 255), wrong).scale.doubt == ""


def test_the_best_of_those_tried_is_no_knowledge_where_saying_nothing_costs_less():
    """As where the true scale is none of the five: with the nearest one it is as sure of errors as of the rest."""
    data = halves(200)
    wrong = replace(data, labels=np.where(np.arange(200) % 5 == 0, 1 - data.labels, data.labels), source_fingerprint="")
    image = keras.Input(SHAPE)
    asked = session(keras.Model(image, 100 * wanting("imagenet-caffe")(image)), wrong)
    assert asked.preprocessing == "imagenet-caffe" and asked.found == ""
    assert "no more than the best of the 5 that were tried" in asked.assumed

"""A number under an assumption is never printed without it; what was measured has its numbers beside."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from keras import layers

from tests.unit.models.test_input_scaling import UNKNOWN, knowing
from tests.unit.models.test_preprocessing_search import halves
from workbench.app.cli import main

SAID = "The pixels' scale is assumed to be 0…1: it cannot be read off the model, and accuracy cannot tell it"
SHAPE = (4, 4, 3)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Call the program on a model of this folder; stdout and stderr as one line each."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    data = halves()
    np.savez("halves.npz", x_test=data.images, y_test=data.labels, class_names=np.array(data.class_names))

    def call(*arguments, model):
        if not Path("own.keras").exists():
            model.save("own.keras")
        given = [str(each) for each in arguments]
        done = CliRunner().invoke(main, [*given, "--model", "own.keras", "--data", "halves.npz"])
        assert done.exit_code == 0, done.output
        return done.stdout, done.stderr

    return call


def blind():
    """Any scale is the same to it."""
    image = keras.Input(SHAPE)
    seen = layers.Conv2D(2, (4, 2), strides=(1, 2), use_bias=False, name="seen")
    model = keras.Model(image, layers.Dense(2, use_bias=False)(layers.Flatten()(seen(image))))
    model.set_weights([np.ones((4, 2, 3, 2)), np.array([[1, 0], [0, 0], [0, 1], [0, 0]])])
    return model


def one_line(text):
    return " ".join(text.split())


def test_evaluate_says_it_beside_the_accuracy(run):
    said = one_line(run("evaluate", model=blind())[0])
    assert "accuracy 1.0000" in said and f"assumed {SAID} (100 % of 80 images correct, 100 % with signed)" in said
    answer = json.loads(run("evaluate", "--json", model=None)[0])
    assert answer["assumed"].startswith(SAID) and answer["preprocessing"] == "auto"


def test_evaluate_says_what_was_measured(run):
    model = knowing(*UNKNOWN["BatchNormalization"])
    said = one_line(run("evaluate", model=model)[0])
    assert "accuracy 1.0000" in said and "assumed" not in said
    assert "preprocessing pixels (measured: best of 5 tried, 100 % of 80 images correct, 50.0 % with unit)" in said
    answer = json.loads(run("evaluate", "--json", model=model)[0])
    assert answer["preprocessing"] == "pixels" and "assumed" not in answer
    assert answer["found"] == "measured: best of 5 tried, 100 % of 80 images correct, 50.0 % with unit"


@pytest.mark.parametrize(
    "words",
    [
        ("explain", 3, "--method", "grad-cam", "--no-verdict"),
        ("maps", "saliency", "--limit", 2),
        ("analyze", "confusion-matrix"),
    ],
)
def test_other_commands_say_it_too(run, words, tmp_path):
    model = blind()
    assert SAID in one_line(run(*words, model=model)[0])
    answer, beside = run(*words, "--json", model=model)
    json.loads(answer)
    assert SAID in one_line(beside)
    if words[0] == "maps":
        assert json.loads((tmp_path / "saliency.json").read_text())["assumed"].startswith(SAID)
    if words[0] == "explain":
        assert json.loads(answer)[0]["context"]["preprocessing"] == "unit, assumed"


def test_what_is_asked_for_is_no_assumption(run):
    said, beside = run("evaluate", "--preprocessing", "unit", model=blind())
    assert "assumed" not in said + beside and "preprocessing  unit" in said

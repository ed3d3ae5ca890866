"""`--tokens`: how a transformer's tokens lie on the image, on every surface; what is assumed about it is said."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from keras import layers

import workbench as wb
from workbench.app.cli import main
from workbench.core.errors import WorkbenchError
from workbench.plotting.pieces import caption

SAID = "Its 9 tokens are assumed to be 3×3 places; --tokens says otherwise."


def unseen():
    """A transformer of Keras' own layers; flattened in between, its patches do not show their grid."""
    keras.utils.set_random_seed(2)
    image = keras.Input((12, 12, 1))
    tokens = layers.Reshape((9, 8))(layers.Flatten()(layers.Conv2D(8, 4, strides=4)(image)))
    for n in range(2):
        given = layers.LayerNormalization(name=f"norm{n}")(tokens)
        tokens = layers.Add(name=f"block{n}")([tokens, layers.MultiHeadAttention(2, 4)(given, given)])
    read = layers.GlobalAveragePooling1D()(layers.LayerNormalization(name="norm")(tokens))
    return keras.Model(image, layers.Dense(2, activation="softmax")(read))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with the model and images."""
    folder = tmp_path_factory.mktemp("tokens")
    unseen().save(folder / "own.keras")
    chance = np.random.default_rng(0)
    images = chance.integers(0, 256, (40, 12, 12, 1), np.uint8)
    np.savez(folder / "own.npz", x_test=images, y_test=np.arange(40) % 2, class_names=np.array(["one", "two"]))
    return folder


@pytest.fixture
def run(made, monkeypatch):
    monkeypatch.chdir(made)
    monkeypatch.setenv("WORKBENCH_CACHE", str(made / "cache"))

    def call(*arguments, code=0):
        model = [] if "--predictions" in arguments else ["--model", "own.keras", "--preprocessing", "unit"]
        done = CliRunner().invoke(main, [*arguments, *model, "--data", "own.npz"])
        assert done.exit_code == code, done.output
        return done

    return call


def opened(made, **how):
    return wb.open_session(model=made / "own.keras", data=made / "own.npz", preprocessing="unit", **how)


EXPLAIN = ("explain", "3", "--method", "grad-cam", "--method", "gradient-rollout", "--no-verdict", "--json")


def test_what_is_assumed_is_said_and_written_down(run):
    done = run(*EXPLAIN)
    assert SAID in " ".join(done.stderr.split())
    for each in json.loads(done.stdout):
        assert each["context"]["tokens"] == "3x3 (assumed)"
        assert each["map_size"] == [3, 3]
        assert json.loads(Path(each["file"]).with_suffix(".json").read_text())["context"]["tokens"] == "3x3 (assumed)"


def test_what_is_given_is_written_down_and_nothing_is_assumed(run):
    done = run(*EXPLAIN, "--tokens", "9x1")
    assert "assumed" not in done.stderr
    grad_cam, rollout = json.loads(done.stdout)
    assert grad_cam["context"]["tokens"] == rollout["context"]["tokens"] == "9x1"
    assert grad_cam["map_size"] == rollout["map_size"] == [9, 1]
    assert (grad_cam["layer"], rollout["layer"]) == ("norm1", None)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--tokens", "4x4"), "`tokens` 4x4 are 16 tokens. Its layers hold 9."),
        (("--tokens", "three"), "takes rows × columns of the image's places"),
        (("--tokens", "3x3", "--predictions", "own.npz"), "`--tokens` is for a model. `--predictions` are there"),
    ],
)
def test_what_does_not_fit_is_one_line(run, given, said):
    done = run(*EXPLAIN, *given, code=2)
    assert said in " ".join(done.stderr.split()) and "Traceback" not in done.output


def test_float64_reads_the_same_places(run):
    (one,) = json.loads(run("explain", "3", "--method", "le-grad", "--no-verdict", "--check", "--json").stdout)
    assert one["float64_difference"] < 1e-3
    done = run("explain", "3", "--check", "--no-verdict", "--json", "--tokens", "9x1")
    assert json.loads(done.stdout)[0]["float64_difference"] < 1e-3


def test_a_session_knows_it_without_the_model_and_keeps_its_answers_apart(made, monkeypatch):
    monkeypatch.setenv("WORKBENCH_CACHE", str(made / "cache"))
    usual, given, same = opened(made), opened(made, tokens="9x1"), opened(made, tokens=" 9 x 1 ")
    assert len({usual.model_fingerprint, given.model_fingerprint}) == 2
    assert given.model_fingerprint == same.model_fingerprint
    assert not given.ready and (given.tokens, given.context["tokens"]) == ("9x1", "9x1")
    assert usual.tokens == "" and "tokens" not in usual.context
    assert usual.attribute("attention-rollout", [0, 1]).values.shape == (2, 3, 3)
    assert usual.tokens == "3x3 (assumed)" and usual.assumed.endswith(SAID)
    assert given.subset([0, 1]).attribute("attention-rollout", [0, 1]).values.shape == (2, 9, 1)
    assert given.assumed == ""
    with pytest.raises(WorkbenchError, match="`tokens` is for a model"):
        wb.Session(None, usual.dataset, predictions=usual.predictions, tokens="3x3")


def test_it_stands_in_the_caption_of_a_figure(made, monkeypatch):
    monkeypatch.setenv("WORKBENCH_CACHE", str(made / "cache"))
    assert "tokens 9x1" in caption(opened(made, tokens="9x1").analyze("grad-cam-maps", images=4))


def test_analyses_of_layers_answer_of_tokens(made, monkeypatch):
    monkeypatch.setenv("WORKBENCH_CACHE", str(made / "cache"))
    session = opened(made)
    layers_of = session.analyze("feature-maps").tables["layers"]
    assert {"3×3"} == set(layers_of["size"]) and "norm" in set(layers_of["layer"])
    story = session.analyze("layer-story", images=20, support=30, errors=4, layers=4)
    assert story.findings
    assert session.analyze("channels", channels=3).findings
    assert session.analyze("attribution-gallery", images=2, methods=("le-grad", "hires-cam")).tables

"""A model of one's own on a folder of photographs, from the command line: three colours, mixed sizes, a broken file."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from keras import layers

import workbench as wb
from tests.photos import broken, photos
from workbench.app.cli import main


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A small trained model and its folder; what it takes is not the size of most files."""
    here = tmp_path_factory.mktemp("own")
    folder = photos(here / "photos", 20)
    broken(folder / "red" / "cut.jpg")
    train = wb.load_dataset(folder, split="train", image_size=(16, 20))
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((16, 20, 3)),
            layers.Conv2D(6, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.05), "sparse_categorical_crossentropy")
    model.fit(train.floats(), train.labels, epochs=25, verbose=0)
    model.save(here / "m.keras")
    return here


@pytest.fixture
def run(own, monkeypatch):
    monkeypatch.chdir(own)

    def call(*arguments, code=0):
        done = CliRunner().invoke(main, [str(each) for each in arguments])
        assert done.exit_code == code, done.output
        return done

    return call


SOURCE = ("--model", "m.keras", "--data", "photos")


def test_evaluate_fits_the_images_to_the_model_and_says_what_was_skipped(run):
    done = run("evaluate", *SOURCE, "--json")
    said = json.loads(done.stdout)
    assert "photos: 1 file skipped: red/cut.jpg (truncated)" in done.stderr
    assert "photos: 2 different sizes of images resized to 16×20 (H×W, bilinear) and stretched, since" in done.stderr
    assert "0.9" in json.dumps(said) or "1.0" in json.dumps(said)
    session = wb.open_session(model="m.keras", data="photos")
    assert (session.dataset.image_shape, len(session.dataset)) == ((16, 20, 3), 12)
    assert session.predictions.correct.mean() > 0.9
    assert len(session.train) == 48


def test_each_part_can_be_looked_at(run):
    for split, count in (("train", 48), ("validation", 5), ("test", 12)):
        assert len(wb.open_session(model="m.keras", data="photos", split=split).predictions) == count
    assert "there is no split 'tst'" in run("evaluate", *SOURCE, "--split", "tst", code=2).stderr.casefold()


def test_start_computes_the_predictions_and_serves_them(run, monkeypatch):
    served = []
    monkeypatch.setattr("workbench.app.page.server.serve", lambda session, **settings: served.append(session))
    done = run("start", *SOURCE, "--port", "0", "--no-browser")
    assert served[0].has_predictions
    assert served[0].dataset.notes
    assert "photos/test, 12 images of 3 classes" in done.stdout
    assert "leave out the run" in run("start", *SOURCE, "--retrain", code=2).stderr


def test_diagnose_and_figures_work_from_the_same_options(run, own):
    found = json.loads(run("diagnose", "--fast", *SOURCE, "--json").stdout)
    assert not [each for each in found["findings"] if each["severity"] in ("serious", "critical")]
    told = " ".join(run("diagnose", "--fast", *SOURCE).stdout.split())
    assert told.count("details: workbench analyze ") == len(found["findings"]) > 0
    for each in found["findings"]:
        assert f"details: workbench analyze {each['analysis']} --model " in told
    assert told.count(" --data photos") == len(found["findings"])
    run("figures", "--only", "confusion-matrix,samples", *SOURCE, "--out", own / "figures")
    assert len(list((own / "figures").rglob("*.png"))) == 2


def test_names_and_size_are_flags(run, own):
    (own / "names.txt").write_text("red\ngreen\nblue\n")
    data = json.loads(
        run("data", "--data", "photos", "--class-names", "names.txt", "--image-size", "8x9", "--json").stdout
    )
    assert (data["class_names"], data["image_shape"]) == (["red", "green", "blue"], [8, 9, 3])
    assert data["skipped"] == {"red/cut.jpg": "truncated"}
    assert data["parts"]["test"]["of_class"] == {"red": 4, "green": 4, "blue": 4}
    said = run("evaluate", *SOURCE, "--class-names", "a,b", code=2).stderr
    assert "has 3 classes, so `class_names` must be 3 names. Got 2: a and b." in said
    assert "There is no data set 'phtos'" in run("evaluate", "--model", "m.keras", "--data", "phtos", code=2).stderr
    assert "need a folder of images" in run("data", "--data", "fashion-mnist", "--image-size", "9", code=2).stderr


def test_a_run_knows_its_classes_and_its_validation_images(tiny_run, monkeypatch):
    monkeypatch.setenv("WORKBENCH_RUNS", str(tiny_run.folder))
    session = wb.open_session("tiny", split="validation")
    accuracy = session.run.manifest.metrics["validation"]["accuracy"]
    assert session.predictions.correct.mean() == pytest.approx(accuracy)
    assert np.array_equal(session.dataset.labels, session.train.labels[-len(session.dataset) :])


def test_links_out_of_a_folder_are_followed_where_it_is_asked_for(run, own):
    (own / "linked").mkdir()
    for each in (own / "photos").iterdir():
        (own / "linked" / each.name).symlink_to(each)
    assert "links out of it: --follow-links follows them." in run("data", "--data", "linked", code=2).stderr
    followed = json.loads(run("data", "--data", "linked", "--follow-links", "--json").stdout)
    assert followed["parts"] == json.loads(run("data", "--data", "photos", "--json").stdout)["parts"]

"""How files become pixels is tried against the labels, kept with a run, and never taken for a turned picture."""

from __future__ import annotations

import shutil

import keras
import numpy as np
import pytest
from PIL import Image

import workbench as wb
from workbench.data import load_dataset
from workbench.training.recipes import TrainingJob
from workbench.training.trainer import train


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """Pictures three times as wide as high: a bright end at the left or at the right; and a model that knows which."""
    folder = tmp_path_factory.mktemp("wide")
    for number in range(120):
        pixels = np.random.default_rng(number).integers(0, 60, (8, 24), np.uint8)
        name = ("left", "right")[number % 2]
        pixels[:, : 6 if name == "left" else None][:, 0 if name == "left" else 18 :] += 150
        (folder / "test" / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / "test" / name / f"{number}.png")
    kernel = np.zeros((8, 8, 2), np.float32)
    kernel[:, :2, 0] = kernel[:, 6:, 1] = 1
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(2)]
    )
    model.layers[-1].set_weights([kernel.reshape(64, 2), np.zeros(2, np.float32)])
    model.save(folder / "m.keras")
    return folder


def test_the_default_is_what_keras_reader_gives(wide):
    session = wb.open_session(model=wide / "m.keras", data=wide)
    read = keras.utils.image_dataset_from_directory(
        wide / "test", image_size=(8, 8), color_mode="grayscale", shuffle=False, verbose=False
    )
    scores = keras.saving.load_model(wide / "m.keras").predict(read, verbose=0)
    labels = np.concatenate([labels for _, labels in read])
    assert session.predictions.correct.mean() == (scores.argmax(axis=1) == labels).mean() == 1
    assert any("trained with another fit sees other images: --fit pad or crop" in n for n in session.dataset.notes)


def test_sanity_check_and_find_name_the_fit(wide):
    session = wb.open_session(model=wide / "m.keras", data=wide, fit="crop")
    assert session.predictions.correct.mean() < 0.7
    findings = session.analyze("sanity-check").findings
    (found,) = [each for each in findings if each.kind == "preprocessing-mismatch"]
    assert found.claim.endswith("100 % if they are stretched instead of cropped.")
    assert found.advice == "Open it with --fit stretch, and fit images in this way in use."
    assert len(findings) == 1  # neither turned nor collapsed
    asked = wb.open_session(model=wide / "m.keras", data=wide, fit="crop", preprocessing="find")
    assert asked.predictions is not None
    assert asked.found.endswith("→ 100 % if the images are stretched instead of cropped: --fit stretch.")
    right = wb.open_session(model=wide / "m.keras", data=wide).analyze("sanity-check")
    assert [each.severity for each in right.findings] == ["info"]


def test_a_dataset_gives_itself_with_another_fit_and_no_two_are_taken_for_one(wide):
    data = load_dataset(wide, image_size=8)
    fits = {fit: data.refit(fit) for fit in data.other_fits} | {data.fit[0]: data}
    assert sorted(fits) == ["crop", "pad", "stretch"]
    assert len({each.fingerprint for each in fits.values()}) == 3
    for fit, each in fits.items():
        again = load_dataset(wide, image_size=8, fit=fit)
        assert again.fingerprint == each.fingerprint
        assert np.array_equal(again.images[:4], each.images[:4])
    assert load_dataset(wide, image_size=8, interpolation="nearest").fingerprint != data.fingerprint
    whole, same = load_dataset(wide), load_dataset(wide, fit="crop")  # of the files' own size
    assert (whole.fingerprint, whole.other_fits) == (same.fingerprint, ())


def test_a_run_is_evaluated_with_the_fit_it_was_trained_with(wide, tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_RUNS", str(tmp_path))
    both = tmp_path / "both"
    for part in ("train", "test"):
        shutil.copytree(wide / "test", both / part)
    reading = {"fit": "crop", "image_size": (28, 28)}
    job = TrainingJob.plan("report", {"epochs": 1, "batch_size": 32}, dataset=str(both), reading=reading)
    run = train("cropped", job=job, folder=tmp_path)
    assert (run.manifest.reading["fit"], run.manifest.reading["interpolation"]) == ("crop", "bilinear")
    session = wb.open_session("cropped")
    assert session.dataset.fit == ("crop", "bilinear") and session.has_predictions
    assert wb.open_session("cropped", data=wide).dataset.fit[0] == "crop"
    other = wb.open_session("cropped", fit="stretch").dataset
    assert other.fit[0] == "stretch"
    assert "fit stretch, as requested; run cropped was trained with crop" in other.notes

"""What a notebook is shown of the nouns: a little, whole, and nothing from outside as markup."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tests.verdicts import verdict
from workbench.core.attribution import Attribution
from workbench.core.dataset import Dataset
from workbench.core.estimate import Estimate
from workbench.core.finding import Finding
from workbench.core.notebook import coloured, pictures_html
from workbench.core.predictions import Predictions
from workbench.diagnosis.diagnose import Diagnosis
from workbench.diagnosis.opening import Session
from workbench.diagnosis.ranking import Diagnosed

HOSTILE = '<img src=x onerror="alert(1)">'


def data(side=28, count=40, classes=3):
    pixels = np.random.default_rng(0).integers(0, 256, (count, side, side, 3), np.uint8)
    names = (HOSTILE, *(f"class {n}" for n in range(1, classes)))
    labels = np.arange(count) % classes
    files = np.array([f"{HOSTILE}/{n}.png" for n in range(count)])
    return Dataset(pixels, labels, class_names=names, indices=np.arange(count), name=f"{HOSTILE}/test", names=files)


def finding(n=0):
    cost = Estimate(0.1, 0.05, 0.2, unit="%")
    return Finding(
        f"{HOSTILE} {n} " + "long " * 80, severity="serious", kind="label-noise", evidence=range(9), cost=cost
    )


def nouns():
    dataset = data()
    logits = np.random.default_rng(1).normal(size=(40, 3)).astype(np.float32)
    said = Predictions(logits, dataset.labels)
    session = Session(None, dataset, predictions=logits, cache=False)
    maps = Attribution(
        np.random.default_rng(2).normal(size=(40, 7, 7)).astype(np.float32),
        target=dataset.labels,
        score="logit",
        signed=True,
        method="grad-cam",
        params={"layer": HOSTILE},
        layer=HOSTILE,
        image_size=(28, 28),
        unit="logit",
        verdicts=(verdict(),) * 40,
    )
    ranked = tuple(Diagnosed(rank=n, finding=finding(n), analysis="label-issues", params={}) for n in range(1, 200))
    diagnosis = Diagnosis(findings=ranked, asked={}, left_out={HOSTILE: "x"}, context={"run": HOSTILE}, quick=False)
    return [dataset, said, session, session.images, session.images.where("correct:no"), maps, finding(), diagnosis]


@pytest.mark.parametrize("noun", nouns(), ids=lambda each: type(each).__name__)
def test_it_is_small_and_nothing_from_outside_is_markup(noun):
    shown = noun._repr_html_()
    assert 100 < len(shown) < 300_000
    assert "<img src=x" not in shown and "onerror=" not in re.sub(r"&lt;.*?&gt;", "", shown)
    text = repr(noun)
    assert text.count("\n") < 15 and len(text) < 3_000


def test_even_of_large_images_and_many_classes_it_is_small():
    wide = Dataset(
        np.random.default_rng(0).integers(0, 256, (30, 600, 900, 3), np.uint8),
        np.arange(30),
        class_names=tuple(f"class {n}" for n in range(1000)),
        indices=np.arange(30),
        name="wide/test",
    )
    assert len(wide._repr_html_()) < 300_000
    assert repr(wide) == "Dataset('wide/test', 30 images, 600×900×3, 1,000 classes)"


def test_the_pictures_are_those_of_the_images():
    image = np.random.default_rng(0).integers(0, 256, (9, 5, 3), np.uint8)
    html = pictures_html([image], ["a.png"], ["words"])
    (found,) = re.findall(r"base64,([^\"]+)", html)
    assert (np.asarray(Image.open(io.BytesIO(base64.b64decode(found)))) == image).all()


def test_a_map_is_orange_for_the_class_blue_against_it_and_white_at_zero():
    pixels = coloured(np.array([[2.0, 0.0, -2.0, 1.0]]), signed=True)[0]
    assert pixels.tolist() == [[230, 97, 0], [255, 255, 255], [33, 102, 171], [242, 176, 128]]
    assert coloured(np.zeros((1, 1)), signed=False).tolist() == [[[255, 255, 255]]]


def test_what_is_said_of_a_session_are_its_numbers():
    unnamed = replace(data(), names=None, named=None)
    session = Session(None, unnamed, predictions=np.eye(3)[np.arange(40) % 3], cache=False)
    assert "100 % (95 % interval 91.2–100 %)" in session._repr_html_()
    assert repr(session.predictions) == "Predictions(40 images, 3 classes, 40 correct)"

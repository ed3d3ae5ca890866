"""Explanations by example on the page: each image leads to them, and what they show leads on."""

from __future__ import annotations

from urllib.parse import parse_qsl

import keras
import numpy as np
import pytest
from starlette.testclient import TestClient

from tests.patience import PATIENCE
from workbench.app.page.application import create_app
from workbench.app.page.desk import Desk
from workbench.app.page.panes.detail import also_html
from workbench.app.page.view import read
from workbench.core.dataset import Dataset
from workbench.diagnosis.opening import Session


def part(name, count, seed):
    chance = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    images = chance.integers(0, 80, (count, 12, 12, 1), dtype=np.uint8)
    images[labels == 1, :6, :6] += 90
    labels[::5] = 1 - labels[::5]
    return Dataset(images, labels, class_names=("a", "b"), indices=np.arange(count), name=f"made/{name}")


@pytest.fixture(scope="module")
def desk():
    """Twenty images, a fifth of them with the other label, so that there are errors."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            keras.layers.Conv2D(4, 3, activation="relu", name="conv"),
            keras.layers.Flatten(),
            keras.layers.Dense(2, "softmax"),
        ]
    )
    train = part("train", 60, 0)
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    model.fit(train.images / 255, train.labels, epochs=5, verbose=0)
    session = Session(model, part("test", 20, 1), train=train, cache=False)
    assert not session.predictions.correct.all() and session.predictions.correct.any()
    made = Desk(session)
    yield made
    made.close()


def test_an_error_leads_to_what_helped_and_harmed_and_to_its_counterfactual_example(desk, parse):
    row = int(np.flatnonzero(~desk.session.predictions.correct)[0])
    page = parse(also_html(desk, row))
    sections = {dict(parse_qsl(each["href"][1:])).get("section") for each in page.all("a")}
    assert {"influence", "counterfactual-examples", "neighbours"} <= sections


@pytest.mark.parametrize(("name", "part"), [("influence", "train"), ("counterfactual-examples", "data")])
def test_its_pictures_lead_to_their_images(desk, name, part):
    row = int(np.flatnonzero(~desk.session.predictions.correct)[0])
    key, job = desk.answer(name, {"row": row}, wait=PATIENCE)
    assert not job.error
    client = TestClient(create_app(desk, background=False), base_url="http://127.0.0.1")
    client.get(f"/figure/{key}.png")
    views = [read(dict(parse_qsl(each["href"][1:]))) for each in client.get(f"/figure/{key}.json").json()]
    seen = {(view.part, view.image) for view in views}
    assert ("data", row) in seen
    table = job.value.tables["images"]
    others = set(table["train_row" if name == "influence" else "other_row"].tolist())
    assert others and {(part, each) for each in others} <= seen

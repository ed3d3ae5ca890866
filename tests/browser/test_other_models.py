"""The page on models that are not ours: colour and residual, nested, and without any convolution."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers
from playwright.sync_api import expect

from tests.own import NAMES, own
from tests.tiny import HOSTILE
from workbench.app.page.desk import Desk
from workbench.app.page.page import warm
from workbench.core.dataset import Dataset
from workbench.diagnosis.opening import Session


def residual():
    """A colour network with normalisation, a shortcut and global pooling."""
    image = keras.Input((32, 32, 3))
    first = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(6, 3, strides=2, padding="same")(image)))
    second = layers.Conv2D(6, 3, padding="same")(first)
    pooled = layers.GlobalAveragePooling2D()(layers.ReLU(name="joined")(layers.Add()([first, second])))
    return keras.Model(image, layers.Dense(4, activation="softmax")(pooled))


def nested():
    """A backbone inside, as a transfer model has it."""
    backbone = keras.Sequential(
        [keras.Input((24, 24, 3)), layers.Conv2D(5, 3, activation="relu", name="seen"), layers.MaxPooling2D()],
        name="backbone of <b>",
    )
    image = keras.Input((24, 24, 3))
    pooled = layers.GlobalAveragePooling2D()(backbone(layers.Rescaling(2.0, offset=-1.0)(image)))
    return keras.Model(image, layers.Dense(3)(pooled))


def dense():
    """Two classes, and no convolution."""
    return keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(8, "relu"), layers.Dense(2)])


@pytest.mark.parametrize(
    ("build", "layered"), [(residual, "joined, 16×16 → 32×32"), (nested, "seen, 22×22 → 24×24"), (dense, "")]
)
def test_maps_verdicts_and_values_of_another_model(served, settled, complaints_of, build, layered):
    model, chance = build(), np.random.default_rng(3)
    classes, shape = model.output_shape[1], model.input_shape[1:]
    for weight in model.weights:
        drawn = chance.normal(0, 0.5, weight.shape)
        # The root of a negative variance is NaN, or not, as the processor has it.
        weight.assign(0.1 + np.abs(drawn) if "variance" in weight.path else drawn)
    images = chance.integers(0, 256, (12, *shape), np.uint8)
    names = (*HOSTILE, "${7*7}")[:classes]
    dataset = Dataset(images, np.arange(12) % classes, class_names=names, indices=np.arange(12), name="made/test")
    session = Session(model, dataset, name="<model>", cache=False)
    page = served(Desk(session, warm), "")
    complaints = complaints_of(page)
    page.goto(f"{page.url}?section=errors&true=any&predicted=any")
    expect(page.locator("#detail figure")).to_have_count(4)
    settled(page)
    expect(page.locator("#detail .badge", has_text="weights")).to_have_count(4)
    expect(page.locator("#detail .problem")).to_have_count(0)
    page.locator("#detail .st").nth(1).hover()
    expect(page.locator("#value")).to_contain_text(f"of {shape[0]}×{shape[1]}")
    page.get_by_role("button", name="Maps (4)").click()
    out = page.locator("#methods .entry.off")
    if layered:
        expect(page.locator("#detail .unit").first).to_contain_text(layered)
        expect(out.filter(has_text="needs a layer")).to_have_count(0)
    else:
        expect(
            out.filter(has_text="Grad-CAM needs a layer that computes (N, h, w, F) feature maps").first
        ).to_be_visible()
        expect(out.locator("input:not([disabled])")).to_have_count(0)
        expect(page.locator("#detail select[data-set=layer]")).to_have_count(0)
    assert complaints == []


@pytest.mark.parametrize("name", NAMES)
def test_a_trained_model_of_one_s_own_is_explained_and_judged(served, settled, complaints_of, name):
    mine = own(name)
    session = Session(mine.model, mine.test, name=name, train=mine.train, cache=False)
    page = served(Desk(session, warm), "")
    complaints = complaints_of(page)
    page.goto(f"{page.url}?section=errors&image=0")
    expect(page.locator("#detail figure")).to_have_count(4)
    settled(page)
    expect(page.locator("#detail .badge", has_text="weights")).to_have_count(4)
    page.get_by_role("button", name="Maps (4)").click()
    refused = page.locator("#methods .entry.off", has_text="This model has no")
    expect(refused).to_have_count(len(mine.refused))
    assert complaints == []


def test_the_tokens_of_a_transformer_are_shown_as_maps(served, settled, complaints_of):
    mine = own("transformer")
    session = Session(mine.model, mine.test, name="transformer", train=mine.train, cache=False)
    page = served(Desk(session, warm), "")
    complaints = complaints_of(page)
    names = ("grad-cam", "attention-rollout", "gradient-rollout", "le-grad")
    page.goto(f"{page.url}?section=errors&image=0&methods={','.join(names)}")
    expect(page.locator("#detail figure")).to_have_count(4)
    settled(page)
    units = page.locator("#detail .unit")
    expect(units.filter(has_text="6×6 → 24×24")).to_have_count(4)
    expect(units.filter(has_text="norm1, 6×6")).to_have_count(1)
    expect(page.locator("#detail .problem")).to_have_count(0)
    chosen = page.locator("#detail select[data-set=layer] option:checked")
    expect(chosen).to_have_text("norm1 6×6")
    page.get_by_role("button", name="Maps (4)").click()
    family = page.locator("#methods section", has_text="Attention of a transformer's tokens")
    expect(family.locator(".entry:not(.off)")).to_have_count(3)
    assert complaints == []

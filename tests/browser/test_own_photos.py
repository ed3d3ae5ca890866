"""The page on a folder of colour JPEGs of mixed sizes, one of them broken, and on an upload of your own."""

from __future__ import annotations

import io

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image
from playwright.sync_api import expect

from tests.own import shapes
from workbench.app.page.desk import Desk
from workbench.diagnosis.opening import open_session

CLASSES = ("square", "a cross whose name is longer than any column has room for", "frame")
SIDE = 224


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    images, labels = shapes(24, SIDE, 0)
    for row, (image, label) in enumerate(zip(images, labels, strict=True)):
        place = folder / "data" / ("train" if row < 12 else "test") / CLASSES[label]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).resize((200 + 10 * row, 300 - 5 * row)).save(place / f"{row}.jpg", quality=90)
    (folder / "data" / "test" / CLASSES[0] / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            layers.Conv2D(4, 7, strides=8, activation="relu", name="seen"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3),
        ]
    )
    model.save(folder / "photos.keras")
    return open_session(model=folder / "photos.keras", data=folder / "data")


def jpeg(width: int, height: int) -> bytes:
    stream = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(stream, format="JPEG", quality=95)
    return stream.getvalue()


def test_photos_are_scaled_said_about_and_explained_and_so_is_an_upload(served, complaints_of, photos):
    desk = Desk(photos)
    desk.diagnosing.answered = lambda *_, **__: None  # what is wrong with them is not the question here
    desk.diagnosing.start = lambda *_, **__: ("diagnosis-quick", desk.opening)
    page = served(desk, "?section=start")
    complaints = complaints_of(page)
    about = page.locator(".facts dd", has_text="1 file skipped")
    expect(about).to_contain_text("broken.jpg")
    expect(about).to_contain_text("resized to 224×224")

    page.goto(f"{page.url.partition('?')[0]}?section=errors&true=any&predicted=any")
    expect(page.locator("#detail figure")).to_have_count(4)
    thumbs = page.locator("#gallery .grid img")
    expect(thumbs.first).to_be_visible()
    assert thumbs.first.get_attribute("src").startswith("data:image/jpeg")
    assert all(len(each.get_attribute("src")) < 60_000 for each in thumbs.all())
    expect(thumbs.first).to_have_css("image-rendering", "auto")
    whole = page.locator("#detail .one img")
    expect(whole).to_have_css("image-rendering", "pixelated")  # pixel for pixel: 224 on 224
    expect(whole).to_have_js_property("width", SIDE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 1440

    page.goto(f"{page.url.partition('?')[0]}?section=own")
    photo = {"name": "holiday.jpg", "mimeType": "image/jpeg", "buffer": jpeg(2400, 1600)}
    assert len(photo["buffer"]) > 2 * 2**20
    page.locator("[data-upload]").set_input_files(photo)
    expect(page.locator("#main .done")).to_contain_text("holiday.jpg")
    expect(page.locator("#main .done")).to_contain_text("resized from 2400×1600 to 224×224")
    expect(page.locator("#detail figure")).to_have_count(4)
    expect(page.locator("#main canvas")).to_have_css("width", "392px")
    assert complaints == []

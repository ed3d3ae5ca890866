"""A folder of one's own, from findings to files on disk, by its metadata, and from an image to those like it."""

from __future__ import annotations

import csv
import json
import re

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from keras import layers
from playwright.sync_api import expect

import workbench as wb
from tests.photos import COLOURS, picture
from workbench.app.cli import main
from workbench.app.page.desk import Desk

EACH = 16
"""Files of a class in each part."""
WRONG = {"test": ("red", "blue", (3, 4)), "train": ("green", "red", (5, 6, 7))}
"""Files of the first class that lie in the folder of the second."""


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """JPEGs, some in the wrong folder, a table of what else is known of them, and a model trained on right ones."""
    here = tmp_path_factory.mktemp("own")
    rows = []
    for part, first in (("train", 0), ("test", 100)):
        moved, to, numbers = WRONG[part]
        for label, (name, colour) in enumerate(COLOURS.items()):
            for number in range(EACH):
                folder = to if name == moved and number in numbers else name
                place = here / "photos" / part / folder / f"{name}-{number}.jpg"
                place.parent.mkdir(parents=True, exist_ok=True)
                picture(colour, 16, 16, 1000 * label + first + number).save(place, quality=95)
                rows.append((f"{part}/{folder}/{place.name}", "north gate" if number % 4 == 0 else "yard", number / 8))
    with (here / "photos" / "metadata.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file", "camera", "lux"), *rows])
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(6, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3),
        ]
    )
    images = np.stack([np.array(picture(colour, 16, 16, row)) for colour in COLOURS.values() for row in range(40)])
    model.compile(keras.optimizers.Adam(0.05), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(images, np.repeat(np.arange(3), 40), epochs=12, verbose=0)
    model.save(here / "m.keras")
    return here


@pytest.fixture
def run(own, monkeypatch, tmp_path):
    monkeypatch.chdir(own)
    monkeypatch.setenv("WORKBENCH_WORKSPACE", str(tmp_path))

    def call(*arguments):
        done = CliRunner().invoke(main, [*arguments, "--model", "m.keras", "--data", "photos"])
        assert done.exit_code == 0, done.output
        return done.stdout

    return call


@pytest.fixture
def page(own, served, settled):
    def opened(query):
        desk = Desk(lambda: wb.open_session(model=own / "m.keras", data=own / "photos"))
        shown = served(desk, query)
        settled(shown)
        return shown

    return opened


def lying(own, part):
    """Names of the files that lie in a wrong folder."""
    moved, to, numbers = WRONG[part]
    return sorted(f"{part}/{to}/{moved}-{number}.jpg" for number in numbers)


def test_what_a_finding_prints_is_a_file_on_disk(own, run, page, settled):
    found = json.loads(run("diagnose", "--fast", "--json"))
    assert len(found["findings"]) > 1
    for finding in found["findings"]:
        assert all((own / "photos" / name).is_file() for name in finding["images"])
    assert any(set(lying(own, "test")) <= set(finding["images"]) for finding in found["findings"])
    # the same on the page: the finding's images, by name, as a list of paths
    shown = page("?section=calibration")
    shown.locator("#answer .evidence a").first.click()
    shown.wait_for_function("location.search.includes('set=finding')")
    settled(shown)
    expect(shown.locator("#detail h2").first).to_have_text(re.compile(r"^test/\w+/\w+-\d+\.jpg$"))
    name = shown.locator("#detail h2").first.inner_text()
    assert (own / "photos" / name).is_file()


def test_a_column_of_the_metadata_narrows_the_images(own, run, page, settled):
    expected = sorted(
        path.relative_to(own / "photos").as_posix()
        for path in (own / "photos" / "test").rglob("*.jpg")
        if int(path.stem.partition("-")[2]) % 4 == 0
    )
    where = 'camera:"north gate"'
    assert run("images", "--where", where, "--sort", "name", "--format", "paths").split() == expected
    shown = page("?section=images")
    shown.get_by_role("group", name="camera").get_by_role("button", name="north gate").click()
    settled(shown)
    assert shown.evaluate("new URLSearchParams(location.search).get('where')") == where
    expect(shown.locator("#main .status .found")).to_contain_text(f"{len(expected)} images")
    shown.fill("#images-where", f"{where} lux>=1")
    shown.keyboard.press("Enter")
    settled(shown)
    bright = [name for name in expected if int(name.partition("-")[2].partition(".")[0]) >= 8]
    expect(shown.locator("#main .status .found")).to_contain_text(f"{len(bright)} images")
    assert sorted(run("images", "--where", f"{where} lux>=1", "--format", "paths").split()) == bright


def test_images_like_one_are_found_in_both_parts_and_lead_on(own, run, page, settled):
    name = lying(own, "test")[0]  # a red one among the blue
    nearest = run("images", "--nearest", name, "--part", "train", "--limit", "12", "--format", "paths").split()
    assert {path.rpartition("/")[2].partition("-")[0] for path in nearest} == {"red"}
    assert all((own / "photos" / path).is_file() for path in nearest)
    row = wb.load_dataset(own / "photos", split="test").names.tolist().index(name)
    shown = page(f"?section=images&image={row}")
    shown.get_by_role("button", name="Find the nearest images").click()
    settled(shown)
    for whose in ("Training images, by the model", "Test images, by pixels"):
        expect(shown.locator(".near h3", has_text=whose)).to_be_visible()
    like = shown.locator(".near > div", has_text="Training images, by the model").locator(".evidence a")
    assert like.first.get_attribute("title").startswith(f"{nearest[0]}, ")
    like.first.click()
    settled(shown)
    expect(shown.locator("#detail h2").first).to_have_text(nearest[0])
    expect(shown.locator("#detail .walk")).to_contain_text("1 of ")

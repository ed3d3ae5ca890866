"""Figures of the page: a place of their size, links over what stands for images, two themes, drawn once for all."""

from __future__ import annotations

import io
from urllib.parse import parse_qsl

import numpy as np
import pytest
from PIL import Image

from tests.patience import PATIENCE
from workbench.app.drawn_figure import kept_figure
from workbench.app.page import desk as desk_module
from workbench.app.page.application import create_app
from workbench.app.page.desk import Desk
from workbench.app.page.panes.figure import view_of
from workbench.app.page.panes.section import result_html
from workbench.app.page.view import read
from workbench.core.finding import Finding
from workbench.core.image_set import ImageSet
from workbench.core.result import Result
from workbench.diagnosis import registry


@pytest.fixture
def client_of():
    from starlette.testclient import TestClient

    return lambda desk: TestClient(create_app(desk, background=False), base_url="http://127.0.0.1")


def pixels(answer):
    return np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB"))


def test_a_place_of_the_right_size_stands_before_the_picture_is_drawn(desk, parse, client_of):
    key, job = desk.answer("most-confused", {}, wait=PATIENCE)
    page = parse(result_html(desk, job.value, key, read({"section": "most-confused"})))
    (image,) = page.all("img", data_figure=key)
    assert image["alt"] == registry.analysis("most-confused").question()
    height, width = pixels(client_of(desk).get(f"/figure/{key}.png")).shape[:2]
    assert (image["width"], image["height"]) == (str(width), str(height))
    assert page.all("div", class_="sheet loading")[0]["style"] == f"width:{width}px"


def test_links_lead_to_the_images_that_they_count(desk, client_of):
    key, _ = desk.answer("most-confused", {}, wait=PATIENCE)
    client = client_of(desk)
    places = client.get(f"/figure/{key}.json").json()
    picture = pixels(client.get(f"/figure/{key}.png"))
    height, width = picture.shape[:2]
    assert sorted(place["level"] for place in places) == list(range(len(places)))
    kinds = set()
    for place in places:
        view = read(dict(parse_qsl(place["href"][1:])))
        sides = np.array(place["box"]) / 100 * [width, height, width, height]
        left, top, wide, tall = sides.round().astype(int).tolist()
        if view.image is not None:
            kinds.add("image")
            inside = picture[top + 3 : top + tall - 3, left + 3 : left + wide - 3]
            assert (inside == 30 * view.image).all(), place  # images of one grey each
            assert str(desk.session.dataset.names[view.image]) in place["title"]
        elif view.section == "errors":
            kinds.add("cell")
            assert f": {desk.board.counts[view.true][view.predicted]} of " in place["title"]
        else:
            kinds.add("query")
            assert view.section == "images"
            assert f": {len(desk.session.images.where(view.where))} of " in place["title"]
    assert kinds == {"image", "cell", "query"}


def test_a_dark_page_has_dark_figures(desk, client_of):
    key, _ = desk.answer("class-balance", {}, wait=PATIENCE)
    client = client_of(desk)
    light, dark = (pixels(client.get(f"/figure/{key}.png?theme={theme}")) for theme in ("light", "dark"))
    assert light.shape == dark.shape
    assert light[2, 2].tolist() == [255, 255, 255]
    assert dark[2, 2].tolist() == [0x16, 0x1A, 0x21]
    assert (dark.min(axis=-1) > 200).mean() < 0.1  # no white slab
    assert client.get(f"/figure/{key}.json?theme=dark").json() == client.get(f"/figure/{key}.json").json()


def test_what_one_process_drew_no_other_draws_again(desk, dataset, hand, monkeypatch, tmp_path):
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    desk.session.cache = True
    key, job = desk.answer("class-balance", {}, wait=PATIENCE)
    first = {theme: desk.figure(key, theme) for theme in ("light", "dark")}
    of_some = registry.compute(desk.session.subset([0, 4]), "class-balance")
    assert kept_figure(desk.session, job.value, "light") == first["light"]
    assert kept_figure(desk.session, of_some, "light") is None  # another figure, though asked the same

    monkeypatch.setattr(desk_module.registry, "draw", lambda _: pytest.fail("it is drawn again"))
    other = Desk(desk.session)
    assert other.answer("class-balance", {}, wait=PATIENCE)[0] == key
    assert other.figure_size(key) == first["light"].size
    assert {theme: other.figure(key, theme) for theme in first} == first
    other.close()

    for path in (tmp_path / "cache").rglob("class-balance-*-light-*.npz"):
        path.write_bytes(b"damaged")
    assert kept_figure(desk.session, job.value, "light") is None


def test_the_views_of_training_images_and_findings():
    result = Result(
        analysis="samples",
        params={"count": 9, "seed": 0},
        findings=(Finding("It is."), Finding("So.", evidence=ImageSet([3], part="train"), part="train")),
    )
    assert view_of({"image": "7", "part": "train"}, result) == {"section": "images", "part": "train", "image": "7"}
    assert view_of({"query": "label:a", "part": "train"}, result) == {
        "section": "images",
        "where": "label:a",
        "part": "train",
    }
    shown = view_of({"analysis": "samples", "finding": "1"}, result)
    assert (shown["part"], shown["set"].partition("?")[0]) == ("train", "finding/samples/1")
    assert "part" not in view_of({"analysis": "samples", "finding": "0"}, result)
